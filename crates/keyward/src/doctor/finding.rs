//! One thing that was looked at.

use crate::logs::escape;
use serde::Serialize;
use std::fmt;

/// How it looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    Good,
    Warning,
    Problem,
}

/// What was found, where, and the way out.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) grade: Grade,
    #[serde(rename = "where")]
    place: String,
    what: String,
    way_out: Option<String>,
}

impl Finding {
    pub(super) fn good(check: &'static str, place: impl fmt::Display, what: impl Into<String>) -> Self {
        Self {
            check,
            grade: Grade::Good,
            place: place.to_string(),
            what: what.into(),
            way_out: None,
        }
    }

    pub(super) fn warning(
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self {
            grade: Grade::Warning,
            way_out: Some(way_out.into()),
            ..Self::good(check, place, what)
        }
    }

    pub(super) fn problem(
        check: &'static str,
        place: impl fmt::Display,
        what: impl Into<String>,
        way_out: impl Into<String>,
    ) -> Self {
        Self {
            grade: Grade::Problem,
            ..Self::warning(check, place, what, way_out)
        }
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let grade = match self.grade {
            Grade::Good => "good",
            Grade::Warning => "warning",
            Grade::Problem => "PROBLEM",
        };
        let line = format!(
            "{grade:8} {:14} {}: {}",
            self.check,
            escape(&self.place),
            escape(&self.what)
        );
        match &self.way_out {
            Some(way_out) => format!("{line}\n{:8} -> {}", "", escape(way_out)),
            None => line,
        }
    }
}
