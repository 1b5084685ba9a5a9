//! How a Keyward shall run.

use super::{KeySpec, Keyward, template};
use crate::Certificate;
use crate::ports::free_address;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tempfile::TempDir;
use toml::{Table, Value};

const ATTEMPTS: usize = 5;
/// What the command line ends with when something is there already.
const CONFLICT: i32 = 4;
const ADMIN: &str = "testkit@example.com";

/// How a Keyward shall run.
#[derive(Default)]
pub struct KeywardBuilder {
    binary: Option<PathBuf>,
    upstream: Option<SocketAddr>,
    extra: Table,
    environment: Vec<(String, String)>,
    gateway_tls: Option<Certificate>,
    console_tls: Option<Certificate>,
    no_admin: bool,
    no_template: bool,
    dir: Option<TempDir>,
}

impl KeywardBuilder {
    /// The program; unless said, the `keyward` that lies where this test was built.
    #[must_use]
    pub fn binary(mut self, path: impl Into<PathBuf>) -> Self {
        self.binary = Some(path.into());
        self
    }

    /// Where the upstream `default` listens.
    #[must_use]
    pub fn upstream(mut self, address: SocketAddr) -> Self {
        self.upstream = Some(address);
        self
    }

    /// Configuration to lay over the testkit's own: tables are merged, values and arrays replaced. May be repeated.
    #[must_use]
    pub fn config_toml(mut self, extra: &str) -> Self {
        let table = extra
            .parse()
            .unwrap_or_else(|e| panic!("configuration: {e}\n{extra}"));
        merge(&mut self.extra, table);
        self
    }

    /// The database's URL, in place of SQLite in the folder.
    #[must_use]
    pub fn database(self, url: &str) -> Self {
        self.config_toml(&format!("[database]\nurl = \"{url}\""))
    }

    /// Without access log, so that floods do not fill the disk.
    #[must_use]
    pub fn no_access_log(self) -> Self {
        self.config_toml("[log]\naccess = false")
    }

    /// An environment variable for the server and the CLI.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// TLS on the gateway.
    #[must_use]
    pub fn gateway_tls(mut self, certificate: &Certificate) -> Self {
        self.gateway_tls = Some(certificate.clone());
        self
    }

    /// TLS on the console plane; `api` then uses it.
    #[must_use]
    pub fn console_tls(mut self, certificate: &Certificate) -> Self {
        self.console_tls = Some(certificate.clone());
        self
    }

    /// A folder that was prepared, in place of a new one.
    #[must_use]
    pub fn dir(mut self, dir: TempDir) -> Self {
        self.dir = Some(dir);
        self
    }

    /// Makes no admin and no management key before the start; `api` then has no key to call with.
    #[must_use]
    pub fn no_admin(mut self) -> Self {
        self.no_admin = true;
        self
    }

    /// Makes its database by the command line, also where that of every plain Keyward would do.
    #[must_use]
    pub fn no_template(mut self) -> Self {
        self.no_template = true;
        self
    }

    /// Prepares the folder and starts the server.
    pub async fn start(self) -> Keyward {
        let mut prepared = self.prepare_parts().await;
        prepared.start_on_free_ports().await;
        prepared.keyward
    }

    /// Prepares the folder (configuration, database, admin) and starts no server.
    pub async fn prepare(self) -> Keyward {
        self.prepare_parts().await.keyward
    }

    async fn prepare_parts(self) -> Prepared {
        let may_be_plain =
            !self.no_template && self.binary.is_none() && self.environment.is_empty() && self.dir.is_none();
        let dir = self
            .dir
            .unwrap_or_else(|| tempfile::tempdir().expect("a temporary folder"));
        let mut config = Table::new();
        merge(&mut config, defaults(self.upstream));
        for (plane, certificate) in [("gateway", &self.gateway_tls), ("console", &self.console_tls)] {
            if let Some(certificate) = certificate {
                merge(&mut config, tls(plane, certificate));
            }
        }
        merge(&mut config, self.extra);
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let keyward = Keyward {
            dir,
            binary: self.binary.unwrap_or_else(built_binary),
            environment: self.environment,
            gateway: nowhere,
            authz: None,
            console: nowhere,
            ops: nowhere,
            console_certificate: self.console_tls,
            management: None,
            child: Mutex::new(None),
        };
        let mut prepared = Prepared { keyward, config };
        prepared.write_config();
        if may_be_plain && prepared.is_plain() {
            prepared.copy_database(self.no_admin).await;
        } else {
            prepared.init(self.no_admin).await;
        }
        prepared
    }
}

/// A Keyward whose ports can still change.
struct Prepared {
    keyward: Keyward,
    config: Table,
}

