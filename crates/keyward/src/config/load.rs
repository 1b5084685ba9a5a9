//! Reads the file and the environment into the schema.

use super::database::hide_passwords;
use super::schema::Config;
use super::{ConfigFault, ConfigFaults, form};
use figment::Figment;
use figment::providers::{Env, Serialized};
use figment::value::{Dict, Value};
use std::path::{Path, PathBuf};

const VARIABLES: &str = "KEYWARD__";

/// A configuration as it was written, and where it came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it says.
    pub(crate) config: Config,
    /// The file.
    pub(crate) file: PathBuf,
    /// Faults of its form. What they concern stands in `config` as something that only keeps the place: nothing may be done by
    /// it before the checks, which tell these faults too.
    pub(super) faults: Vec<ConfigFault>,
    sources: Sources,
}

/// The file and the environment together.
#[derive(Debug)]
pub(super) struct Sources {
    figment: Figment,
    /// All settings that they give.
    pub(super) values: Dict,
}

/// Reads a configuration. Neither its form nor its values are good before [`Loaded::check`] says so.
///
/// # Errors
/// A file that cannot be read, or in which no setting can be told from another.
pub(crate) fn load(file: &Path) -> Result<Loaded, ConfigFaults> {
    let text =
        std::fs::read_to_string(file).map_err(|error| ConfigFaults::of_file(file, unreadable(&error)))?;
    from_text(&text, file)
}

/// The same, from a text that stands for the file.
pub(crate) fn from_text(text: &str, file: &Path) -> Result<Loaded, ConfigFaults> {
    let table: toml::Table = toml::from_str(text).map_err(|error| unreadable_text(text, file, error))?;
    let figment = Figment::from(Serialized::defaults(table)).merge(Env::prefixed(VARIABLES).split("__"));
    let values = figment
        .extract::<Dict>()
        .map_err(|error| unreadable_variables(file, error))?;
    let sources = Sources { figment, values };
    let (config, faults) = form::read(&sources, file)?;
    Ok(Loaded {
        config,
        file: file.to_owned(),
        faults,
        sources,
    })
}

/// All that keeps a text from being TOML; or else that its values are no settings, such as a number beyond 64 bits.
fn unreadable_text(text: &str, file: &Path, error: toml::de::Error) -> ConfigFaults {
    let (_, mut faults) = toml::de::DeTable::parse_recoverable(text);
    if faults.is_empty() {
        faults.push(error);
    }
    let told = faults.iter().map(|fault| {
        let before = fault
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        format!(
            "no TOML at line {line}, column {column}: {}",
            one_line(fault.message())
        )
    });
    faults_of_file(file, told)
}

/// What keeps the variables of the environment from being read beside the file.
fn unreadable_variables(file: &Path, error: figment::Error) -> ConfigFaults {
    faults_of_file(file, error.into_iter().map(|error| one_line(&error.to_string())))
}

fn faults_of_file(file: &Path, told: impl Iterator<Item = String>) -> ConfigFaults {
    let mut told: Vec<String> = told.collect();
    told.dedup();
    let faults = told
        .iter()
        .flat_map(|message| ConfigFaults::of_file(file, hide_passwords(message)).faults);
    ConfigFaults {
        file: file.to_owned(),
        faults: faults.collect(),
    }
}

impl Loaded {
    /// The folder that relative paths start from.
    pub(crate) fn folder(&self) -> &Path {
        match self.file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new(""),
        }
    }

    /// The environment variable that gave a key its value, when one did.
    pub(crate) fn variable(&self, key: &str) -> Option<String> {
        let plain = key.replace('[', ".").replace(']', "");
        let source = self.sources.figment.find_metadata(&plain)?;
        is_environment(source).then(|| variable_of(&plain))
    }
}

impl Sources {
    /// Whether a variable of the environment gave what stands at a path, or nearest above it.
    fn is_from_environment(&self, path: &[String]) -> bool {
        let values = Value::from(self.values.clone());
        let given = (1..=path.len())
            .rev()
            .find_map(|length| form::find(&values, &path[..length]));
        let source = given.and_then(|value| self.figment.get_metadata(value.tag()));
        source.is_some_and(is_environment)
    }
}

fn is_environment(source: &figment::Metadata) -> bool {
    source.name.contains("environment")
}

fn variable_of(plain_key: &str) -> String {
    format!("{VARIABLES}{}", plain_key.to_uppercase().replace('.', "__"))
}

fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => {
            "there is no such file: write one with `keyward init`, or name another with --config".into()
        }
        std::io::ErrorKind::InvalidData => "is not UTF-8 text: save it as UTF-8".into(),
        _ => format!("cannot be read: {error}; check its owner and permissions"),
    }
}

pub(super) fn read_fault(error: &figment::Error, sources: &Sources) -> ConfigFault {
    use figment::error::{Actual, Kind};
    let mut path = error.path.clone();
    let message = match &error.kind {
        Kind::UnknownField(field, known) => {
            path.retain(|part| part != field);
            path.push(field.clone());
            format!("there is no such setting here; known are: {}", known.join(", "))
        }
        Kind::MissingField(field) => {
            path.push(field.to_string());
            "must be given".into()
        }
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
            format!("must be {}, is {}", in_words(wanted), as_written(found))
        }
        other => one_line(&other.to_string()),
    };
    let from_environment = sources.is_from_environment(&path);
    let variable = from_environment.then(|| variable_of(&path.join(".")));
    let message = match (&error.kind, from_environment) {
        (Kind::InvalidType(Actual::Unsigned(_) | Actual::Signed(_) | Actual::Float(_), wanted), true)
            if wanted.as_str() == "a string" =>
        {
            format!("{message}; to give digits as a text, quote them: '\"123\"'")
        }
        _ => message,
    };
    ConfigFault {
        key: key_of(&path),
        variable,
        message: hide_passwords(&message),
    }
}

/// What a setting must be, as the file writes it; the library names the program's types.
fn in_words(wanted: &str) -> &str {
    match wanted {
        "a string" => "a text in quotes",
        "a boolean" => "true or false",
        "usize" => "a whole number",
        "a sequence" => "a list in [ ]",
        other if other.starts_with("struct ") => "a section of settings",
        other => other,
    }
}

fn as_written(found: &figment::error::Actual) -> String {
    use figment::error::Actual;
    match found {
        Actual::Bool(value) => format!("`{value}`"),
        Actual::Unsigned(value) => format!("`{value}`"),
        Actual::Signed(value) => format!("`{value}`"),
        Actual::Float(value) => format!("`{value}`"),
        Actual::Str(text) => format!("{text:?}"),
        Actual::Seq => "a list".into(),
        Actual::Map => "a section".into(),
        other => other.to_string(),
    }
}

/// `["gateway", "routes", "1", "path"]` as people write it: `gateway.routes[1].path`.
fn key_of(path: &[String]) -> String {
    let mut key = String::new();
    for part in path {
        if part.bytes().all(|b| b.is_ascii_digit()) {
            key.push_str(&format!("[{part}]"));
        } else {
            if !key.is_empty() {
                key.push('.');
            }
            key.push_str(part);
        }
    }
    key
}

/// The TOML parser draws a picture of the line; one line of text says the same.
fn one_line(message: &str) -> String {
    message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.chars().all(|c| matches!(c, '|' | '^' | ' ')))
        .collect::<Vec<_>>()
        .join("; ")
}
