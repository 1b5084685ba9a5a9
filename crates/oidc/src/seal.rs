//! What makes a flow ours: a browser carries it, and nobody but Keyward can make one.

use crate::fault::StartFault;
use crate::settings::{ClientSecret, Settings};
use ring::hmac::{HMAC_SHA256, Key, sign, verify};
use ring::rand::SystemRandom;
use std::fmt::Write;

/// A key of HMAC-SHA256. Nodes that share the client's secret share it; without a secret each has its own, and a flow ends at the
/// node at which it began.
pub(crate) struct Seal(Key);

impl Seal {
    pub(crate) fn new(settings: &Settings, secret: Option<&ClientSecret>) -> Result<Self, StartFault> {
        let Some(secret) = secret else {
            let key = Key::generate(HMAC_SHA256, &SystemRandom::new());
            return key.map(Self).map_err(|_| StartFault::Random);
        };
        // Nothing but this use gives this key, and it tells nothing of the secret that a guess of it would not.
        let purpose = format!(
            "keyward flow 1\n{}\n{}",
            settings.issuer.as_str(),
            settings.client_id
        );
        let whole = Key::new(HMAC_SHA256, secret.reveal().as_bytes());
        let derived = sign(&whole, purpose.as_bytes());
        Ok(Self(Key::new(HMAC_SHA256, derived.as_ref())))
    }

    /// A text with its seal behind it.
    pub(crate) fn close(&self, text: &str) -> String {
        let mut sealed = format!("{text}.");
        for byte in sign(&self.0, text.as_bytes()).as_ref() {
            // Writing to a text does not fail.
            let _ = write!(sealed, "{byte:02x}");
        }
        sealed
    }

    /// The text that was sealed; tells nothing by the time that it takes.
    pub(crate) fn open<'t>(&self, sealed: &'t str) -> Option<&'t str> {
        let (text, tag) = sealed.rsplit_once('.')?;
        let tag = bytes_of(tag)?;
        verify(&self.0, text.as_bytes(), &tag).ok().map(|()| text)
    }
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.as_bytes();
    let is_plain = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 64 || !digits.iter().all(is_plain) {
        return None;
    }
    let pairs = digits.chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Issuer;

    fn seal(secret: Option<&str>, client: &str) -> Seal {
        let settings = Settings {
            issuer: Issuer::new("https://sso.example.com").unwrap(),
            client_id: client.into(),
            client_secret_file: None,
            name: "SSO".into(),
            ca_file: None,
            scopes: Vec::new(),
        };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let secret = secret.map(|secret| {
            std::fs::write(&file, secret).unwrap();
            ClientSecret::read(&file).unwrap()
        });
        Seal::new(&settings, secret.as_ref()).unwrap()
    }

    #[test]
    fn what_was_sealed_is_opened_by_whoever_shares_the_secret() {
        let sealed = seal(Some("s"), "keyward").close("1.a.b.c");
        assert_eq!(seal(Some("s"), "keyward").open(&sealed), Some("1.a.b.c"));
        assert_eq!(seal(Some("t"), "keyward").open(&sealed), None);
        assert_eq!(seal(Some("s"), "another").open(&sealed), None);
        let own = seal(None, "keyward");
        assert_eq!(own.open(&own.close("x")), Some("x"));
        assert_eq!(own.open(&seal(None, "keyward").close("x")), None);
    }

    #[test]
    fn nothing_else_is_opened() {
        let seal = seal(Some("s"), "keyward");
        let sealed = seal.close("1.a.b.c");
        let changed = sealed.replacen('1', "2", 1);
        let bad = [
            "",
            ".",
            "1.a.b.c",
            &sealed[..sealed.len() - 1],
            &sealed[..sealed.len() - 2],
            &sealed.to_uppercase(),
            &format!("{sealed}.x"),
            &changed,
        ];
        for text in bad {
            assert_eq!(seal.open(text), None, "{text}");
        }
    }
}
