//! `keyward import`.

use super::Context;
use crate::cli::{Format, Import};
use crate::exit::{Exit, Failure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keyward_engine::{Actor, Engine, EngineError, ImportFormat};
use std::io::{IsTerminal, Read};
use std::path::Path;

pub(super) async fn run(context: Context<'_>, engine: &Engine, args: &Import) -> Result<Exit, Failure> {
    let format = format_of(args)?;
    let name = args.file.display().to_string();
    let text = read(&args.file)?;
    let bar = progress_bar(context.output.json);
    let imported = engine
        .import_keys(&Actor::OPERATOR, format, &text, &|done, all| {
            bar.set_length(u64::try_from(all).unwrap_or(u64::MAX));
            bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
        })
        .await;
    bar.finish_and_clear();
    let imported = match imported {
        Ok(imported) => imported,
        Err(error @ EngineError::InvalidLines(_)) => {
            return Err(Failure::from(error)
                .in_file(&name)
                .with_line("nothing was imported"));
        }
        Err(error) => return Err(error.into()),
    };
    let answer = serde_json::json!({ "imported": imported.keys });
    context.output.value(&answer, |_| {
        format!(
            "{} keys imported; a running Keyward accepts them within a second",
            imported.keys
        )
    })
}

fn format_of(args: &Import) -> Result<ImportFormat, Failure> {
    match (args.format, args.file.extension().and_then(|end| end.to_str())) {
        (Some(Format::Csv), _) | (None, Some("csv")) => Ok(ImportFormat::Csv),
        (Some(Format::Jsonl), _) | (None, Some("jsonl" | "ndjson")) => Ok(ImportFormat::JsonLines),
        _ => Err(Failure::new(
            Exit::Invalid,
            format!(
                "{}: its name does not tell its form: add --format csv or --format jsonl",
                args.file.display()
            ),
        )),
    }
}

fn read(file: &Path) -> Result<String, Failure> {
    let fault = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::InvalidData => Failure::new(
            Exit::Invalid,
            format!("{}: is not UTF-8 text: save it as UTF-8", file.display()),
        ),
        _ => Failure::failed(format!("{}: cannot be read: {error}", file.display())),
    };
    if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().lock().read_to_string(&mut text).map_err(fault)?;
        return Ok(text);
    }
    std::fs::read_to_string(file).map_err(fault)
}

fn progress_bar(json: bool) -> ProgressBar {
    if json || !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let bar = ProgressBar::new(0);
    match ProgressStyle::with_template("{bar:40} {pos}/{len} keys, {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
