//! What is wrong with a configuration: each fault names the place, what is wrong there, and the way out.

use serde::Serialize;
use std::fmt;
use std::path::{Path, PathBuf};

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ConfigFault {
    /// The key, such as `gateway.routes[1].path`; empty when it is the whole file.
    pub(crate) key: String,
    /// The environment variable that gave the value, when one did.
    pub(crate) variable: Option<String>,
    /// What is wrong and the way out.
    pub(crate) message: String,
}

/// All faults of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ConfigFaults {
    /// The file.
    pub(crate) file: PathBuf,
    /// The faults; never empty.
    pub(crate) faults: Vec<ConfigFault>,
}

impl ConfigFaults {
    /// A fault of the whole file.
    pub(crate) fn of_file(file: &Path, message: impl Into<String>) -> Self {
        Self::of_key(file, "", message)
    }

    /// A single fault of one key.
    pub(crate) fn of_key(file: &Path, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            faults: vec![ConfigFault {
                key: key.into(),
                variable: None,
                message: message.into(),
            }],
        }
    }

    /// Each fault as a line of its own.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.faults.iter().map(|fault| self.line(fault)).collect()
    }

    fn line(&self, fault: &ConfigFault) -> String {
        let place = match &fault.variable {
            Some(variable) => format!("environment variable {variable}"),
            None => self.file.display().to_string(),
        };
        if fault.key.is_empty() {
            format!("{place}: {}", fault.message)
        } else {
            format!("{place}: {}: {}", fault.key, fault.message)
        }
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines().join("\n"))
    }
}

impl std::error::Error for ConfigFaults {}
