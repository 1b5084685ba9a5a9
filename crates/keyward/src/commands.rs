//! What each command does: read flags, call one use case of the engine, print. One file per subject.

mod audit;
mod backup;
mod config;
mod export;
mod import;
mod init;
mod keys;
mod migrate;
mod sites;
mod usage;
mod users;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::open::Access;
use crate::output::{Output, print};
use crate::{demo, doctor, logs, open, serve};
use clap::CommandFactory;
use std::future::Future;
use std::path::Path;

/// What every command is given.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The configuration file.
    pub(crate) config: &'a Path,
    pub(crate) output: Output,
}

/// Does what the command line asks for.
pub(crate) fn run(cli: &Cli) -> Result<Exit, Failure> {
    let context = Context {
        config: &cli.config,
        output: Output { json: cli.json },
    };
    match &cli.command {
        Command::Serve(args) => on_threads(serve::run(context, args)),
        Command::Demo(args) => on_threads(demo::run(context, args)),
        Command::Completions { shell } => completions(*shell),
        Command::Config(command) => config::run(context, *command),
        other => {
            logs::start(logs::Settings {
                form: logs::Form::Human,
                level: tracing::Level::WARN,
            });
            on_this_thread(short(context, other))
        }
    }
}

async fn short(context: Context<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Init(args) => init::run(context, args).await,
        Command::Migrate => migrate::run(context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Keys(command) => {
            let access = keys::access(command);
            open::with_engine(context, access, async |engine| {
                keys::run(context, engine, command).await
            })
            .await
        }
        Command::Users(command) => {
            let access = users::access(command);
            open::with_engine(context, access, async |engine| {
                users::run(context, engine, command).await
            })
            .await
        }
        Command::Sites(command) => {
            let access = sites::access(command);
            open::with_engine(context, access, async |engine| {
                sites::run(context, engine, command).await
            })
            .await
        }
        Command::Audit(args) => {
            open::with_engine(context, Access::Read, async |engine| {
                audit::run(context, engine, args).await
            })
            .await
        }
        Command::Import(args) => {
            open::with_engine(context, Access::Write, async |engine| {
                import::run(context, engine, args).await
            })
            .await
        }
        Command::Export(args) => {
            open::with_engine(context, Access::Read, async |engine| {
                export::run(context, engine, args).await
            })
            .await
        }
        Command::Backup(args) => {
            open::with_engine(context, Access::Read, async |engine| {
                backup::run(context, engine, args).await
            })
            .await
        }
        Command::Serve(_) | Command::Demo(_) | Command::Completions { .. } | Command::Config(_) => {
            Ok(Exit::Done)
        }
    }
}

fn completions(shell: clap_complete::Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyward", &mut script);
    print(&String::from_utf8_lossy(&script))
}

fn on_this_thread(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| no_runtime(&error))?.block_on(work)
}

fn on_threads(work: impl Future<Output = Result<Exit, Failure>>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| no_runtime(&error))?.block_on(work)
}

fn no_runtime(error: &std::io::Error) -> Failure {
    Failure::failed(format!("the system gives no threads or timers: {error}"))
}

/// A list, and how to get the rest of it.
fn with_next(rows: String, next: Option<&str>) -> String {
    match next {
        Some(cursor) => format!("{rows}\nThere is more: repeat with --cursor {cursor}"),
        None => rows,
    }
}

/// Makes a new file that only this account may read.
fn create_private(file: &Path) -> Result<std::fs::File, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    made.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Conflict,
            format!("{} exists already: name a new file", file.display()),
        ),
        _ => Failure::failed(format!("{}: cannot be made: {error}", file.display())),
    })
}
