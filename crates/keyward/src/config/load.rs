//! Reads the file and the environment into the schema.

use super::database::hide_passwords;
use super::schema::Config;
use super::{ConfigFault, ConfigFaults};
use figment::Figment;
use figment::providers::{Env, Format, Toml};
use std::path::{Path, PathBuf};

const VARIABLES: &str = "KEYWARD__";

/// A configuration as it was written, and where it came from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What it says.
    pub(crate) config: Config,
    /// The file.
    pub(crate) file: PathBuf,
    figment: Figment,
}

/// Reads a configuration. Its form is checked, its values are not.
///
/// # Errors
/// The key that is at fault.
pub(crate) fn load(file: &Path) -> Result<Loaded, ConfigFaults> {
    let text =
        std::fs::read_to_string(file).map_err(|error| ConfigFaults::of_file(file, unreadable(&error)))?;
    from_text(&text, file)
}

/// The same, from a text that stands for the file.
pub(crate) fn from_text(text: &str, file: &Path) -> Result<Loaded, ConfigFaults> {
    let figment = Figment::from(Toml::string(text)).merge(Env::prefixed(VARIABLES).split("__"));
    match figment.extract::<Config>() {
        Ok(config) => Ok(Loaded {
            config,
            file: file.to_owned(),
            figment,
        }),
        Err(error) => Err(ConfigFaults {
            file: file.to_owned(),
            faults: error.into_iter().map(|error| read_fault(&error)).collect(),
        }),
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
        let source = self.figment.find_metadata(&plain)?;
        is_environment(source).then(|| variable_of(&plain))
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

fn read_fault(error: &figment::Error) -> ConfigFault {
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
    let from_environment = error.metadata.as_ref().is_some_and(is_environment);
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
