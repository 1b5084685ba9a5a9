//! Attacks of a second look: each was possible once.

use keyward_testkit::{EchoUpstream, H2Outcome, KeySpec, Keyward, KeywardBuilder, RawH2};

const OWNER: &str = "owner@example.com";

fn builder() -> KeywardBuilder {
    Keyward::builder().binary(env!("CARGO_BIN_EXE_keyward"))
}

/// A gateway in front of an upstream, and the secret of a key without restrictions.
async fn start(config: &str) -> (Keyward, EchoUpstream, String) {
    let upstream = EchoUpstream::start().await;
    let keyward = builder()
        .upstream(upstream.address())
        .config_toml(config)
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let key = keyward.key(KeySpec::new(OWNER, "K")).await;
    (keyward, upstream, key.secret)
}

#[tokio::test]
async fn f3_a_length_over_http2_is_one_plain_number_too() {
    let (keyward, upstream, secret) = start("").await;
    for lengths in [
        &["5"][..],
        &["5", "5"],
        &["05"],
        &["05", "5"],
        &["00000000000000005"],
    ] {
        upstream.clear();
        let mut h2 = RawH2::connect(keyward.gateway()).await;
        let mut fields = vec![
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", "/api/1/x"),
            ("x-api-key", &*secret),
        ];
        fields.extend(lengths.iter().map(|length| ("content-length", *length)));
        h2.headers(1, &fields, false).await;
        h2.data(1, "hello", true).await;
        let outcome = h2.outcome(1).await;
        if lengths == ["5"] {
            assert_eq!(outcome, H2Outcome::Status(200));
            assert_eq!(upstream.last().header("content-length"), ["5"]);
        } else {
            assert_ne!(outcome, H2Outcome::Status(200), "{lengths:?}");
            assert_eq!(upstream.count(), 0, "{lengths:?}: {:?}", upstream.requests());
        }
    }
}
