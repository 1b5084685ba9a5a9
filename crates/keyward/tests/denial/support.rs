//! What the modules share.

use keyward_testkit::{
    EchoUpstream, Issued, KeySpec, Keyward, KeywardBuilder, RawClient, RawResponse, exchange, request,
};
use serde_json::Value;
use std::time::{Duration, Instant};

pub(crate) const OWNER: &str = "owner@example.com";

/// How long a test waits for what must come.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

/// `light`, or `heavy` when `KEYWARD_HEAVY` is set.
pub(crate) fn sized<T>(light: T, heavy: T) -> T {
    if std::env::var_os("KEYWARD_HEAVY").is_some() {
        heavy
    } else {
        light
    }
}

pub(crate) fn before(upstream: &EchoUpstream) -> KeywardBuilder {
    Keyward::builder()
        .binary(env!("CARGO_BIN_EXE_keyward"))
        .upstream(upstream.address())
}

/// A gateway before an upstream, and a key for everything.
pub(crate) struct World {
    pub(crate) keyward: Keyward,
    pub(crate) upstream: EchoUpstream,
    pub(crate) key: Issued,
}

impl World {
    pub(crate) async fn start(config: &str) -> Self {
        Self::start_with(config, |builder| builder).await
    }

    pub(crate) async fn start_with(
        config: &str,
        change: impl FnOnce(KeywardBuilder) -> KeywardBuilder,
    ) -> Self {
        let upstream = EchoUpstream::start().await;
        let keyward = change(before(&upstream).config_toml(config)).start().await;
        keyward.user(OWNER, "member").await;
        keyward.site("1").await;
        let key = keyward.key(KeySpec::new(OWNER, "K")).await;
        Self {
            keyward,
            upstream,
            key,
        }
    }

    pub(crate) fn secret(&self) -> &str {
        &self.key.secret
    }

    /// A GET with the key.
    pub(crate) fn get(&self, target: &str) -> Vec<u8> {
        get(target, self.secret())
    }

    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> RawResponse {
        exchange(self.keyward.gateway(), bytes).await
    }

    pub(crate) async fn connect(&self) -> RawClient {
        RawClient::connect(self.keyward.gateway()).await
    }

    /// Waits until a metric is at most this.
    pub(crate) async fn falls_to(&self, metric: &str, most: f64) {
        let since = Instant::now();
        loop {
            let value = self.keyward.metric(metric).await.unwrap();
            if value <= most {
                return;
            }
            assert!(
                since.elapsed() < GUARD,
                "{metric} stays at {value}, wanted {most}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
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

/// A cheap sequence that looks random and is the same at each run.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    pub(crate) fn text(&mut self, length: usize, signs: &[u8]) -> String {
        (0..length)
            .map(|_| char::from(signs[self.roll(signs.len())]))
            .collect()
    }
}
