//! What one browser keeps from the beginning of a sign-in to its end: nothing of it is kept here, so that strangers who
//! begin and never come back cost no memory.

use keyward_domain::Timestamp;
use openidconnect::{CsrfToken, Nonce, PkceCodeVerifier};
use subtle::ConstantTimeEq;

/// How long a sign-in may take.
const LONGEST_MILLIS: i64 = 10 * 60_000;
/// The most characters of each part.
const MOST: usize = 64;

/// A sign-in that has begun. Who holds it can finish what this browser began, and nothing else.
pub struct Flow {
    pub(crate) begun: Timestamp,
    /// Comes back with the answer: it belongs to this browser.
    pub(crate) state: String,
    /// Comes back in the ID token: it was made for this sign-in.
    pub(crate) nonce: String,
    /// Is shown with the code: whoever has seen the code alone cannot use it (RFC 7636).
    pub(crate) verifier: String,
}

impl Flow {
    pub(crate) fn new(state: &CsrfToken, nonce: &Nonce, verifier: &PkceCodeVerifier, now: Timestamp) -> Self {
        Self {
            begun: now,
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
        }
    }

    /// As a cookie carries it, but for the seal: letters, digits, `-`, `_` and `.`.
    pub(crate) fn to_text(&self) -> String {
        let begun = self.begun.millis();
        format!("{begun}.{}.{}.{}", self.state, self.nonce, self.verifier)
    }

    /// Reads what a browser kept, if it is not older than ten minutes.
    pub(crate) fn read(text: &str, now: Timestamp) -> Option<Self> {
        let mut parts = text.split('.');
        let begun = Timestamp::from_millis(parts.next()?.parse().ok()?);
        let mut part = || parts.next().filter(|part| is_token(part)).map(str::to_owned);
        let (state, nonce, verifier) = (part()?, part()?, part()?);
        let is_young = (0..LONGEST_MILLIS).contains(&now.millis().checked_sub(begun.millis())?);
        (parts.next().is_none() && is_young).then_some(Self {
            begun,
            state,
            nonce,
            verifier,
        })
    }

    /// What began no later is not read any more.
    pub(crate) fn oldest(now: Timestamp) -> Timestamp {
        now.plus_millis(-LONGEST_MILLIS)
    }

    /// Whether an answer belongs to this sign-in; tells nothing by the time that it takes.
    pub(crate) fn is_answered_by(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }
}

fn is_token(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (16..=MOST).contains(&part.len()) && part.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn flow() -> Flow {
        let (_, verifier) = openidconnect::PkceCodeChallenge::new_random_sha256();
        Flow::new(&CsrfToken::new_random(), &Nonce::new_random(), &verifier, NOW)
    }

    #[test]
    fn what_a_browser_keeps_is_read_back_for_ten_minutes() {
        let flow = flow();
        let text = flow.to_text();
        assert!(text.len() < 256, "{text}");
        for (later, is_there) in [(0, true), (599_999, true), (600_000, false), (-1, false)] {
            let read = Flow::read(&text, NOW.plus_millis(later));
            assert_eq!(read.is_some(), is_there, "{later}");
            if let Some(read) = read {
                assert_eq!(read.to_text(), text);
                assert!(read.is_answered_by(&flow.state));
            }
        }
    }

    #[test]
    fn nothing_else_is_a_flow() {
        let good = flow().to_text();
        let parts: Vec<&str> = good.split('.').collect();
        let bad = [
            String::new(),
            "....".into(),
            parts[..3].join("."),
            format!("{good}.x"),
            format!("{}.{}.{}.short", parts[0], parts[1], parts[2]),
            format!(
                "{}.{}.{}.{}",
                parts[0], parts[1], "a b c d e f g h i j k", parts[3]
            ),
            format!("{}.{}.{}.{}", i64::MIN, parts[1], parts[2], parts[3]),
            format!("{}.{}.{}.{}", parts[0], "a".repeat(65), parts[2], parts[3]),
        ];
        for text in bad {
            assert!(Flow::read(&text, NOW).is_none(), "{text}");
        }
    }

    #[test]
    fn only_its_own_state_answers_it() {
        let flow = flow();
        for state in ["", &flow.state[1..], &flow.nonce, &format!("{}x", flow.state)] {
            assert!(!flow.is_answered_by(state), "{state}");
        }
    }
}
