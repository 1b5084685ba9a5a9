//! The form of the configuration file. Texts with a form of their own (addresses, durations, templates) are kept as
//! texts here and read by the checks, so that all their faults are told at once.

use super::database::{HIDDEN, without_password};
use serde::{Deserialize, Serialize};

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) database: Database,
    pub(crate) replica: Replica,
    pub(crate) audit: Audit,
    pub(crate) limits: SharedLimits,
    pub(crate) keys: Keys,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) use_cases: Option<Vec<UseCase>>,
    pub(crate) gateway: Gateway,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) authz: Option<Authz>,
    pub(crate) console: Console,
    pub(crate) ops: Ops,
    pub(crate) log: Log,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Database {
    pub(crate) url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) listen_url: Option<String>,
}

/// Where limits are counted.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SharedLimits {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) password_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sentinel_password_file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<String>,
    pub(crate) cluster: bool,
    pub(crate) mode: String,
    pub(crate) on_limiter_failure: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Replica {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) snapshot: Option<String>,
    pub(crate) snapshot_every: String,
}

/// How long the audit log stays in the database.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Audit {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) keep: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) archive: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Keys {
    pub(crate) prefix: String,
    pub(crate) retired_prefixes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UseCase {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) routes: Option<Vec<UseCaseRoute>>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UseCaseRoute {
    #[serde(default)]
    pub(crate) methods: Vec<String>,
    pub(crate) path: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Gateway {
    pub(crate) listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_url: Option<String>,
    pub(crate) workers: usize,
    pub(crate) realm: String,
    pub(crate) trusted_proxies: Vec<String>,
    pub(crate) trusted_proxy_may_be_client: bool,
    pub(crate) public_paths: Vec<String>,
    pub(crate) forward_key: bool,
    pub(crate) max_connections: usize,
    pub(crate) ietf_rate_limit_headers: bool,
    pub(crate) preflights_per_second: u32,
    pub(crate) on_stale: String,
    pub(crate) max_staleness: String,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<Tls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cors: Option<Cors>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) swagger: Option<Swagger>,
    pub(crate) upstreams: Vec<Upstream>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) routes: Option<Vec<Route>>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Timeouts {
    pub(crate) request_head: String,
    pub(crate) idle: String,
    pub(crate) body_stall: String,
    pub(crate) write_stall: String,
    pub(crate) upstream_connect: String,
    pub(crate) upstream_response: String,
    pub(crate) upstream_body_stall: String,
    pub(crate) drain: String,
    pub(crate) drain_delay: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) head_bytes: usize,
    pub(crate) headers: usize,
    pub(crate) unfinished_head_bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Cors {
    pub(crate) origins: Vec<String>,
    pub(crate) methods: Vec<String>,
    pub(crate) headers: Vec<String>,
    pub(crate) max_age: String,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Swagger {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) upstream_path: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) url: String,
    #[serde(default = "http1")]
    pub(crate) protocol: String,
    #[serde(default = "upstream_idle")]
    pub(crate) upstream_idle: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Route {
    pub(crate) path: String,
    #[serde(default = "default_name")]
    pub(crate) upstream: String,
    #[serde(default)]
    pub(crate) encoded_slashes: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stall: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) site: Option<Site>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Site {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) header: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) host: Option<String>,
    /// What `host` was once, for the fault that says so.
    #[serde(skip_serializing)]
    pub(crate) host_label: Option<usize>,
}

