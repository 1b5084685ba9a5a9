//! Turns a configuration into the settings of the other crates, and names every fault on the way.

use super::schema::UseCase;
use super::values::Checker;
use super::{ConfigFaults, Database, Loaded, authz, console, database, gateway, limits, public_url};
use crate::logs;
use keyward_domain::{Prefix, RoutePattern, SecretFormat, Template, UseCaseCatalogue, UseCaseName};
use keyward_engine::{ArchiveSettings, OnStale, SnapshotSettings};
use keyward_limit::RedisOptions;
use std::net::SocketAddr;
use std::time::Duration;

/// The database is asked once a second, and may take as long again: with less, a node would be stale between two answers.
const LEAST_STALENESS: Duration = Duration::from_secs(3);

/// A configuration that is right, in the terms of those who are told it.
#[derive(Clone, Debug)]
pub(crate) struct Checked {
    pub(crate) database: Database,
    /// Where limits are counted together with other nodes.
    pub(crate) limits: Option<RedisOptions>,
    pub(crate) engine: keyward_engine::Settings,
    /// Where the replica is kept on disk, when it is.
    pub(crate) snapshot: Option<SnapshotSettings>,
    /// Where old lines of the audit log go, when they do.
    pub(crate) archive: Option<ArchiveSettings>,
    pub(crate) gateway: keyward_gateway::Settings,
    pub(crate) rules: keyward_gateway::Rules,
    /// The plane that answers proxies, when there is to be one.
    pub(crate) authz: Option<keyward_gateway::AuthzSettings>,
    pub(crate) console: keyward_console::Settings,
    pub(crate) ops: SocketAddr,
    pub(crate) log: logs::Settings,
    /// How long requests that are under way may take to end after SIGTERM.
    pub(crate) drain: Duration,
    pub(crate) drain_delay: Option<Duration>,
}

impl Loaded {
    /// Checks every value.
    ///
    /// # Errors
    /// All faults at once.
    pub(crate) fn check(&self) -> Result<Checked, ConfigFaults> {
        let mut checker = Checker::new(self);
        let checked = read(&mut checker);
        checker.finish()?;
        checked.ok_or_else(|| ConfigFaults::of_file(&self.file, "cannot be read as a configuration"))
    }

    /// The same for `serve`, which needs an upstream.
    pub(crate) fn check_for_serve(&self) -> Result<Checked, ConfigFaults> {
        let mut checker = Checker::new(self);
        let checked = read(&mut checker);
        if self.config.gateway.upstreams.is_empty() {
            checker.fault(
                "gateway.upstreams",
                "there is none: add [[gateway.upstreams]] with name = \"default\" and the url of your API",
            );
        }
        checker.finish()?;
        checked.ok_or_else(|| ConfigFaults::of_file(&self.file, "cannot be read as a configuration"))
    }
}

/// Reads everything before it gives up, so that one run tells all faults.
fn read(checker: &mut Checker<'_>) -> Option<Checked> {
    let config = &checker.loaded.config;
    let database = database::read(checker);
    let limits = limits::read(checker);
    let engine = engine(checker);
    let snapshot = snapshot(checker, database.as_ref());
    let archive = archive(checker);
    let log = log(checker);
    let access_log = config.log.access;
    let gateway = gateway::settings(checker, access_log);
    let rules = gateway::rules(checker);
    let authz = authz::settings(checker);
    let gateway_url = public_url::read(checker, gateway.as_ref().map(|g| g.listen));
    let console = console::settings(checker, access_log, gateway_url);
    let ops = checker.address("ops.listen", &config.ops.listen);
    let timeouts = &config.gateway.timeouts;
    let drain = checker.duration("gateway.timeouts.drain", &timeouts.drain);
    let drain_delay = timeouts.drain_delay.as_ref();
    let drain_delay = drain_delay.map(|text| checker.duration("gateway.timeouts.drain_delay", text));
    let planes = [
        ("gateway.listen", gateway.as_ref().map(|g| g.listen)),
        ("authz.listen", authz.as_ref().map(|a| a.listen)),
        ("console.listen", console.as_ref().map(|c| c.listen)),
        ("ops.listen", ops),
    ];
    one_port_each(checker, &planes);
    Some(Checked {
        database: database?,
        limits: limits?,
        engine: engine?,
        snapshot,
        archive,
        gateway: gateway?,
        rules: rules?,
        authz,
        console: console?,
        ops: ops?,
        log: log?,
        drain,
        drain_delay,
    })
}

fn engine(checker: &mut Checker<'_>) -> Option<keyward_engine::Settings> {
    let config = &checker.loaded.config;
    let prefix = checker.take("keys.prefix", Prefix::new(&config.keys.prefix));
    let retired: Vec<Option<Prefix>> = (0..)
        .zip(&config.keys.retired_prefixes)
        .map(|(n, text): (usize, _)| checker.take(&format!("keys.retired_prefixes[{n}]"), Prefix::new(text)))
        .collect();
    let catalogue = catalogue(checker, config.use_cases.as_deref());
    let words = [("serve", OnStale::Serve), ("refuse", OnStale::Refuse)];
    let on_stale = checker.word("gateway.on_stale", &config.gateway.on_stale, &words);
    let max_staleness = checker.duration_from(
        "gateway.max_staleness",
        &config.gateway.max_staleness,
        LEAST_STALENESS,
    );
    let retired: Option<Vec<Prefix>> = retired.into_iter().collect();
    Some(keyward_engine::Settings {
        format: SecretFormat::new(prefix?, retired?),
        catalogue: catalogue?,
        max_staleness,
        on_stale: on_stale?,
    })
}

