//! What every test stands on: a gateway with routes of every kind, an upstream that records, and some keys.

use crate::asked::Dialect;
use crate::spoken::{Ask, Door, Said, Way};
use keyward_testkit::{Certificate, EchoUpstream, Issued, KeySpec, Keyward, KeywardBuilder, Recorded};
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const OWNER: &str = "owner@example.com";

/// Every kind of route.
const ROUTES: &str = r#"
[[gateway.routes]]
path = "/api/{site}/**"
[[gateway.routes]]
path = "/wh/*/{site}"
[[gateway.routes]]
path = "/enc/{site}/**"
encoded_slashes = true
[[gateway.routes]]
path = "/hdr/**"
site = { header = "X-Site" }
[[gateway.routes]]
path = "/host/**"
site = { host = "{site}.example.com" }
[[gateway.routes]]
path = "/free/**"
"#;

/// Every proxy of this machine may ask.
const AUTHZ: &str = "[authz]\nproxies = [\"127.0.0.0/8\"]\n";

/// A gateway between a test and an upstream.
pub(crate) struct World {
    pub(crate) keyward: Keyward,
    pub(crate) upstream: EchoUpstream,
    pub(crate) certificate: Option<Certificate>,
    /// The secret of a key for site `1` only.
    pub(crate) k1: String,
    /// That key.
    pub(crate) k1_issued: Issued,
    /// Holds the certificate.
    _folder: Option<TempDir>,
}

impl World {
    /// Starts with routes of every kind.
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_with(ROUTES, config, None).await
    }

    /// Starts with routes of every kind behind TLS.
    pub(crate) async fn start_tls(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = Certificate::create(folder.path());
        let world = Self::start_with(ROUTES, config, Some(certificate)).await;
        Self {
            _folder: Some(folder),
            ..world
        }
    }

    /// Starts with these routes.
    pub(crate) async fn start_with(routes: &str, config: &str, certificate: Option<Certificate>) -> Self {
        let upstream = EchoUpstream::start().await;
        let mut builder = builder()
            .upstream(upstream.address())
            .config_toml(AUTHZ)
            .config_toml(routes)
            .config_toml(config);
        if let Some(certificate) = &certificate {
            builder = builder.gateway_tls(certificate);
        }
        let keyward = builder.start().await;
        keyward.user(OWNER, "member").await;
        for site in ["1", "2", "3"] {
            keyward.site(site).await;
        }
        let k1_issued = keyward.key(KeySpec::new(OWNER, "K1").sites(&["1"])).await;
        Self {
            keyward,
            upstream,
            certificate,
            k1: k1_issued.secret.clone(),
            k1_issued,
            _folder: None,
        }
    }

    pub(crate) fn door(&self) -> Door<'_> {
        Door {
            address: self.keyward.gateway(),
            authz: self.keyward.authz(),
            certificate: self.certificate.as_ref(),
        }
    }

    /// Makes a key and returns its secret.
    pub(crate) async fn secret(&self, key: KeySpec) -> String {
        self.keyward.key(key).await.secret
    }

    pub(crate) async fn say(&self, ask: &Ask) -> Said {
        self.door().say(Way::Http1, ask).await
    }

    /// Sends requests in some ways; each must get one of the answers wanted, and none may reach the upstream. A status
    /// of 0 (HTTP/2 only) is what the HTTP/2 library itself refuses; it counts as any 400. What is refused in both ways is
    /// refused through every proxy that asks, too.
    pub(crate) async fn all_refused(&self, ways: &[Way], table: &[(Ask, &[(u16, &str)])]) {
        self.upstream.clear();
        let asked: &[Way] = if ways == BOTH { ASKED } else { &[] };
        for way in ways.iter().chain(asked) {
            for (ask, wanted) in table {
                if !way.can_tell(ask) {
                    continue;
                }
                let said = self.door().say(*way, ask).await;
                let by_library = said.status == 0 && wanted.iter().any(|(status, _)| *status == 400);
                assert!(
                    by_library || wanted.contains(&said.word()),
                    "{way:?} {}: {:?}, wanted {wanted:?}",
                    String::from_utf8_lossy(&ask.bytes()),
                    said.word()
                );
                assert_eq!(
                    self.upstream.count(),
                    0,
                    "{way:?} {ask:?}: {:?}",
                    self.upstream.requests()
                );
            }
        }
    }

    /// Sends a request until it passes: what another process changed is in force within seconds.
    pub(crate) async fn eventually_passes(&self, ask: &Ask) {
        for _ in 0..200 {
            if self.say(ask).await.status == 200 {
                return self.upstream.clear();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("still refused: {:?}", self.say(ask).await);
    }

    /// Sends a request that must pass, and returns what the upstream got.
    pub(crate) async fn passed(&self, way: Way, ask: &Ask) -> Recorded {
        self.upstream.clear();
        let said = self.door().say(way, ask).await;
        let text = String::from_utf8_lossy(&ask.bytes()).into_owned();
        assert_eq!(said.status, 200, "{way:?} {text}: {said:?}");
        assert_eq!(self.upstream.count(), 1, "{way:?} {text}");
        self.upstream.last()
    }
}

/// A header line with its name as a reader sees it who takes every other sign for a hyphen.
pub(crate) fn folded(line: &str) -> String {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    let fold = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    format!("{}:{value}", name.chars().map(fold).collect::<String>())
}

/// The lines that such a reader takes for this field, as they were sent.
pub(crate) fn folded_fields(got: &Recorded, name: &str) -> Vec<String> {
    let start = format!("{name}:");
    got.header_lines()
        .into_iter()
        .filter(|line| folded(line).starts_with(&start))
        .collect()
}

pub(crate) fn builder() -> KeywardBuilder {
    Keyward::builder().binary(env!("CARGO_BIN_EXE_keyward"))
}

/// Through each proxy that asks.
pub(crate) const ASKED: &[Way] = &[
    Way::Asked(Dialect::Nginx),
    Way::Asked(Dialect::ForwardAuth),
    Way::Asked(Dialect::ExtAuthz),
    Way::Envoy,
];

/// Both ways.
pub(crate) const BOTH: &[Way] = &[Way::Http1, Way::Http2];
