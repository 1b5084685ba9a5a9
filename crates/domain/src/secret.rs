//! Secrets: made once, shown once, known afterwards by their fingerprint alone.
//!
//! The form is `<prefix>_<32 base62 characters><6 base62 characters of CRC-32>`. The checksum is over everything
//! before it, so a mistyped secret is refused without a look-up. It proves nothing about who holds the secret.

use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// The longest secret that is looked at, in bytes.
pub const MAX_SECRET_BYTES: usize = 255;
/// The shortest secret of another system that is taken, in bytes.
pub const SHORTEST_FOREIGN: usize = 8;
const RANDOM_CHARS: usize = 32;
const CHECK_CHARS: usize = 6;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A secret in clear text. It wipes itself, and cannot be printed, compared, copied or serialised; the one way out
/// is [`Secret::reveal`].
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret that another system made, to be imported: 8 to 255 visible ASCII characters.
    pub fn foreign(text: &str, format: &SecretFormat) -> Result<Self, ForeignSecretFault> {
        if text.len() < SHORTEST_FOREIGN {
            return Err(ForeignSecretFault::TooShort);
        }
        let presented = Presented::parse(text.as_bytes()).map_err(|_| ForeignSecretFault::NotVisibleAscii)?;
        if format.checksum(presented) == Checksum::Wrong {
            return Err(ForeignSecretFault::WrongChecksum);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The clear text, for the one answer that shows it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored in place of the secret.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(self.0.as_bytes())
    }
}

/// Why a text is not taken as another system's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForeignSecretFault {
    /// Under 8 characters: it could be guessed.
    #[error(
        "the secret has fewer than {SHORTEST_FOREIGN} characters: it could be guessed, so issue a new key instead"
    )]
    TooShort,
    /// Not 1 to 255 visible ASCII characters.
    #[error("the secret must be at most 255 visible ASCII characters: no other could be sent in a header")]
    NotVisibleAscii,
    /// It carries our prefix, but not our checksum, and would be refused at every request.
    #[error(
        "the secret begins with a prefix of this installation but has a wrong checksum, so it would be refused"
    )]
    WrongChecksum,
}

/// What a client sent in `X-API-KEY`, checked for its form only (step 1 of the decision).
#[derive(Clone, Copy)]
pub struct Presented<'a>(&'a [u8]);

/// Why a header value cannot be a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialFault {
    /// There is no value, or an empty one.
    #[error("no key was sent")]
    Missing,
    /// Several values, over 255 bytes, or a byte that is no visible ASCII.
    #[error("the key is malformed")]
    Malformed,
}

impl<'a> Presented<'a> {
    /// Takes 1 to 255 bytes of visible ASCII.
    pub fn parse(value: &'a [u8]) -> Result<Self, CredentialFault> {
        if value.is_empty() {
            return Err(CredentialFault::Missing);
        }
        if value.len() > MAX_SECRET_BYTES || !value.iter().all(u8::is_ascii_graphic) {
            return Err(CredentialFault::Malformed);
        }
        Ok(Self(value))
    }

    /// What was sent.
    pub fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// What a key is looked up by.
    pub fn fingerprint(self) -> Fingerprint {
        Fingerprint::of(self.0)
    }
}

/// SHA-256 of a whole secret: the only form that is stored, and the only form a store is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }

    /// From the 32 bytes of a SHA-256.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads 64 hexadecimal digits, as imports carry them.
    pub fn from_hex(text: &str) -> Result<Self, FingerprintFault> {
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(FingerprintFault);
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        }
        Ok(Self(bytes))
    }
}

fn hex_digit(digit: u8) -> Result<u8, FingerprintFault> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(FingerprintFault),
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

/// A text that is no SHA-256 in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is the SHA-256 of the secret as 64 hexadecimal digits")]
pub struct FingerprintFault;

/// Prefix and last four characters of a secret, for people to tell keys apart.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hint(String);

impl Hint {
    /// The hint of a secret. A short secret shows nothing of itself.
    pub fn of(secret: &Secret, format: &SecretFormat) -> Self {
        let text = secret.reveal();
        let tail = if text.len() >= 12 {
            &text[text.len() - 4..]
        } else {
            ""
        };
        match format.prefix_of(text.as_bytes()) {
            Some(prefix) => Self(format!("{}_…{tail}", prefix.0)),
            None => Self(format!("…{tail}")),
        }
    }

    /// A hint that came from a store or an import file; at most 24 characters are kept.
    pub fn stored(text: &str) -> Self {
        Self(text.chars().filter(|c| !c.is_control()).take(24).collect())
    }

