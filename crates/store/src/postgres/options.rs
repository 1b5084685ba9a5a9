//! Where a database is, and what is asked of every connection to it.

use super::PasswordSource;
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
    /// Where the password comes from, unless the address has it.
    pub password: Option<PasswordSource>,
    /// Where to listen for changes, when that is not the address above: the server itself, when that leads to a pooler.
    pub listen_url: Option<String>,
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
        self.targets().map_or_else(
            |_| "the database".to_owned(),
            |targets| {
                let user = targets
                    .first()
                    .map_or("", |target| target.settings.get_username());
                format!("postgres://{user}@{}", addresses(&targets))
            },
        )
    }

    /// Which database it is: servers, ports and name, whoever signs in.
    pub fn address(&self) -> String {
        self.targets()
            .map_or_else(|_| "the database".to_owned(), |targets| addresses(&targets))
    }

    /// Whether the addresses can be read.
    ///
    /// # Errors
    /// What is wrong with them, in words that hold none of it.
    pub fn check(&self) -> Result<(), String> {
        self.targets().map(drop)
    }

    /// Whether the address to listen at can be read; none is good.
    ///
    /// # Errors
    /// What is wrong with it, in words that hold none of it.
    pub fn check_listen_url(&self) -> Result<(), String> {
        self.listen_targets().map(drop)
    }

    /// Whether the server has to prove that it is the one that the address names.
    #[must_use]
    pub fn proves_its_name(&self) -> bool {
        self.targets().is_ok_and(|targets| {
            let proves = |target: &Target| matches!(target.settings.get_ssl_mode(), PgSslMode::VerifyFull);
            targets.iter().all(proves)
        })
    }

    /// Whether somebody between this machine and the server could take its place.
    #[must_use]
    pub fn could_be_another(&self) -> bool {
        [self.targets(), self.listen_targets()]
            .into_iter()
            .flatten()
            .flatten()
            .any(|target| {
                let is_proven = matches!(target.settings.get_ssl_mode(), PgSslMode::VerifyFull);
                !is_proven && !is_local(&target.settings)
            })
    }

    /// The servers of the address, in its order.
    pub(super) fn targets(&self) -> Result<Vec<Target>, String> {
        self.targets_of(&self.url)
    }

    /// The servers at which to listen.
    pub(super) fn listen_targets(&self) -> Result<Vec<Target>, String> {
        self.targets_of(self.listen_url.as_ref().unwrap_or(&self.url))
    }

    fn targets_of(&self, url: &str) -> Result<Vec<Target>, String> {
        form::split(url)?
            .iter()
            .map(|one| Target::new(one, self.read_only))
            .collect()
    }
}

/// One server of an address.
pub(super) struct Target {
    /// In words for people.
    pub(super) place: String,
    settings: PgConnectOptions,
    has_password: bool,
    is_read_only: bool,
}

impl fmt::Debug for Target {
    /// Tells where it is: the driver's settings hold the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.place).finish()
    }
}

impl Target {
    fn new(url: &str, is_read_only: bool) -> Result<Self, String> {
        form::check(url)?;
        // The driver's fault may quote the address, and that may hold a password.
        let mut settings: PgConnectOptions = url.parse().map_err(|_| form::FORM.to_owned())?;
        if settings.get_application_name().is_none() {
            settings = settings.application_name("keyward");
        }
        if !names_ssl_mode(url) && !is_local(&settings) {
            settings = settings.ssl_mode(PgSslMode::VerifyFull);
        }
        // Poolers refuse what they do not know, and no number here has a fraction.
        let settings = settings.extra_float_digits(None).disable_statement_logging();
        Ok(Self {
            place: format!("postgres://{}@{}", settings.get_username(), address(&settings)),
            settings,
            has_password: has_password(url),
            is_read_only,
        })
    }

    /// What the driver is told. With a mark, the session is asked to have the settings of every session from its start.
    pub(super) fn settings(&self, password: Option<&str>, mark: Option<&str>) -> PgConnectOptions {
        let mut settings = self.settings.clone();
        if let Some(password) = password.filter(|_| !self.has_password) {
            settings = settings.password(password);
        }
        let Some(mark) = mark else {
            return settings;
        };
        settings = settings.options(SESSION).options([("keyward.session", mark)]);
        match self.is_read_only {
            true => settings.options([("default_transaction_read_only", "on")]),
            false => settings,
        }
    }
}

/// Whether an address holds a password, which then is the one of its server.
fn has_password(url: &str) -> bool {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let user = address.rsplit_once('@').map_or("", |(before, _)| before);
    let user = user.split_once("://").map_or(user, |(_, user)| user);
    user.contains(':') || parameters.split('&').any(|pair| pair.starts_with("password="))
}

fn addresses(targets: &[Target]) -> String {
    let hosts: Vec<String> = targets.iter().map(|target| host(&target.settings)).collect();
    let database = targets.first().map_or("", |target| database(&target.settings));
    format!("{}/{database}", hosts.join(","))
}

fn address(settings: &PgConnectOptions) -> String {
    format!("{}/{}", host(settings), database(settings))
}

fn database(settings: &PgConnectOptions) -> &str {
    settings.get_database().unwrap_or_else(|| settings.get_username())
}

fn host(settings: &PgConnectOptions) -> String {
    settings.get_socket().map_or_else(
        || format!("{}:{}", settings.get_host(), settings.get_port()),
        |folder| folder.display().to_string(),
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_of_its_own_is_known() {
        for (url, has) in [
            ("postgres://keyward@db:5432/keyward", false),
            ("postgres://db:5432/keyward?sslpassword=x", false),
            ("postgres://keyward:s3cret@db/keyward", true),
            (
                "postgres://keyward@db/keyward?sslmode=disable&password=s3cret",
                true,
            ),
        ] {
            assert_eq!(has_password(url), has, "{url}");
        }
    }

    #[test]
    fn each_server_has_to_prove_its_name_also_the_one_that_tells_of_changes() {
        let prefer = "postgres://keyward@db.example/keyward?sslmode=prefer";
        for (url, listen_url, could_be) in [
            ("postgres://keyward@db.example/keyward", None, false),
            (prefer, None, true),
            ("postgres://keyward@127.0.0.1/keyward?sslmode=prefer", None, false),
            ("postgres://keyward@127.0.0.1:6432/keyward", Some(prefer), true),
            ("postgres://keyward@db.example/keyward", Some(prefer), true),
            (
                "postgres://keyward@127.0.0.1:6432/keyward",
                Some("postgres://keyward@db.example/keyward"),
                false,
            ),
        ] {
            let options = PostgresOptions {
                url: url.to_owned(),
                password: None,
                listen_url: listen_url.map(str::to_owned),
                create: false,
                migrate: false,
                read_only: false,
            };
            assert_eq!(options.could_be_another(), could_be, "{url}, {listen_url:?}");
        }
    }

    #[test]
    fn k1_no_password_is_told_of_a_server() {
        let target = Target::new("postgres://keyward:s3cret@db/keyward", false).unwrap();
        let told = format!("{target:?}");
        assert!(told.contains("keyward@db") && !told.contains("s3cret"), "{told}");
    }
}
