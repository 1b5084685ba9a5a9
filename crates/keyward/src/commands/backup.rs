//! `keyward backup`.

use super::Context;
use crate::cli::Backup;
use crate::exit::{Exit, Failure};
use keyward_engine::Engine;

pub(super) async fn run(context: Context<'_>, engine: &Engine, args: &Backup) -> Result<Exit, Failure> {
    let name = args.file.display().to_string();
    if args.file.symlink_metadata().is_ok() {
        return Err(Failure::new(
            Exit::Conflict,
            format!("{name} exists already: name a new file"),
        ));
    }
    engine.store().backup(&args.file).await?;
    let bytes = std::fs::metadata(&args.file).map(|data| data.len()).unwrap_or(0);
    let answer = serde_json::json!({ "file": name, "bytes": bytes });
    context.output.value(&answer, |_| {
        format!(
            "{name}: {bytes} bytes\nTo go back to it, stop Keyward, move the database and its -wal and -shm files away, \
             and put this file in its place."
        )
    })
}
