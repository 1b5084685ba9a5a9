//! `keyward migrate-store`.

use super::Context;
use crate::cli::MigrateStore;
use crate::config::{self, Database};
use crate::exit::{Exit, Failure};
use crate::open::{self, Access};
use crate::output::{Column, note};
use indicatif::{ProgressBar, ProgressStyle};
use keyward_store::{Transfer, TransferProgress};
use serde_json::json;
use std::io::IsTerminal;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Rows between two lines that tell how far it is, where no bar can be drawn.
const TOLD_EACH: u64 = 10_000;

pub(super) async fn run(context: Context<'_>, args: &MigrateStore) -> Result<Exit, Failure> {
    let from = read("--from", &args.from, args.from_password_file.as_deref())?;
    let to = read("--to", &args.to, args.to_password_file.as_deref())?;
    refuse_the_same(&from, &to)?;
    let mut teller = Teller::new();
    let moved = keyward_store::transfer(
        &open::place(&from, Access::Read),
        &open::place(&to, Access::Create),
        &mut |progress| teller.tell(progress),
    )
    .await;
    teller.end();
    let moved = moved.map_err(|error| Failure::from(error).with_line("nothing was moved"))?;
    tell(context, &moved, &to)
}

fn read(flag: &str, url: &str, password_file: Option<&Path>) -> Result<Database, Failure> {
    config::database_of_flag(url, password_file)
        .map_err(|fault| Failure::new(Exit::Invalid, format!("{flag}: {fault}")))
}

/// A file that is moved onto itself would wait for its own lock for ever. One file can have several names.
fn refuse_the_same(from: &Database, to: &Database) -> Result<(), Failure> {
    let identity = |database: &Database| {
        let data = std::fs::metadata(database.file()?).ok()?;
        Some((data.dev(), data.ino()))
    };
    if identity(from).is_none() || identity(from) != identity(to) {
        return Ok(());
    }
    let what = format!("--from {from} and --to {to} are one and the same file: name another one under --to");
    Err(Failure::new(Exit::Invalid, what).with_line("nothing was moved"))
}

fn tell(context: Context<'_>, moved: &Transfer, to: &Database) -> Result<Exit, Failure> {
    let rows: u64 = moved.tables.iter().map(|table| table.rows).sum();
    let tables: Vec<_> = moved
        .tables
        .iter()
        .map(|table| json!({ "name": table.name, "rows": table.rows, "sha256": hex(&table.digest) }))
        .collect();
    let answer = json!({ "to": to.to_string(), "moved": moved.is_new, "rows": rows, "tables": tables });
    context.output.value(&answer, |_| {
        let cells = moved.tables.iter().map(|table| {
            let (name, rows) = (table.name.to_owned(), table.rows.to_string());
            vec![name, rows, hex(&table.digest)]
        });
        let what = match moved.is_new {
            true => {
                format!("{rows} rows moved to {to}, and the same on both sides. Now name it in database.url.")
            }
            false => {
                format!("nothing was done: {to} holds the same {rows} rows already, from an earlier run")
            }
        };
        let columns = [
            Column::whole("table"),
            Column::main("rows"),
            Column::main("sha256"),
        ];
        format!("{}\n{what}", context.output.table(&columns, cells))
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tells on standard error how far it is: by a bar, or by lines where nobody looks at a terminal.
struct Teller {
    bar: Option<ProgressBar>,
    told: Option<TransferProgress>,
}

impl Teller {
    fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            match ProgressStyle::with_template("{msg:24} {bar:40} {pos}/{len} rows") {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        Self { bar, told: None }
    }

    fn tell(&mut self, now: TransferProgress) {
        let what = if now.is_check { "comparing" } else { "copying" };
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{what} {}", now.table));
            bar.set_length(now.all);
            bar.set_position(now.done);
            return;
        }
        let is_next = self.told.is_none_or(|told| {
            let is_same = told.table == now.table && told.is_check == now.is_check;
            !is_same || now.done >= told.done + TOLD_EACH || now.done == now.all
        });
        if is_next && now.all > 0 {
            note(&format!("{what} {}: {} of {} rows", now.table, now.done, now.all));
            self.told = Some(now);
        }
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