impl Prepared {
    /// Writes the configuration with free ports where none are said.
    fn write_config(&mut self) {
        let mut config = self.config.clone();
        let has_authz = config.contains_key("authz");
        let planes: &[&str] = match has_authz {
            true => &["gateway", "console", "ops", "authz"],
            false => &["gateway", "console", "ops"],
        };
        let mut addresses = Vec::new();
        for plane in planes {
            let section = config.entry(*plane).or_insert_with(|| Value::Table(Table::new()));
            let section = section.as_table_mut().expect("a table");
            let free = free_address().to_string();
            let listen = section.entry("listen").or_insert(Value::String(free));
            let listen = listen.as_str().expect("an address as text");
            addresses.push(
                listen
                    .parse()
                    .unwrap_or_else(|e| panic!("{plane}.listen = {listen}: {e}")),
            );
        }
        let keyward = &mut self.keyward;
        (keyward.gateway, keyward.console, keyward.ops) = (addresses[0], addresses[1], addresses[2]);
        keyward.authz = addresses.get(3).copied();
        fs::write(keyward.config_path(), config.to_string()).expect("write the configuration");
    }

    /// Whether its database begins as that of every other: what the configuration says of keys, the command line writes into it.
    fn is_plain(&self) -> bool {
        self.config["database"] == defaults(None)["database"] && !self.config.contains_key("keys")
    }

    async fn copy_database(&mut self, no_admin: bool) {
        let keyward = &mut self.keyward;
        let file = keyward.dir().join("keyward.db");
        keyward.management = template::copy(&keyward.binary, &file, no_admin).await;
    }

    async fn init(&mut self, no_admin: bool) {
        let keyward = &mut self.keyward;
        let url = self.config["database"]["url"]
            .as_str()
            .expect("a database URL as text");
        let file = url.strip_prefix("sqlite:").map(|path| keyward.dir().join(path));
        if let Some(file) = file.filter(|file| !file.exists()) {
            // `init` writes a configuration and a database of its own, and never over another's.
            let config = fs::read(keyward.config_path()).expect("the configuration");
            fs::remove_file(keyward.config_path()).expect("make room for init");
            keyward.cli_ok(&["init", "--no-token"]).await;
            fs::write(keyward.config_path(), config).expect("write the configuration");
            fs::rename(keyward.dir().join("keyward.db"), file).expect("move the database");
        }
        // Another node may have made the tables, which `init` calls a conflict.
        if url.starts_with("postgres") {
            let done = keyward.cli(&["init", "--no-token"]).await;
            let is_there = matches!(done.status.code(), Some(0 | CONFLICT));
            assert!(is_there, "keyward init: {done:#?}");
        }
        if no_admin {
            return;
        }
        let known = keyward
            .cli(&[
                "users", "create", ADMIN, "--name", "Testkit", "--role", "admin", "--json",
            ])
            .await;
        // In a folder that was prepared before, the admin exists.
        let key = KeySpec::new(ADMIN, "testkit").use_case("management");
        let issued = keyward.key_by_cli(&key).await;
        keyward.management =
            Some(issued.unwrap_or_else(|e| panic!("management key: {e:#?}; admin: {known:#?}")));
    }

    /// Starts; another process may have taken a port that was free, then other ports are tried.
    async fn start_on_free_ports(&mut self) {
        for _ in 1..ATTEMPTS {
            match self.keyward.try_start().await {
                Ok(()) => return,
                Err(_) if self.keyward.log().to_ascii_lowercase().contains("in use") => self.write_config(),
                Err(fault) => panic!("Keyward did not start: {fault}; log:\n{}", self.keyward.log()),
            }
        }
        self.keyward.start().await;
    }
}

/// Lays one table over another: tables are merged, everything else is replaced.
pub(super) fn merge(under: &mut Table, over: Table) {
    for (name, value) in over {
        match (under.get_mut(&name), value) {
            (Some(Value::Table(under)), Value::Table(over)) => merge(under, over),
            (_, value) => {
                under.insert(name, value);
            }
        }
    }
}

fn defaults(upstream: Option<SocketAddr>) -> Table {
    // Port 1: nobody listens there.
    let upstream = upstream.unwrap_or(SocketAddr::from(([127, 0, 0, 1], 1)));
    let text = format!(
        "[database]\nurl = \"sqlite:keyward.db\"\n[log]\nlevel = \"info\"\n\
         [[gateway.upstreams]]\nname = \"default\"\nurl = \"http://{upstream}\"\n"
    );
    text.parse().expect("the testkit's own configuration")
}

fn tls(plane: &str, certificate: &Certificate) -> Table {
    let path = |path: &Path| Value::String(path.to_str().expect("a path in UTF-8").to_owned());
    let mut files = Table::new();
    files.insert("certificate".to_owned(), path(certificate.certificate_path()));
    files.insert("key".to_owned(), path(certificate.key_path()));
    let section = Table::from_iter([("tls".to_owned(), Value::Table(files))]);
    Table::from_iter([(plane.to_owned(), Value::Table(section))])
}

/// Tests lie in `deps` beside the programs of the same build.
pub(crate) fn built_binary() -> PathBuf {
    let test = std::env::current_exe().expect("this test's path");
    let folder = test.parent().and_then(Path::parent).expect("a build folder");
    folder.join("keyward")
}
