//! Unkey's rate limits: so many requests in so many milliseconds.

use serde_json::Value;

const MINUTE: u64 = 60_000;

/// The requests a minute that the limits come to, and whether some of them were left out because Unkey applies them only
/// when a verification names them. Only limits of a minute can be said exactly: 3600 an hour would let 3600 through in one
/// minute, and 60 a minute would refuse the 61st.
pub(super) fn limit_of(limits: &Value) -> Result<(Option<u64>, bool), &'static str> {
    let limits = limits.as_array().ok_or("must be a list")?;
    let mut least: Option<u64> = None;
    let mut is_some_left_out = false;
    for limit in limits {
        let number = |field: &str| limit.get(field).and_then(Value::as_u64);
        if limit.get("autoApply") == Some(&Value::Bool(false)) {
            is_some_left_out = true;
            continue;
        }
        let (Some(requests), Some(duration)) = (number("limit"), number("duration")) else {
            return Err("each must have a `limit` and a `duration`, in whole numbers");
        };
        if duration != MINUTE {
            return Err(
                "only a limit of one minute (a `duration` of 60000) can be said here: write the limit per minute that is meant, or take it out",
            );
        }
        least = Some(least.map_or(requests, |least| least.min(requests)));
    }
    Ok((least, is_some_left_out))
}