/// The plane that answers proxies; without the section there is none.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Authz {
    pub(crate) listen: String,
    pub(crate) proxies: Vec<String>,
    pub(crate) max_connections: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<Tls>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Console {
    pub(crate) listen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) public_url: Option<String>,
    pub(crate) trusted_proxies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<Tls>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) oidc: Option<Oidc>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Oidc {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<String>,
    #[serde(default)]
    pub(crate) scopes: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Ops {
    pub(crate) listen: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Log {
    pub(crate) format: String,
    pub(crate) level: String,
    pub(crate) access: bool,
}

impl Config {
    /// The same, with what holds where the file says nothing.
    pub(crate) fn in_force(&self) -> Self {
        let mut config = self.clone();
        config.use_cases.get_or_insert_with(|| vec![UseCase::rest_api()]);
        config.gateway.routes.get_or_insert_with(|| vec![Route::of_api()]);
        config
    }

    /// The same as it may be shown to others.
    pub(crate) fn without_passwords(mut self) -> Self {
        self.database.url = without_password(&self.database.url);
        if let Some(words) = &mut self.database.password_command {
            // An argument may be a secret too.
            words.iter_mut().skip(1).for_each(|word| HIDDEN.clone_into(word));
        }
        self.database.listen_url = self.database.listen_url.as_deref().map(without_password);
        self.limits.url = self.limits.url.as_deref().map(without_password);
        self
    }
}

impl UseCase {
    /// The one that is there without configuration.
    pub(crate) fn rest_api() -> Self {
        Self {
            name: "rest-api".into(),
            title: Some(keyward_domain::UseCase::REST_API_TITLE.into()),
            routes: None,
        }
    }
}

impl Route {
    /// The one that is there without configuration.
    pub(crate) fn of_api() -> Self {
        Self {
            path: "/api/{site}/**".into(),
            upstream: default_name(),
            encoded_slashes: false,
            stall: None,
            site: None,
        }
    }
}

fn http1() -> String {
    "http1".into()
}

/// Below the five seconds after which many servers close (Node.js, uvicorn).
fn upstream_idle() -> String {
    "4s".into()
}

fn default_name() -> String {
    "default".into()
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

impl Default for Database {
    fn default() -> Self {
        Self {
            url: "sqlite:keyward.db".into(),
            password_file: None,
            password_command: None,
            listen_url: None,
        }
    }
}

impl Default for Replica {
    fn default() -> Self {
        Self {
            snapshot: None,
            snapshot_every: "10s".into(),
        }
    }
}

impl Default for SharedLimits {
    fn default() -> Self {
        Self {
            url: None,
            password_file: None,
            sentinel_password_file: None,
            ca_file: None,
            cluster: false,
            mode: "exact".into(),
            on_limiter_failure: "local".into(),
        }
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            prefix: "kw".into(),
            retired_prefixes: Vec::new(),
        }
    }
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            public_url: None,
            workers: 0,
            realm: "api".into(),
            trusted_proxies: Vec::new(),
            trusted_proxy_may_be_client: false,
            public_paths: texts(&["/swagger"]),
            forward_key: false,
            max_connections: 10_000,
            ietf_rate_limit_headers: false,
            preflights_per_second: 1000,
            on_stale: "serve".into(),
            max_staleness: "30s".into(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            tls: None,
            cors: None,
            swagger: None,
            upstreams: Vec::new(),
            routes: None,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            request_head: "10s".into(),
            idle: "75s".into(),
            body_stall: "20s".into(),
            write_stall: "30s".into(),
            upstream_connect: "5s".into(),
            upstream_response: "60s".into(),
            upstream_body_stall: "60s".into(),
            drain: "30s".into(),
            drain_delay: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes: 32_768,
            headers: 100,
            unfinished_head_bytes: 64 << 20,
        }
    }
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            methods: texts(&["GET", "POST", "PUT", "PATCH", "DELETE"]),
            headers: texts(&["content-type"]),
            max_age: "10m".into(),
        }
    }
}

impl Default for Authz {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8082".into(),
            proxies: Vec::new(),
            max_connections: 10_000,
            tls: None,
        }
    }
}

impl Default for Console {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8081".into(),
            public_url: None,
            trusted_proxies: Vec::new(),
            tls: None,
            oidc: None,
        }
    }
}

impl Default for Ops {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:9090".into(),
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: "human".into(),
            level: "info".into(),
            access: true,
        }
    }
}
