//! What every test stands on: a gateway with routes of every kind, an upstream that records, and some keys.

use crate::asked::Dialect;
use crate::spoken::{Ask, Door, Said, Way};
use keyward_testkit::{KeySpec, OWNER, Recorded, WorldBuilder, eventually};
use std::ops::Deref;

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

/// A gateway between a test and an upstream, with the sites 1, 2 and 3.
pub(crate) struct World {
    inner: keyward_testkit::World,
    /// The secret of its key, which is for site `1` only.
    pub(crate) k1: String,
}

impl Deref for World {
    type Target = keyward_testkit::World;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

/// A world with these routes.
pub(crate) fn with_routes(routes: &str) -> WorldBuilder {
    keyward_testkit::World::builder()
        .config(AUTHZ)
        .config(routes)
        .sites(&["1", "2", "3"])
        .key(KeySpec::new(OWNER, "K1").sites(&["1"]))
}

impl World {
    /// Starts with routes of every kind.
    pub(crate) async fn start(config: &str) -> Self {
        Self::of(with_routes(ROUTES).config(config)).await
    }

    /// Starts with routes of every kind behind TLS.
    pub(crate) async fn start_tls(config: &str) -> Self {
        Self::of(with_routes(ROUTES).config(config).tls()).await
    }

    pub(crate) async fn of(builder: WorldBuilder) -> Self {
        let inner = builder.start().await;
        Self {
            k1: inner.secret().to_owned(),
            inner,
        }
    }

    pub(crate) fn door(&self) -> Door<'_> {
        Door(&self.inner)
    }

    /// Makes a key and returns its secret.
    pub(crate) async fn secret_of(&self, key: KeySpec) -> String {
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
        eventually("it passes", async || self.say(ask).await.status == 200).await;
        self.upstream.clear();
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

/// Through each proxy that asks.
pub(crate) const ASKED: &[Way] = &[
    Way::Asked(Dialect::Nginx),
    Way::Asked(Dialect::ForwardAuth),
    Way::Asked(Dialect::ExtAuthz),
    Way::Envoy,
];

/// Both ways.
pub(crate) const BOTH: &[Way] = &[Way::Http1, Way::Http2];
