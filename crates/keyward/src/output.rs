//! What commands print: tables and sentences for people, JSON for programs. The one place that writes to standard
//! output; everything else that speaks does so on standard error.

use crate::exit::{Exit, Failure};
use crate::logs::escape;
use serde::Serialize;
use std::io::{self, Write};

mod table;

pub(crate) use table::Column;
use table::Room;

/// How a command was asked to speak.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// JSON instead of text for people.
    pub(crate) json: bool,
    /// How wide tables may be.
    room: Room,
}

impl Output {
    /// As the flags say.
    pub(crate) fn new(json: bool, wide: bool) -> Self {
        let room = Room::of_output(wide);
        Self { json, room }
    }

    /// A value for programs, or what `human` makes of it for people.
    pub(crate) fn value<T: Serialize>(
        self,
        value: &T,
        human: impl FnOnce(&T) -> String,
    ) -> Result<Exit, Failure> {
        if self.json {
            self.json_line(value)
        } else {
            print(&human(value))
        }
    }

    /// One value as one line of JSON.
    pub(crate) fn json_line<T: Serialize>(self, value: &T) -> Result<Exit, Failure> {
        let text = serde_json::to_string(value)
            .map_err(|error| Failure::failed(format!("cannot be written as JSON: {error}")))?;
        print(&text)
    }

    /// A table, as wide as there is room.
    pub(crate) fn table(self, columns: &[Column], rows: impl IntoIterator<Item = Vec<String>>) -> String {
        table::draw(self.room, columns, rows)
    }

    /// Why a command failed, on standard error.
    pub(crate) fn failure(self, failure: &Failure) {
        if self.json {
            note(&failure.json().to_string());
            return;
        }
        for line in &failure.lines {
            note(&format!("error: {}", escape(line)));
        }
    }
}

/// Prints text and a line end. A reader that has gone away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<Exit, Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end_matches('\n')).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Done),
        Err(error) => Err(Failure::failed(format!(
            "cannot write to standard output: {error}"
        ))),
        Ok(()) => Ok(Exit::Done),
    }
}

/// A remark on standard error. Nobody can be told when that fails.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Names and values under each other, for one thing.
pub(crate) fn sheet(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = rows
        .iter()
        .map(|(name, value)| format!("{name:width$}  {}", escape(value)));
    lines.collect::<Vec<_>>().join("\n")
}
