//! What a client may still do, as header fields.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_domain::{Quota, Timestamp};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const IETF: HeaderName = HeaderName::from_static("ratelimit");
const IETF_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Sets `X-RateLimit-Limit`, `X-RateLimit-Remaining` and `X-RateLimit-Reset` (Unix seconds, a multiple of 60), in the
/// meaning of the mission's table. They describe the key's limit. Whatever else the answer said of a limit in such fields, of the
/// same names or of others that are in use, is taken away: two sets side by side would contradict each other. `Retry-After` stays
/// as it is.
pub fn rate_limit_headers(quota: Quota, headers: &mut HeaderMap) {
    while let Some(name) = headers.keys().find(|name| tells_of_limit(name)).cloned() {
        headers.remove(name);
    }
    headers.insert(LIMIT, HeaderValue::from(quota.limit));
    headers.insert(REMAINING, HeaderValue::from(quota.remaining));
    headers.insert(RESET, HeaderValue::from(quota.reset));
}

/// Whether a field tells of a limit.
fn tells_of_limit(name: &HeaderName) -> bool {
    let name = name.as_str();
    name == "ratelimit"
        || ["ratelimit-", "x-ratelimit-", "x-rate-limit-"]
            .iter()
            .any(|start| name.starts_with(start))
}

/// Sets `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11): a quota of `q` requests in `w`
/// seconds, of which `r` are left for `t` seconds.
pub fn rate_limit_headers_ietf(quota: Quota, now: Timestamp, headers: &mut HeaderMap) {
    let fields = [
        (IETF_POLICY, format!("\"minute\";q={};w=60", quota.limit)),
        (
            IETF,
            format!("\"minute\";r={};t={}", quota.remaining, retry_after(quota, now)),
        ),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// Whole seconds until the window of a quota ends: at least 1, and never too few.
pub fn retry_after(quota: Quota, now: Timestamp) -> i64 {
    let left = quota.reset.saturating_mul(1000).saturating_sub(now.millis());
    left.div_euclid(1000)
        .saturating_add(i64::from(left.rem_euclid(1000) != 0))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l8_retry_after_is_at_least_one_second_and_never_too_few() {
        let quota = Quota {
            limit: 60,
            remaining: 0,
            reset: 120,
        };
        for (millis, seconds) in [
            (60_000, 60),
            (60_001, 60),
            (61_000, 59),
            (118_999, 2),
            (119_000, 1),
            (119_999, 1),
            (120_000, 1),
        ] {
            let now = Timestamp::from_millis(millis);
            assert_eq!(retry_after(quota, now), seconds, "{millis}");
            assert!(millis + seconds * 1000 >= 120_000);
        }
    }

    #[test]
    fn no_other_word_on_a_limit_stays_beside_ours() {
        let mut headers = HeaderMap::new();
        for name in [
            "x-ratelimit-limit",
            "x-ratelimit-remaining",
            "x-ratelimit-reset",
            "x-ratelimit-used",
            "x-rate-limit-limit",
            "ratelimit",
            "ratelimit-policy",
            "ratelimit-remaining",
            "retry-after",
            "x-ratelimited",
        ] {
            headers.append(name, HeaderValue::from_static("7"));
            headers.append(name, HeaderValue::from_static("8"));
        }
        let quota = Quota {
            limit: 60,
            remaining: 12,
            reset: 120,
        };
        rate_limit_headers(quota, &mut headers);
        let mut left: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .collect();
        left.sort_unstable();
        let wanted = [
            ("retry-after", "7"),
            ("retry-after", "8"),
            ("x-ratelimit-limit", "60"),
            ("x-ratelimit-remaining", "12"),
            ("x-ratelimit-reset", "120"),
            ("x-ratelimited", "7"),
            ("x-ratelimited", "8"),
        ];
        assert_eq!(left, wanted);
    }

    #[test]
    fn the_three_headers_and_the_ietf_fields_tell_the_same() {
        let mut headers = HeaderMap::new();
        let quota = Quota {
            limit: 60,
            remaining: 12,
            reset: 1_708_345_200,
        };
        rate_limit_headers(quota, &mut headers);
        rate_limit_headers_ietf(quota, Timestamp::from_millis(1_708_345_170_000), &mut headers);
        let text = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
        assert_eq!(text("X-RateLimit-Limit"), "60");
        assert_eq!(text("X-RateLimit-Remaining"), "12");
        assert_eq!(text("X-RateLimit-Reset"), "1708345200");
        assert_eq!(text("RateLimit-Policy"), "\"minute\";q=60;w=60");
        assert_eq!(text("RateLimit"), "\"minute\";r=12;t=30");
    }
}
