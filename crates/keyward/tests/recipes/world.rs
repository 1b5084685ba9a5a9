//! What every case stands on: a proxy between a client, a Keyward and an upstream, and some keys.

use crate::ask::{Ask, Said};
use crate::proxy::{OWN, Proxy};
use keyward_testkit::{Between, Certificate, Front, Issued, KeySpec, OWNER, Recorded, blocking};
use serde_json::Value;
use std::net::SocketAddr;
use std::ops::Deref;

pub(crate) const ORIGIN: &str = "https://app.example.com";
pub(crate) const CORS: &str = "[gateway.cors]\norigins = [\"https://app.example.com\"]\n";

pub(crate) const CONFIG: &str = r#"
[authz]
proxies = ["127.0.0.1"]

[[gateway.routes]]
path = "/api/{site}/**"
[[gateway.routes]]
path = "/wh/*/{site}"
[[gateway.routes]]
path = "/enc/{site}/**"
encoded_slashes = true

[[use_cases]]
name = "rest-api"
[[use_cases]]
name = "read"
routes = [{ methods = ["GET"], path = "/api/{site}/**" }]
"#;

/// Each proxy has a Keyward of its own, with the sites 1 and 2.
pub(crate) struct World {
    pub(crate) proxy: Proxy,
    pub(crate) front: Front,
    inner: keyward_testkit::World,
    /// Its key, which is for site `1` only.
    pub(crate) k1: Issued,
}

impl Deref for World {
    type Target = keyward_testkit::World;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

/// How a case ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted {
    /// Keyward's own refusal: this status and code.
    Says(u16, &'static str),
    /// Any refusal of what is malformed, by Keyward or by the proxy.
    Malformed,
}

impl World {
    pub(crate) async fn start(proxy: Proxy, config: &str) -> Self {
        Self::start_with(proxy, config, None).await
    }

    /// With a proxy that speaks TLS to clients.
    pub(crate) async fn start_over_tls(proxy: Proxy, certificate: &Certificate) -> Self {
        Self::start_with(proxy, "", Some(certificate.clone())).await
    }

    async fn start_with(proxy: Proxy, config: &str, certificate: Option<Certificate>) -> Self {
        let inner = keyward_testkit::World::builder()
            .config(CONFIG)
            .config(config)
            .sites(&["1", "2"])
            .key(KeySpec::new(OWNER, "K1").sites(&["1"]))
            .start()
            .await;
        let between = Between {
            certificate,
            ..Between::new(inner.keyward.authz(), inner.upstream.address())
        };
        let front = blocking(move || proxy.start(&between)).await;
        // Proxies try the port when they start, and a test tries theirs.
        inner.upstream.clear();
        Self {
            proxy,
            front,
            k1: inner.key.clone(),
            inner,
        }
    }

    pub(crate) fn door(&self) -> SocketAddr {
        self.front.address()
    }

    /// Makes a key.
    pub(crate) async fn key(&self, key: KeySpec) -> Issued {
        self.keyward.key(key).await
    }

    /// Calls the management API.
    pub(crate) async fn api(&self, method: &str, path: &str) {
        self.keyward.api_ok(method, path, &Value::Null).await;
    }

    pub(crate) async fn say(&self, ask: &Ask) -> Said {
        ask.say(self.door()).await
    }

    /// Sends a request that must be refused, with nothing at the upstream.
    pub(crate) async fn refused(&self, case: &str, ask: &Ask, wanted: Wanted) -> Said {
        let said = self.say(ask).await;
        self.is_refusal(case, ask, &said, wanted);
        said
    }

    /// What came of a request is a refusal, and nothing is at the upstream.
    pub(crate) fn is_refusal(&self, case: &str, ask: &Ask, said: &Said, wanted: Wanted) {
        let difference = self.proxy.difference(case);
        let fits = match (difference, wanted) {
            (Some(difference), _) => difference.statuses.contains(&said.status),
            (None, Wanted::Says(status, code)) => {
                said.status == status && (said.code == code || code.is_empty())
            }
            (None, Wanted::Malformed) => OWN.contains(&said.status),
        };
        assert!(
            fits,
            "{case}, {:?}: {} {:?}, wanted {wanted:?}, or {:?}; {}; {}",
            self.proxy,
            said.status,
            said.code,
            difference.map(|difference| (difference.statuses, difference.why())),
            ask.text(),
            self.front.log()
        );
        assert_eq!(
            self.upstream.count(),
            0,
            "{case}, {:?}, {}: {:?}",
            self.proxy,
            ask.text(),
            self.upstream.requests()
        );
    }

    /// Sends a request with a blank that HTTP does not allow: it is refused, or reaches the upstream in clean form (F6).
    pub(crate) async fn cleaned(&self, ask: &Ask, line: &str) {
        self.upstream.clear();
        let said = self.say(ask).await;
        let seen = self.upstream.requests();
        let what = format!("{:?} {}: {} {seen:?}", self.proxy, ask.text(), said.status);
        if said.status == 200 {
            assert!(seen.len() == 1 && seen[0].request_line() == line, "{what}");
        } else {
            assert!(OWN.contains(&said.status) && seen.is_empty(), "{what}");
        }
        self.upstream.clear();
    }

    /// Sends a request that must pass, and returns the answer and what the upstream got.
    pub(crate) async fn passed(&self, ask: &Ask) -> (Said, Recorded) {
        self.upstream.clear();
        let said = self.say(ask).await;
        assert_eq!(
            said.status,
            200,
            "{:?} {}: {said:?}; {}",
            self.proxy,
            ask.text(),
            self.front.log()
        );
        let mut got = self.upstream.wait_for(1).await;
        assert_eq!(got.len(), 1, "{:?} {}", self.proxy, ask.text());
        self.upstream.clear();
        (said, got.remove(0))
    }
}
