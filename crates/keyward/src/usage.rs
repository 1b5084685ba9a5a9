//! A command line that cannot be read, and the pages of help: told as clap tells them, or as JSON to programs.

use crate::exit::{Exit, Failure};
use crate::output::Output;
use clap::error::ErrorKind;
use std::process::ExitCode;

/// Tells it, and gives the exit code.
pub(crate) fn tell(error: &clap::Error) -> ExitCode {
    let is_wrong = error.exit_code() != 0;
    if is_wrong && wants_json() {
        let failure = Failure::new(Exit::Invalid, message(error));
        Output::new(true, false).failure(&failure);
        return ExitCode::from(Exit::Invalid as u8);
    }
    // Nobody can be told when that fails.
    let _ = error.print();
    ExitCode::from(if is_wrong { Exit::Invalid } else { Exit::Done } as u8)
}

/// What was asked for cannot be known from a line that could not be read, but for the one flag.
fn wants_json() -> bool {
    std::env::args_os()
        .take_while(|word| word != "--")
        .any(|word| word == "--json")
}

/// The sentence that says what is wrong, without the usage and the help around it.
fn message(error: &clap::Error) -> String {
    let text = error.to_string();
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return format!("a command is missing: see `{} --help`", words_of(&text));
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = ["\n\nUsage:", "\n\nFor more information"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    text[..end.unwrap_or(text.len())].trim().to_owned()
}

/// The command that a page of help is about: `keyward keys` of `Usage: keyward keys [OPTIONS] <COMMAND>`.
fn words_of(help: &str) -> String {
    let usage = help.lines().find_map(|line| line.strip_prefix("Usage: "));
    let words = usage.unwrap_or("keyward").split(' ');
    words
        .take_while(|word| !word.starts_with(['[', '<']))
        .collect::<Vec<_>>()
        .join(" ")
}
