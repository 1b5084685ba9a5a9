//! Where a database is, and what is asked of every connection to it.

use super::form;
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use std::fmt;

/// What every session sets. A node that is frozen or cut off keeps the others from changing anything for no longer than
/// `idle_in_transaction_session_timeout` and `tcp_user_timeout`; all are in milliseconds, keepalives in seconds.
const SESSION: [(&str, &str); 9] = [
    ("statement_timeout", "10000"),
    ("lock_timeout", "10000"),
    ("idle_in_transaction_session_timeout", "5000"),
    ("client_connection_check_interval", "5000"),
    ("tcp_user_timeout", "10000"),
    ("tcp_keepalives_idle", "10"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    // What changes see after their turn has come depends on it.
    ("default_transaction_isolation", "read committed"),
];

/// How to open a store in a PostgreSQL database.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresOptions {
    /// The address: `postgres://user@host:port/database`, with the parameters that libpq knows, such as `sslmode`.
    pub url: String,
    /// The password, unless the address has it.
    pub password: Option<String>,
    /// Whether to make the tables when there are none.
    pub create: bool,
    /// Whether to bring an older schema up to date.
    pub migrate: bool,
    /// Whether to refuse all changes.
    pub read_only: bool,
}

impl fmt::Debug for PostgresOptions {
    /// Tells everything but passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("place", &self.place())
            .field("create", &self.create)
            .field("migrate", &self.migrate)
            .field("read_only", &self.read_only)
            .finish_non_exhaustive()
    }
}

impl PostgresOptions {
    /// Where the database is, in words for people: the address without passwords and parameters.
    pub fn place(&self) -> String {
        self.settings().map_or_else(
            |_| "the database".to_owned(),
            |settings| {
                let user = settings.get_username();
                format!("postgres://{user}@{}", address(&settings))
            },
        )
    }

    /// Which database it is: server, port and name, whoever signs in.
    pub fn address(&self) -> String {
        self.settings()
            .map_or_else(|_| "the database".to_owned(), |settings| address(&settings))
    }

    /// Whether the address can be read.
    ///
    /// # Errors
    /// What is wrong with it, in words that hold none of it.
    pub fn check(&self) -> Result<(), String> {
        self.settings().map(drop)
    }

    /// Whether the server has to prove that it is the one that the address names.
    #[must_use]
    pub fn proves_its_name(&self) -> bool {
        self.settings()
            .is_ok_and(|settings| matches!(settings.get_ssl_mode(), PgSslMode::VerifyFull))
    }

    /// Whether somebody between this machine and the server could take its place.
    #[must_use]
    pub fn could_be_another(&self) -> bool {
        let is_elsewhere = self.settings().is_ok_and(|settings| !is_local(&settings));
        is_elsewhere && !self.proves_its_name()
    }

    /// What the driver is told.
    pub(super) fn settings(&self) -> Result<PgConnectOptions, String> {
        form::check(&self.url)?;
        // The driver's fault may quote the address, and that may hold a password.
        let mut settings: PgConnectOptions = self.url.parse().map_err(|_| form::FORM.to_owned())?;
        if let Some(password) = &self.password {
            settings = settings.password(password);
        }
        if settings.get_application_name().is_none() {
            settings = settings.application_name("keyward");
        }
        if !names_ssl_mode(&self.url) && !is_local(&settings) {
            settings = settings.ssl_mode(PgSslMode::VerifyFull);
        }
        settings = settings.options(SESSION);
        if self.read_only {
            settings = settings.options([("default_transaction_read_only", "on")]);
        }
        Ok(settings.disable_statement_logging())
    }
}

pub(super) fn address(settings: &PgConnectOptions) -> String {
    let database = settings.get_database().unwrap_or_else(|| settings.get_username());
    let host = settings.get_socket().map_or_else(
        || format!("{}:{}", settings.get_host(), settings.get_port()),
        |folder| folder.display().to_string(),
    );
    format!("{host}/{database}")
}

/// Whether the address, or the environment, says how far the server is to prove itself.
fn names_ssl_mode(url: &str) -> bool {
    url.contains("sslmode=") || url.contains("ssl-mode=") || std::env::var_os("PGSSLMODE").is_some()
}

/// Whether nobody can stand between this process and the server.
fn is_local(settings: &PgConnectOptions) -> bool {
    let host = settings.get_host();
    settings.get_socket().is_some()
        || host == "localhost"
        || host.starts_with('/')
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