    /// The text of the hint.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands before the `_` of a secret: 1 to 12 ASCII letters and digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Prefix(String);

/// Why a text is no prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key prefix is 1 to 12 ASCII letters and digits")]
pub struct PrefixFault;

impl Prefix {
    /// Checks and takes a prefix. Twelve characters at most, so that the whole secret stays in one SHA-256 block.
    pub fn new(text: &str) -> Result<Self, PrefixFault> {
        let fits = (1..=12).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(PrefixFault)
        }
    }

    /// The prefix without its underscore.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How this installation writes its secrets, and which older prefixes it still accepts.
#[derive(Clone, Debug)]
pub struct SecretFormat {
    prefix: Prefix,
    retired: Vec<Prefix>,
}

/// What the checksum says of a presented secret (step 2 of the decision).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksum {
    /// Our prefix, right checksum.
    Right,
    /// Our prefix, wrong form or checksum: refused without a look-up.
    Wrong,
    /// Not of our making: an imported secret, or no key at all.
    Foreign,
}

impl SecretFormat {
    /// New secrets carry `prefix`; those with a `retired` one stay acceptable.
    pub fn new(prefix: Prefix, retired: Vec<Prefix>) -> Self {
        Self { prefix, retired }
    }

    /// Makes a secret from a source of random bytes (about 190 bits of entropy).
    pub fn generate(&self, fill: &mut dyn FnMut(&mut [u8])) -> Secret {
        let mut text = Zeroizing::new(String::with_capacity(
            self.prefix.0.len() + 1 + RANDOM_CHARS + CHECK_CHARS,
        ));
        text.push_str(&self.prefix.0);
        text.push('_');
        let start = text.len();
        let mut noise = Zeroizing::new([0u8; 64]);
        while text.len() < start + RANDOM_CHARS {
            fill(noise.as_mut());
            // 248 is the largest multiple of 62 in a byte: what lies above would favour some letters.
            let fair = noise
                .iter()
                .filter(|b| **b < 248)
                .take(start + RANDOM_CHARS - text.len());
            let letters: Zeroizing<String> =
                Zeroizing::new(fair.map(|b| char::from(BASE62[usize::from(b % 62)])).collect());
            text.push_str(&letters);
        }
        let check = base62_of(crc32fast::hash(text.as_bytes()));
        text.extend(check.iter().map(|b| char::from(*b)));
        Secret(text)
    }

    /// Whether a presented secret is of ours and intact.
    pub fn checksum(&self, presented: Presented<'_>) -> Checksum {
        let Some(prefix) = self.prefix_of(presented.0) else {
            return Checksum::Foreign;
        };
        let body = &presented.0[prefix.0.len() + 1..];
        if body.len() != RANDOM_CHARS + CHECK_CHARS || !body.iter().all(u8::is_ascii_alphanumeric) {
            return Checksum::Wrong;
        }
        let (signed, check) = presented.0.split_at(presented.0.len() - CHECK_CHARS);
        if check == base62_of(crc32fast::hash(signed)) {
            Checksum::Right
        } else {
            Checksum::Wrong
        }
    }

    /// Whether a secret of ours stands somewhere in a text.
    pub fn is_in(&self, text: &str) -> bool {
        let prefixes = || std::iter::once(&self.prefix).chain(&self.retired);
        let begins = |place: usize, prefix: &Prefix| text[..place].ends_with(prefix.as_str());
        text.match_indices('_').any(|(place, _)| {
            prefixes().any(|prefix| {
                let end = place + 1 + RANDOM_CHARS + CHECK_CHARS;
                let secret = text.get(place.saturating_sub(prefix.0.len())..end);
                begins(place, prefix)
                    && secret
                        .and_then(|secret| Presented::parse(secret.as_bytes()).ok())
                        .is_some_and(|secret| self.checksum(secret) == Checksum::Right)
            })
        })
    }

    fn prefix_of(&self, secret: &[u8]) -> Option<&Prefix> {
        std::iter::once(&self.prefix).chain(&self.retired).find(|prefix| {
            secret.get(prefix.0.len()) == Some(&b'_') && secret.starts_with(prefix.0.as_bytes())
        })
    }
}

fn base62_of(mut number: u32) -> [u8; CHECK_CHARS] {
    let mut digits = [b'0'; CHECK_CHARS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(number % 62) as usize];
        number /= 62;
    }
    digits
}

#[cfg(test)]
mod tests;
