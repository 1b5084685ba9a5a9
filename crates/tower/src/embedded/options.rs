//! How a database is opened to decide from.

use super::Embedded;
use keyward_domain::{Prefix, RoutePattern, SecretFormat, Template, UseCase, UseCaseCatalogue, UseCaseName};
use keyward_engine::{Engine, Limiter, OnStale, RedisOptions, Settings, SystemClock};
use keyward_limit::{Mode, OnFailure};
use keyward_store::{PasswordSource, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Why a database cannot be decided from; says the way out, and holds no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenFault(String);

impl fmt::Display for OpenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for OpenFault {}

fn fault(error: impl fmt::Display) -> OpenFault {
    OpenFault(error.to_string())
}

/// Methods and templates of paths.
type Pairs = Vec<(String, String)>;

/// How to open a database to decide from. What is said here of secrets and use cases must be what the configuration of the Keyward
/// says that manages the keys.
#[must_use = "it is `open` that opens the database"]
#[derive(Clone)]
pub struct EmbeddedOptions {
    url: String,
    password: Option<String>,
    prefix: String,
    retired_prefixes: Vec<String>,
    use_cases: Vec<(String, Option<Pairs>)>,
    max_staleness: Duration,
    on_stale: OnStale,
    shared_limits: Option<String>,
}

impl fmt::Debug for EmbeddedOptions {
    /// Tells neither addresses nor passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedOptions")
            .field("prefix", &self.prefix)
            .field("use_cases", &self.use_cases)
            .field("max_staleness", &self.max_staleness)
            .finish_non_exhaustive()
    }
}

impl EmbeddedOptions {
    pub(super) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            password: None,
            prefix: "kw".to_owned(),
            retired_prefixes: Vec::new(),
            use_cases: Vec::new(),
            max_staleness: Duration::from_secs(30),
            on_stale: OnStale::Serve,
            shared_limits: None,
        }
    }

    /// The password to PostgreSQL, when the address has none.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// What secrets begin with, in place of `kw`: `keys.prefix`.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// What older secrets begin with: `keys.retired_prefixes`.
    pub fn retired_prefix(mut self, prefix: &str) -> Self {
        self.retired_prefixes.push(prefix.to_owned());
        self
    }

    /// Adds a use case that opens every route. Without any there is one: `rest-api`. Keys of a use case that is not named here are
    /// refused.
    pub fn use_case(mut self, name: &str) -> Self {
        self.use_cases.push((name.to_owned(), None));
        self
    }

    /// Adds a use case that opens these routes alone: pairs of a method (`*` is every method) and a template of paths.
    pub fn use_case_for(mut self, name: &str, routes: &[(&str, &str)]) -> Self {
        let owned = |(method, path): &(&str, &str)| ((*method).to_owned(), (*path).to_owned());
        self.use_cases
            .push((name.to_owned(), Some(routes.iter().map(owned).collect())));
        self
    }

    /// How long the database may be silent before this process calls itself stale, in place of 30 seconds.
    pub fn max_staleness(mut self, time: Duration) -> Self {
        self.max_staleness = time;
        self
    }

    /// Answers 503 when stale. By default it goes on deciding from what it has.
    pub fn refuse_when_stale(mut self) -> Self {
        self.on_stale = OnStale::Refuse;
        self
    }

    /// Counts limits in a Redis or Valkey (`redis://host:6379`) that several processes share, exactly; while it is away each
    /// counts for itself. By default each counts for itself.
    pub fn shared_limits(mut self, url: &str) -> Self {
        self.shared_limits = Some(url.to_owned());
        self
    }

    /// Opens the database, loads all keys, and begins to follow. The database must be there, made by Keyward, and of this
    /// version's schema: nothing is created or migrated.
    ///
    /// # Errors
    /// Why not, and the way out.
    pub async fn open(self) -> Result<Embedded, OpenFault> {
        let settings = self.settings()?;
        let limiter = self.limiter()?;
        let store = self.store().await?;
        let engine = Engine::new(store, Arc::new(SystemClock), settings).with_limiter(limiter);
        engine.load().await.map_err(fault)?;
        engine.limiter().reach().await;
        Ok(Embedded::start(engine, self.shared_limits.is_some()))
    }

    async fn store(&self) -> Result<Arc<dyn Store>, OpenFault> {
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            let options = SqliteOptions {
                path: path.into(),
                create: false,
                migrate: false,
                read_only: false,
            };
            return Ok(Arc::new(SqliteStore::open(&options).await.map_err(fault)?));
        }
        if !self.url.starts_with("postgres:") && !self.url.starts_with("postgresql:") {
            let form = "write the database as sqlite:keys.db, or as postgres://user@host:5432/database";
            return Err(fault(form));
        }
        let options = PostgresOptions {
            url: self.url.clone(),
            password: self.password.clone().map(PasswordSource::from),
            listen_url: None,
            create: false,
            migrate: false,
            read_only: false,
        };
        options.check().map_err(fault)?;
        Ok(Arc::new(PostgresStore::open(&options).await.map_err(fault)?))
    }

    fn limiter(&self) -> Result<Limiter, OpenFault> {
        let Some(url) = &self.shared_limits else {
            return Ok(Limiter::default());
        };
        let options = RedisOptions {
            url: url.clone(),
            mode: Mode::Exact,
            on_failure: OnFailure::Local,
            ..RedisOptions::default()
        };
        Limiter::shared(&options).map_err(|why| fault(format!("{}: {why}", options.place())))
    }

    fn settings(&self) -> Result<Settings, OpenFault> {
        let prefix =
            |text: &String| Prefix::new(text).map_err(|why| fault(format!("the prefix `{text}`: {why}")));
        let retired = self
            .retired_prefixes
            .iter()
            .map(prefix)
            .collect::<Result<_, _>>()?;
        let mut use_cases = self
            .use_cases
            .iter()
            .map(|(name, routes)| use_case(name, routes.as_deref()))
            .collect::<Result<Vec<_>, _>>()?;
        if use_cases.is_empty() {
            use_cases.push(use_case("rest-api", None)?);
        }
        Ok(Settings {
            format: SecretFormat::new(prefix(&self.prefix)?, retired),
            catalogue: UseCaseCatalogue::new(use_cases).map_err(fault)?,
            max_staleness: self.max_staleness,
            on_stale: self.on_stale,
        })
    }
}

fn use_case(name: &str, routes: Option<&[(String, String)]>) -> Result<UseCase, OpenFault> {
    let pattern = |(method, path): &(String, String)| {
        let path =
            Template::parse(path).map_err(|why| fault(format!("the use case `{name}`: {path}: {why}")))?;
        let methods = if method == "*" {
            Vec::new()
        } else {
            vec![method.clone()]
        };
        Ok(RoutePattern { methods, path })
    };
    Ok(UseCase {
        name: UseCaseName::new(name).map_err(|why| fault(format!("`{name}`: {why}")))?,
        title: name.to_owned(),
        routes: routes
            .map(|routes| routes.iter().map(pattern).collect::<Result<_, _>>())
            .transpose()?,
    })
}
