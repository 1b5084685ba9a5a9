//! Method and target of a request, as bytes: what a head's first line may say, and what a proxy may say that it said.

use super::Fault;
use crate::framing::is_token;

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

/// A target is visible ASCII, without a fragment, and a path or a URL.
pub(crate) fn check_target(method: &str, target: &str) -> Result<(), Fault> {
    if target.len() > MOST_TARGET_BYTES {
        return Err(Fault::TargetTooLong);
    }
    if !target.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Fault::Malformed("a byte in the target that is not visible ASCII"));
    }
    if target.contains('#') {
        return Err(Fault::Malformed("a fragment in the target"));
    }
    let absolute = target.starts_with("http://") || target.starts_with("https://");
    if target.starts_with('/') || absolute || target == "*" || method == "CONNECT" {
        // What hyper would refuse by itself, without a word, is refused here. Most targets need no second look.
        let doubtful = !target.starts_with('/') || target.contains(['"', '<', '>', '`']);
        if doubtful && target.parse::<http::Uri>().is_err() {
            return Err(Fault::Malformed("a malformed target"));
        }
        Ok(())
    } else {
        Err(Fault::Malformed(
            "a target that is neither a path nor an http URL",
        ))
    }
}

/// The target in a head that is at fault elsewhere, when it is short: who asks there may need an answer of its own.
pub(super) fn short_target(head: &[u8]) -> Option<&str> {
    const MOST: usize = 128;
    let line = head[..head.len().min(MOST)].split(|b| *b == b'\r').next()?;
    let target = str::from_utf8(line).ok()?.split(' ').nth(1)?;
    line.ends_with(b" HTTP/1.1").then_some(target)
}
