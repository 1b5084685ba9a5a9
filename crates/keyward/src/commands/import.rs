//! `keyward import`.

use super::Context;
use crate::cli::{Format, Import};
use crate::exit::{Exit, Failure, place_json};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keyward_engine::{
    Actor, Engine, EngineError, ImportDefaults, ImportFile, ImportFormat, ImportNote, Imported,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{IsTerminal, Read};
use std::path::Path;

pub(super) async fn run(context: Context<'_>, engine: &Engine, args: &Import) -> Result<Exit, Failure> {
    let name = args.file.display().to_string();
    let text = read(&args.file)?;
    let file = ImportFile {
        format: format_of(args)?,
        text: &text,
        defaults: defaults_of(args)?,
        dry_run: args.dry_run,
    };
    let bar = progress_bar(context.output.json);
    let imported = engine
        .import_keys(&Actor::OPERATOR, &file, &|done, all| {
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
    context
        .output
        .value(&answer(args, &imported), |_| text_of(args, &imported))
}

fn answer(args: &Import, imported: &Imported) -> Value {
    let count = if args.dry_run { "would_import" } else { "imported" };
    let note = |note: &ImportNote| {
        let mut json = place_json(&note.place);
        json["field"] = note.field.into();
        json["message"] = note.message.into();
        json["times"] = note.times.into();
        json
    };
    let mut answer = json!({ "notes": imported.notes.iter().map(note).collect::<Value>() });
    answer[count] = imported.keys.into();
    answer
}

fn text_of(args: &Import, imported: &Imported) -> String {
    let mut lines: Vec<String> = imported.notes.iter().map(note_line).collect();
    let keys = imported.keys;
    lines.push(if args.dry_run {
        format!("{keys} keys could be imported; nothing was written")
    } else {
        format!("{keys} keys imported; every running node accepts them once this command has ended")
    });
    lines.join("\n")
}

fn note_line(note: &ImportNote) -> String {
    let place = match note.times {
        1 => note.place.to_string(),
        times => format!("{} and {} more", note.place, times - 1),
    };
    match note.field {
        Some(field) => format!("note: {place}: {field}: {}", note.message),
        None => format!("note: {place}: {}", note.message),
    }
}

fn format_of(args: &Import) -> Result<ImportFormat, Failure> {
    match (args.format, args.file.extension().and_then(|end| end.to_str())) {
        (Some(Format::Csv), _) | (None, Some("csv")) => Ok(ImportFormat::Csv),
        (Some(Format::Jsonl), _) | (None, Some("jsonl" | "ndjson")) => Ok(ImportFormat::JsonLines),
        (Some(Format::NginxMap), _) => Ok(ImportFormat::NginxMap),
        (Some(Format::Kong), _) => Ok(ImportFormat::Kong),
        (Some(Format::Unkey), _) => Ok(ImportFormat::Unkey),
        _ => Err(Failure::new(
            Exit::Invalid,
            format!(
                "{}: its name does not tell its form: add --format csv, jsonl, nginx-map, kong or unkey",
                args.file.display()
            ),
        )),
    }
}

fn defaults_of(args: &Import) -> Result<ImportDefaults, Failure> {
    let owners = match &args.owners {
        Some(file) => {
            let name = file.display().to_string();
            let read = ImportDefaults::read_owners(&read(file)?);
            read.map_err(|error| {
                Failure::from(error)
                    .in_file(&name)
                    .with_line("nothing was imported")
            })?
        }
        None => HashMap::new(),
    };
    Ok(ImportDefaults {
        owner: args.owner.clone(),
        owners,
        use_case: args.use_case.clone(),
        sites: (!args.sites.is_empty()).then(|| args.sites.clone()),
    })
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
