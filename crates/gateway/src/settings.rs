//! What the gateway is told. The binary reads its configuration into these; nothing here reads files.

use ipnet::IpNet;
use keyward_domain::{HostPort, HostTemplate, Template};
use keyward_listener::TlsFiles;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// Everything that stays as it is while the gateway runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Threads that serve requests; 0 is one per core.
    pub workers: usize,
    /// Certificate and key; without them the gateway speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Connections at a time; those beyond are closed at once.
    pub max_connections: usize,
    /// The longest request head, in bytes.
    pub head_bytes: usize,
    /// The most header fields of a request.
    pub headers: usize,
    /// What request heads of all connections together may hold while they are unfinished, in bytes.
    pub unfinished_head_bytes: usize,
    /// Deadlines.
    pub timeouts: Timeouts,
    /// Whether each request is logged.
    pub access_log: bool,
}

/// The plane that answers proxies. Everything else that it needs is the gateway's: rules, bounds, deadlines.
#[derive(Clone, Debug)]
pub struct AuthzSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The proxies whose word is taken.
    pub proxies: Vec<IpNet>,
    /// Certificate and key; without them it speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// Connections at a time; those beyond are closed at once.
    pub max_connections: usize,
}

/// A deadline for every phase of a request.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the first byte of a request head to its last; also for the TLS handshake.
    pub request_head: Duration,
    /// Between two requests of a connection.
    pub idle: Duration,
    /// The longest pause within a request body; then at least 128 bytes a second on average.
    pub body_stall: Duration,
    /// The longest time that a client takes nothing of an answer.
    pub write_stall: Duration,
    /// Connecting to an upstream.
    pub upstream_connect: Duration,
    /// From the forwarded request to the head of the upstream's answer.
    pub upstream_response: Duration,
    /// The longest pause within an upstream's answer.
    pub upstream_body_stall: Duration,
}

/// What a reload may change.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is protected, as a refusal says it: `WWW-Authenticate: ApiKey realm="…"`.
    pub realm: String,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether one of them that names no client is the client itself, in place of an unknown one.
    pub trusted_proxy_may_be_client: bool,
    /// Paths that need no key: each exact, or a whole-segment prefix.
    pub public_paths: Vec<String>,
    /// Whether `X-API-KEY` reaches the upstream.
    pub forward_key: bool,
    /// Whether answers also carry `RateLimit` and `RateLimit-Policy`.
    pub ietf_rate_limit_headers: bool,
    /// How many `OPTIONS` requests, which need no key, one client may send in a second; absent is any number.
    pub preflights_per_second: Option<NonZeroU32>,
    /// Cross-origin rules; without them preflights are forwarded.
    pub cors: Option<Cors>,
    /// The protected API's own documentation; without it `/swagger` is passed to the upstream.
    pub swagger: Option<Swagger>,
    /// Where requests go; the first that names a path takes it.
    pub routes: Vec<Route>,
    /// Where the routes lead.
    pub upstreams: Vec<Upstream>,
}

/// Cross-origin rules.
#[derive(Clone, Debug)]
pub struct Cors {
    /// Exact origins (`https://app.example.com`), or `*`.
    pub origins: Vec<String>,
    /// Methods that a preflight allows.
    pub methods: Vec<String>,
    /// Header fields that a preflight allows, besides `X-API-KEY`.
    pub headers: Vec<String>,
    /// How long a preflight may be remembered.
    pub max_age: Duration,
}

/// Where the protected API's OpenAPI document comes from.
#[derive(Clone, Debug)]
pub enum Swagger {
    /// A JSON file.
    File(PathBuf),
    /// A path of the first upstream.
    UpstreamPath(String),
}

/// A route.
#[derive(Clone, Debug)]
pub struct Route {
    /// The paths that it names.
    pub path: Template,
    /// Where the site comes from.
    pub site: SiteSource,
    /// The name of the upstream that it leads to.
    pub upstream: String,
    /// The longest pause within a body, of the request and of the answer, in place of the deadlines that hold elsewhere.
    pub stall: Option<Duration>,
}

/// Where a route finds the site of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SiteSource {
    /// `{site}` of the path template; a template without it has no site.
    Path,
    /// Exactly one field of this name.
    Header(http::HeaderName),
    /// `{site}` of a template that the whole host must be.
    Host(HostTemplate),
}

/// An upstream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upstream {
    /// Name, for routes and metrics.
    pub name: String,
    /// Where it is.
    pub address: HostPort,
    /// How it is spoken to.
    pub protocol: Protocol,
    /// How long an HTTP/1.1 connection without a request is kept for the next one; zero is not at all.
    pub idle: Duration,
}

/// How an upstream is spoken to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    H2c,
}
