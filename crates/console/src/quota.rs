//! The three headers that tell a client what is left of its limit.

use http::{HeaderMap, HeaderName, HeaderValue};
use keyward_domain::Quota;

/// Writes `X-RateLimit-Limit`, `-Remaining` and `-Reset` (Unix seconds, a multiple of 60).
pub(crate) fn rate_limit_headers(quota: Quota, headers: &mut HeaderMap) {
    let mut put = |name, value| headers.insert(HeaderName::from_static(name), value);
    put("x-ratelimit-limit", HeaderValue::from(quota.limit));
    put("x-ratelimit-remaining", HeaderValue::from(quota.remaining));
    put("x-ratelimit-reset", HeaderValue::from(quota.reset));
}
