//! `keyward export`.

use super::{Context, create_private};
use crate::cli::Export;
use crate::exit::{Exit, Failure};
use keyward_console::KeyWire;
use keyward_engine::{Actor, Engine, KeyView};
use std::io::{self, BufWriter, Write};

pub(super) async fn run(context: Context<'_>, engine: &Engine, args: &Export) -> Result<Exit, Failure> {
    let Some(file) = &args.output else {
        let out = BufWriter::new(io::stdout());
        write_all(engine, out).await?;
        return Ok(Exit::Done);
    };
    let written = write_all(engine, BufWriter::new(create_private(file)?)).await;
    match written {
        Ok(keys) => {
            let file = file.display().to_string();
            let answer = serde_json::json!({ "file": file, "exported": keys });
            context
                .output
                .value(&answer, |_| format!("{keys} keys written to {file}"))
        }
        Err(failure) => {
            // Half an export looks like a whole one.
            let _ = std::fs::remove_file(file);
            Err(failure.in_file(&file.display().to_string()))
        }
    }
}

async fn write_all(engine: &Engine, mut out: impl Write) -> Result<usize, Failure> {
    let mut keys = 0;
    let each = |view: KeyView| {
        serde_json::to_writer(&mut out, &KeyWire::from(&view))
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))?;
        keys += 1;
        Ok(())
    };
    match engine.export_keys(&Actor::OPERATOR, each).await {
        Err(Ended::ReaderGone) => return Ok(keys),
        Err(Ended::Failed(failure)) => return Err(failure),
        Ok(()) => {}
    }
    match out.flush().map_err(Ended::from) {
        Err(Ended::Failed(failure)) => Err(failure),
        Err(Ended::ReaderGone) | Ok(()) => Ok(keys),
    }
}

/// Why an export ended early.
enum Ended {
    /// A reader such as `head` has seen enough.
    ReaderGone,
    Failed(Failure),
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Failed(Failure::failed(format!("cannot be written: {error}"))),
        }
    }
}

impl From<keyward_engine::EngineError> for Ended {
    fn from(error: keyward_engine::EngineError) -> Self {
        Self::Failed(error.into())
    }
}
