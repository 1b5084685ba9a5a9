//! The command line: its words and flags. What they do stands in [`crate::commands`].

mod keys;
mod manage;

pub(crate) use keys::{KeyCreate, KeyEditArgs, KeyList, KeyTarget, KeyUsage, KeysCommand};
pub(crate) use manage::{AuditArgs, SitesCommand, UserCreate, UserEditArgs, UserList, UsersCommand};

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// Issues, restricts, verifies and revokes the API keys of a REST API.
#[derive(Parser, Debug)]
#[command(name = "keyward", version, after_help = crate::exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        env = "KEYWARD_CONFIG",
        default_value = "keyward.toml",
        value_name = "FILE",
        display_order = 100
    )]
    pub(crate) config: PathBuf,
    /// Print JSON, for programs. Errors are JSON too, on standard error.
    #[arg(long, global = true, display_order = 101)]
    pub(crate) json: bool,
    /// Show tables with all their columns, nothing cut. Without it they fit the terminal; elsewhere COLUMNS, or 80 characters.
    #[arg(long, global = true, display_order = 102)]
    pub(crate) wide: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run Keyward: the gateway, the console, the operator's port and, if there is to be one, the port that answers proxies.
    ///
    /// SIGHUP reads the configuration again; SIGTERM or Ctrl-C lets requests that are under way end, then stops; a second
    /// one stops at once.
    Serve(Serve),
    /// Run a whole example on embedded parts, with a sample API and a key to try.
    Demo(Demo),
    /// Write a commented configuration, make the database, and print a one-time set-up token.
    Init(Init),
    /// Bring the database's schema up to date.
    Migrate,
    /// Move everything from one database into another, empty one: from SQLite to PostgreSQL, or back.
    ///
    /// Stop every Keyward that runs on the source first. Nothing is there of a move that does not come to its end: run it
    /// again. The source stays as it is; afterwards name the new database in `database.url`.
    MigrateStore(MigrateStore),
    /// Look for the usual mistakes, and say what to do about each.
    Doctor,
    /// Ask a Keyward that runs on this machine with this configuration whether it is ready: exit 0, or 1 and why not.
    Healthcheck,
    /// Create, list, show and change keys.
    ///
    /// Works on the database itself, as its local operator, also while Keyward runs: a running Keyward follows within a
    /// second.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Create, list, show and change users, who own keys.
    #[command(subcommand)]
    Users(UsersCommand),
    /// Create, list and change sites, which keys can be restricted to.
    #[command(subcommand)]
    Sites(SitesCommand),
    /// Show who changed what, newest first.
    Audit(AuditArgs),
    /// Import keys that another system made; all of a file or none of it.
    ///
    /// Columns of CSV (the first line names them) or fields of a JSON object a line: owner (e-mail address or id of a user
    /// that is there), name, and secret (in clear) or fingerprint (its SHA-256 in hexadecimal). If wanted: hint,
    /// description, use_case, expires_at (RFC 3339), sites, addresses, limit, status (active or disabled). In CSV, an empty
    /// cell is absent, and a list is separated by `;`.
    ///
    /// The keys of nginx's `map`, Kong and Unkey are read as those systems write them: see docs/migrate/.
    Import(Import),
    /// Write all keys as JSON lines, without secrets and fingerprints.
    Export(Export),
    /// Write a consistent copy of the database, also while Keyward runs.
    Backup(Backup),
    /// Check or print the configuration.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Refuse to start on an older schema instead of bringing it up to date.
    #[arg(long)]
    pub(crate) no_migrate: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Where the demo keeps its database and configuration.
    #[arg(long, default_value = "keyward-demo", value_name = "FOLDER")]
    pub(crate) dir: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Init {
    /// Only make a new set-up token, for an installation that is there already.
    #[arg(long, conflicts_with = "no_token")]
    pub(crate) new_token: bool,
    /// Make no set-up token.
    #[arg(long)]
    pub(crate) no_token: bool,
    /// End with 0 and change nothing when everything is there already.
    #[arg(long, conflicts_with = "new_token")]
    pub(crate) if_needed: bool,
}

#[derive(Args)]
pub(crate) struct MigrateStore {
    /// Where everything is: sqlite:FILE, or postgres://user@host:port/database.
    #[arg(long, value_name = "URL")]
    pub(crate) from: String,
    /// Where it shall go: the same. What is made there has to be empty.
    #[arg(long, value_name = "URL")]
    pub(crate) to: String,
    /// A file with the password to `--from`, when the address does not hold it.
    #[arg(long, value_name = "FILE")]
    pub(crate) from_password_file: Option<PathBuf>,
    /// A file with the password to `--to`, when the address does not hold it.
    #[arg(long, value_name = "FILE")]
    pub(crate) to_password_file: Option<PathBuf>,
}

impl std::fmt::Debug for MigrateStore {
    /// Addresses may hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MigrateStore").finish_non_exhaustive()
    }
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The file; `-` reads standard input.
    pub(crate) file: PathBuf,
    /// Its form; absent is what its name ends in.
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// The owner (e-mail address or id) of keys for whom the file and the table of owners name none.
    #[arg(long)]
    pub(crate) owner: Option<String>,
    /// A table of owners: CSV with the columns `id` (what the other system calls somebody) and `owner`.
    #[arg(long, value_name = "FILE")]
    pub(crate) owners: Option<PathBuf>,
    /// The use case of keys for which the file names none.
    #[arg(long)]
    pub(crate) use_case: Option<String>,
    /// A site of keys for which the file names none; may be repeated.
    #[arg(long = "site", value_name = "SITE")]
    pub(crate) sites: Vec<String>,
    /// Check everything and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
pub(crate) enum Format {
    /// A header line, then a line a key.
    Csv,
    /// A JSON object a line.
    Jsonl,
    /// nginx: blocks of `map`, or the lines within one: `key name;`.
    NginxMap,
    /// Kong: pages of the Admin API's key-auths (and consumers), or a dump by decK, in JSON.
    Kong,
    /// Unkey: pages of apis.listKeys.
    Unkey,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// Where to; absent is standard output. Must not exist yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// Where to. Must not exist yet.
    pub(crate) file: PathBuf,
}

// Which part of a list to show.
#[derive(Args, Debug)]
pub(crate) struct PageArgs {
    /// How many at most: 1 to 200.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u32>,
    /// Where the page before ended.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(Subcommand, Clone, Copy, Debug)]
pub(crate) enum ConfigCommand {
    /// Tell everything that is wrong with the configuration.
    Check,
    /// Print what is in force: the file, the environment and the defaults together.
    Print,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
