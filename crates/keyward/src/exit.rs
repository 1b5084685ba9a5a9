//! How a command ends: an exit code that scripts can use, and what is told to people.

use crate::config::ConfigFaults;
use keyward_engine::{EngineError, FieldFault, LineFault, Place};
use keyward_store::StoreError;
use serde_json::{Value, json};
use std::error::Error;

/// What `--help` says about exit codes.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed: the store, a file or the network did not do what was asked
  2  usage or invalid input
  3  there is no such key, user or site
  4  conflict: it exists already, was changed meanwhile, or its state does not allow it
  5  the configuration is wrong
  6  doctor found problems";

/// An exit code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Exit {
    Done = 0,
    Failed = 1,
    Invalid = 2,
    NotFound = 3,
    Conflict = 4,
    Configuration = 5,
    Problems = 6,
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What is wrong and the way out; a line each.
    pub(crate) lines: Vec<String>,
    /// The same for programs: a list of faults, when there are several.
    faults: Option<Value>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, line: impl Into<String>) -> Self {
        Self {
            exit,
            lines: vec![line.into()],
            faults: None,
        }
    }

    /// Something that the system did not do.
    pub(crate) fn failed(line: impl Into<String>) -> Self {
        Self::new(Exit::Failed, line)
    }

    /// The same with a line more.
    pub(crate) fn with_line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// The same with every line after the name of a file.
    pub(crate) fn in_file(mut self, file: &str) -> Self {
        for line in &mut self.lines {
            line.insert_str(0, &format!("{file}: "));
        }
        self
    }

    /// Tells it in the log, which is where those look who run a service; what is left is the exit code.
    pub(crate) fn into_log(self) -> Exit {
        for line in &self.lines {
            tracing::error!("{line}");
        }
        self.exit
    }

    /// For programs.
    pub(crate) fn json(&self) -> Value {
        let mut error = json!({ "exit": self.exit as u8, "message": self.lines.join("\n") });
        if let Some(faults) = &self.faults {
            error["faults"] = faults.clone();
        }
        json!({ "error": error })
    }
}

impl From<ConfigFaults> for Failure {
    fn from(faults: ConfigFaults) -> Self {
        Self {
            exit: Exit::Configuration,
            lines: faults.lines(),
            faults: Some(json!(faults.faults)),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        match &error {
            EngineError::Invalid(faults) => Self {
                exit: Exit::Invalid,
                lines: faults.iter().map(field_line).collect(),
                faults: Some(faults.iter().map(field_json).collect()),
            },
            EngineError::InvalidLines(faults) => Self {
                exit: Exit::Invalid,
                lines: faults.iter().map(file_line).collect(),
                faults: Some(faults.iter().map(line_json).collect()),
            },
            EngineError::NotFound(_) => Self::new(Exit::NotFound, error.to_string()),
            EngineError::Conflict { .. } | EngineError::Stale => Self::new(Exit::Conflict, error.to_string()),
            _ => Self::failed(with_cause(&error)),
        }
    }
}

fn with_cause(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn field_line(fault: &FieldFault) -> String {
    format!("{}: {}", fault.field, fault.message)
}

fn field_json(fault: &FieldFault) -> Value {
    json!({ "field": fault.field, "message": fault.message })
}

fn file_line(fault: &LineFault) -> String {
    match &fault.field {
        Some(field) => format!("{}: {field}: {}", fault.place, fault.message),
        None => format!("{}: {}", fault.place, fault.message),
    }
}

fn line_json(fault: &LineFault) -> Value {
    let mut json = place_json(&fault.place);
    if let Some(field) = &fault.field {
        json["field"] = (**field).into();
    }
    json["message"] = fault.message.clone().into();
    json
}

/// Where something stands in a file, for programs.
pub(crate) fn place_json(place: &Place) -> Value {
    match place {
        Place::Line(line) => json!({ "line": line }),
        Place::Item {
            document, pointer, ..
        } => json!({ "document": document, "pointer": pointer }),
    }
}
