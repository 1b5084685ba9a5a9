//! What the modules share.

use keyward_testkit::{EchoUpstream, KeySpec, Keyward, KeywardBuilder, RawClient, RawResponse, request};
use serde_json::Value;
use std::time::{Duration, Instant};

pub(crate) const OWNER: &str = "owner@example.com";
/// The longest that a test waits for what must come.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

/// `light`, or `heavy` when `KEYWARD_HEAVY` is set.
pub(crate) fn sized(light: usize, heavy: usize) -> usize {
    if std::env::var_os("KEYWARD_HEAVY").is_some() {
        heavy
    } else {
        light
    }
}

/// A Keyward before an echo upstream, and a key for site 1.
pub(crate) struct World {
    pub(crate) upstream: EchoUpstream,
    pub(crate) keyward: Keyward,
    pub(crate) key_id: String,
    pub(crate) secret: String,
}

impl World {
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_with(Keyward::builder().config_toml(config)).await
    }

    pub(crate) async fn start_with(builder: KeywardBuilder) -> Self {
        let upstream = EchoUpstream::start().await;
        let builder = builder.upstream(upstream.address());
        let keyward = builder.config_toml("[log]\naccess = false").start().await;
        keyward.user(OWNER, "member").await;
        keyward.site("1").await;
        keyward.site("2").await;
        let key = keyward.key(KeySpec::new(OWNER, "k").sites(&["1"])).await;
        Self {
            upstream,
            keyward,
            key_id: key.id,
            secret: key.secret,
        }
    }

    pub(crate) async fn connect(&self) -> RawClient {
        RawClient::connect(self.keyward.gateway()).await
    }

    /// The bytes of a GET with the key.
    pub(crate) fn get(&self, target: &str) -> Vec<u8> {
        get(target, &self.secret)
    }
}

pub(crate) fn get(target: &str, secret: &str) -> Vec<u8> {
    request("GET", target, &[("X-API-KEY", secret)], "")
}

/// `200`, or the status and code of a problem document: `401 key_disabled`.
pub(crate) fn verdict(answer: &RawResponse) -> String {
    if answer.status == 200 {
        return "200".to_owned();
    }
    let problem = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    format!("{} {}", answer.status, problem["code"].as_str().unwrap_or("-"))
}

/// Waits until `done` says so.
pub(crate) async fn eventually(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !done().await {
        assert!(began.elapsed() < GUARD, "not within {GUARD:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