fn snapshot(checker: &mut Checker<'_>, database: Option<&Database>) -> Option<SnapshotSettings> {
    let replica = &checker.loaded.config.replica;
    let every = checker.duration("replica.snapshot_every", &replica.snapshot_every);
    let path = checker.path("replica.snapshot", replica.snapshot.as_deref()?);
    match database? {
        Database::Sqlite(_) => {
            checker.fault(
                "replica.snapshot",
                "an SQLite file is as near as a snapshot of it: leave it out, or use PostgreSQL",
            );
            None
        }
        Database::Postgres(options) => Some(SnapshotSettings {
            path,
            database: options.address(),
            every,
        }),
    }
}

fn archive(checker: &mut Checker<'_>) -> Option<ArchiveSettings> {
    let audit = &checker.loaded.config.audit;
    let (keep, folder) = (audit.keep.as_deref(), audit.archive.as_deref());
    match (keep, folder) {
        (None, None) => None,
        (None, Some(_)) => {
            checker.fault(
                "audit.keep",
                "says how long lines stay before they go to audit.archive, such as 400d: set it, or leave both out",
            );
            None
        }
        (Some(keep), folder) => {
            let keep_days = checker.take("audit.keep", days(keep));
            let Some(folder) = folder else {
                checker.fault(
                    "audit.archive",
                    "names the folder that lines go to after audit.keep: set it, or leave both out",
                );
                return None;
            };
            Some(ArchiveSettings {
                folder: checker.path("audit.archive", folder),
                keep_days: keep_days?,
            })
        }
    }
}

/// Whole days: lines go by the day.
fn days(text: &str) -> Result<u32, String> {
    let number = text
        .strip_suffix('d')
        .and_then(|number| number.parse::<u32>().ok());
    match number {
        Some(days @ 1..=36_500) => Ok(days),
        _ => Err(format!(
            "`{text}` is no number of days from 1d to 36500d: write it as 400d"
        )),
    }
}

fn catalogue(checker: &mut Checker<'_>, configured: Option<&[UseCase]>) -> Option<UseCaseCatalogue> {
    let default = [UseCase::rest_api()];
    let entries = configured.unwrap_or(&default);
    let mut use_cases = Vec::with_capacity(entries.len());
    for (n, entry) in entries.iter().enumerate() {
        use_cases.extend(use_case(checker, &format!("use_cases[{n}]"), entry));
    }
    if use_cases.is_empty() && entries.is_empty() {
        checker.fault(
            "use_cases",
            "is empty: name at least one use case, or leave it out",
        );
    }
    checker.take("use_cases", UseCaseCatalogue::new(use_cases))
}

fn use_case(checker: &mut Checker<'_>, key: &str, entry: &UseCase) -> Option<keyward_domain::UseCase> {
    let name = checker.take(&format!("{key}.name"), UseCaseName::new(&entry.name));
    let routes = entry.routes.as_ref().map(|routes| {
        (0..)
            .zip(routes)
            .map(|(n, route): (usize, _)| {
                let place = format!("{key}.routes[{n}]");
                checker.methods(&format!("{place}.methods"), &route.methods);
                let path = checker.take(&format!("{place}.path"), Template::parse(&route.path));
                path.map(|path| RoutePattern {
                    methods: route.methods.clone(),
                    path,
                })
            })
            .collect::<Vec<_>>()
    });
    let routes = match routes {
        None => None,
        Some(read) => Some(read.into_iter().collect::<Option<Vec<_>>>()?),
    };
    Some(keyward_domain::UseCase {
        title: entry.title.clone().unwrap_or_else(|| entry.name.clone()),
        name: name?,
        routes,
    })
}

fn log(checker: &mut Checker<'_>) -> Option<logs::Settings> {
    let log = &checker.loaded.config.log;
    let formats = [("human", logs::Form::Human), ("json", logs::Form::Json)];
    let format = checker.word("log.format", &log.format, &formats);
    let level = checker.word("log.level", &log.level, &logs::LEVELS);
    Some(logs::Settings {
        form: format?,
        level: level?,
    })
}

fn one_port_each(checker: &mut Checker<'_>, planes: &[(&'static str, Option<SocketAddr>)]) {
    for (n, (key, address)) in planes.iter().enumerate() {
        let same = planes[..n]
            .iter()
            .find(|(_, other)| address.is_some() && other == address);
        if let (Some((other, _)), Some(address)) = (same, address)
            && address.port() != 0
        {
            checker.fault(
                key,
                format!("{address} is the address of {other} too: each plane needs its own"),
            );
        }
    }
}
