//! Method and target of a request, as bytes: what a head's first line may say, and what a proxy may say that it said.

use super::Fault;
use crate::framing::is_token;
use http::Uri;

/// The longest target.
pub(crate) const MOST_TARGET_BYTES: usize = 16 * 1024;
pub(super) const MOST_METHOD_BYTES: usize = 32;

/// A method is a short token.
pub(crate) fn check_method(method: &str) -> Result<(), Fault> {
    if method.len() <= MOST_METHOD_BYTES && method.bytes().all(is_token) {
        Ok(())
    } else {
        Err(Fault::Malformed("a malformed method"))
    }
}

/// A target is a path or a URL without a fragment, of visible ASCII but for its query. That may hold what it likes which ends no
/// request line: it decides nothing, and goes on as it came.
pub(crate) fn check_target(method: &str, target: &str) -> Result<(), Fault> {
    if target.len() > MOST_TARGET_BYTES {
        return Err(Fault::TargetTooLong);
    }
    let (place, query) = target.split_once('?').unwrap_or((target, ""));
    if !place.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Fault::Malformed("a byte in the target that is not visible ASCII"));
    }
    if query.bytes().any(|b| b <= b' ' || b == 0x7f) {
        return Err(Fault::Malformed(
            "a blank or a control byte in the target's query",
        ));
    }
    if target.contains('#') {
        return Err(Fault::Malformed("a fragment in the target"));
    }
    let absolute = place.starts_with("http://") || place.starts_with("https://");
    if place.starts_with('/') || absolute || target == "*" || method == "CONNECT" {
        // What hyper would refuse by itself, without a word, is refused here. Most targets need no second look.
        let doubtful = !place.starts_with('/') || place.contains(['"', '<', '>', '`']);
        if doubtful && place.parse::<http::Uri>().is_err() {
            return Err(Fault::Malformed("a malformed target"));
        }
        Ok(())
    } else {
        Err(Fault::Malformed(
            "a target that is neither a path nor an http URL",
        ))
    }
}

/// The query of a target, when it holds what the library for targets does not take.
pub(crate) fn odd_query(target: &str) -> Option<&str> {
    let (_, query) = target.split_once('?')?;
    query.contains(['"', '<', '>']).then_some(query)
}

/// A target that was checked, as the library takes it: without its query, where that is odd. For those who only judge it.
pub(crate) fn read_target(target: &str) -> Result<Uri, Fault> {
    let taken = match odd_query(target) {
        Some(query) => &target[..target.len() - query.len() - 1],
        None => target,
    };
    taken.parse().map_err(|_| Fault::Malformed("a malformed target"))
}

/// The target in a head that is at fault elsewhere, when it is short: who asks there may need an answer of its own.
pub(super) fn short_target(head: &[u8]) -> Option<&str> {
    const MOST: usize = 128;
    let line = head[..head.len().min(MOST)].split(|b| *b == b'\r').next()?;
    let target = str::from_utf8(line).ok()?.split(' ').nth(1)?;
    line.ends_with(b" HTTP/1.1").then_some(target)
}
