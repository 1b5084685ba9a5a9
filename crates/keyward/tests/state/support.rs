//! What the modules share.

use keyward_domain::Timestamp;
use keyward_engine::{Clock, SystemClock};
use keyward_testkit::{EchoUpstream, Keyward, KeywardBuilder, RawClient, RawResponse, exchange, request};
use serde_json::Value;

pub(crate) const OWNER: &str = "owner@example.com";

/// `light`, or `heavy` when `KEYWARD_HEAVY` is set.
pub(crate) fn sized(light: usize, heavy: usize) -> usize {
    if std::env::var_os("KEYWARD_HEAVY").is_some() {
        heavy
    } else {
        light
    }
}

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A Keyward before an echo upstream, without access log, so that floods do not fill the disk.
pub(crate) fn before(upstream: &EchoUpstream) -> KeywardBuilder {
    Keyward::builder()
        .upstream(upstream.address())
        .config_toml("[log]\naccess = false")
}

/// A running Keyward with the user [`OWNER`] and the sites 1 and 2.
pub(crate) async fn started() -> (EchoUpstream, Keyward) {
    let upstream = EchoUpstream::start().await;
    let keyward = before(&upstream).start().await;
    keyward.user(OWNER, "member").await;
    keyward.site("1").await;
    keyward.site("2").await;
    (upstream, keyward)
}

pub(crate) fn get(target: &str, secret: &str) -> Vec<u8> {
    request("GET", target, &[("X-API-KEY", secret)], "")
}

/// `GET /api/1/x` on a connection of its own.
pub(crate) async fn ask(keyward: &Keyward, secret: &str) -> RawResponse {
    exchange(keyward.gateway(), get("/api/1/x", secret)).await
}

/// The same on a connection that is kept.
pub(crate) async fn ask_on(client: &mut RawClient, secret: &str) -> RawResponse {
    client.send(get("/api/1/x", secret)).await;
    client.read_response().await
}

/// `200`, or the status and code of a problem document: `401 key_disabled`.
pub(crate) fn verdict(answer: &RawResponse) -> String {
    if answer.status == 200 {
        return "200".to_owned();
    }
    let problem = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    format!("{} {}", answer.status, problem["code"].as_str().unwrap_or("-"))
}

/// A number in a header.
pub(crate) fn number(answer: &RawResponse, header: &str) -> i64 {
    answer
        .header(header)
        .unwrap_or_else(|| panic!("no {header}: {} {}", verdict(answer), answer.text()))
        .parse()
        .unwrap()
}
