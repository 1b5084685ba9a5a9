//! What each command does: read flags, call one use case of the engine, print. One file per subject.

mod audit;
mod backup;
mod config;
mod export;
pub(crate) mod healthcheck;
mod import;
mod init;
mod keys;
mod migrate;
mod migrate_store;
mod nodes;
mod sites;
mod usage;
mod users;

use crate::cli::{Cli, Command};
use crate::exit::{Exit, Failure};
use crate::open::Access;
use crate::output::{Output, print};
use crate::{demo, doctor, logs, open, serve};
use clap::CommandFactory;
use clap_complete::Shell;
use keyward_engine::Engine;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Builder;

/// How long a process that ends waits for what nobody waits for any more, such as a name that is being looked up.
const LEFTOVERS: Duration = Duration::from_secs(1);

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
        output: Output::new(cli.json, cli.wide),
    };
    let mut runtime = match cli.command {
        Command::Serve(_) | Command::Demo(_) => Builder::new_multi_thread(),
        _ => {
            logs::start(logs::FOR_COMMANDS);
            Builder::new_current_thread()
        }
    };
    let runtime = runtime
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the system gives no threads or timers: {error}")))?;
    let done = runtime.block_on(dispatch(context, &cli.command));
    runtime.shutdown_timeout(LEFTOVERS);
    done
}

async fn dispatch(context: Context<'_>, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => serve::run(context, args).await,
        Command::Demo(args) => demo::run(context, args).await,
        Command::Init(args) => init::run(context, args).await,
        Command::Migrate => migrate::run(context).await,
        Command::MigrateStore(args) => migrate_store::run(context, args).await,
        Command::Doctor => doctor::run(context).await,
        Command::Healthcheck => healthcheck::run(context).await,
        Command::Config(command) => config::run(context, *command),
        Command::Completions { shell } => completions(*shell),
        other => {
            let access = access(other);
            open::with_engine(context, access, async |engine| {
                let done = on_database(context, engine, other).await;
                if access == Access::Write {
                    nodes::wait(engine, other, done.is_ok()).await;
                }
                done
            })
            .await
        }
    }
}

/// What a command may do to the database.
fn access(command: &Command) -> Access {
    match command {
        Command::Keys(command) => keys::access(command),
        Command::Users(command) => users::access(command),
        Command::Sites(command) => sites::access(command),
        Command::Import(_) => Access::Write,
        _ => Access::Read,
    }
}

/// Commands that need nothing but the engine over an open database.
async fn on_database(context: Context<'_>, engine: &Engine, command: &Command) -> Result<Exit, Failure> {
    match command {
        Command::Keys(command) => keys::run(context, engine, command).await,
        Command::Users(command) => users::run(context, engine, command).await,
        Command::Sites(command) => sites::run(context, engine, command).await,
        Command::Audit(args) => audit::run(context, engine, args).await,
        Command::Import(args) => import::run(context, engine, args).await,
        Command::Export(args) => export::run(context, engine, args).await,
        Command::Backup(args) => backup::run(context, engine, args).await,
        other => Err(Failure::failed(format!(
            "not a command on the database: {other:?}"
        ))),
    }
}

fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "keyward", &mut script);
    print(&String::from_utf8_lossy(&script))
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
