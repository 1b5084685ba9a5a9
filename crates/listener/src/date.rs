//! The `Date` of answers. hyper keeps one for a second that ends by the clock, and so for an hour when the clock is set back by
//! that; what is kept here is for the second that it is.

use http::header::DATE;
use http::{HeaderMap, HeaderValue};
use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The second that is kept, and its text.
struct Kept {
    second: u64,
    text: HeaderValue,
}

thread_local!(static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) });

/// Says when an answer was made, unless it says so by itself.
pub fn date(headers: &mut HeaderMap) {
    if !headers.contains_key(DATE) {
        headers.insert(DATE, KEPT.with_borrow_mut(|kept| text(kept, now())));
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what answers are dated by is the system's clock, in a crate that knows no other"
)]
fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

fn text(kept: &mut Option<Kept>, second: u64) -> HeaderValue {
    match kept {
        Some(kept) if kept.second == second => kept.text.clone(),
        _ => {
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
            let text = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
            let kept = kept.insert(Kept { second, text });
            kept.text.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s12_the_date_is_that_of_the_clock_whichever_way_it_is_set() {
        let mut kept = None;
        for (second, wanted) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778, "Sun, 06 Nov 1994 08:49:38 GMT"),
            // Back by an hour, and on.
            (784_108_178, "Sun, 06 Nov 1994 07:49:38 GMT"),
            (784_108_179, "Sun, 06 Nov 1994 07:49:39 GMT"),
            (1_800_000_000, "Fri, 15 Jan 2027 08:00:00 GMT"),
            (1_799_999_999, "Fri, 15 Jan 2027 07:59:59 GMT"),
        ] {
            assert_eq!(text(&mut kept, second), wanted);
        }
    }

    #[test]
    fn an_answer_that_is_dated_keeps_its_date() {
        let mut headers = HeaderMap::new();
        headers.insert(DATE, HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"));
        date(&mut headers);
        assert_eq!(headers[DATE], "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
