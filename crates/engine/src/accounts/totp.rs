//! Time-based one-time passwords (RFC 6238: SHA-1, 6 digits, 30 s, which is what every app can do) and recovery codes.

use crate::EngineError;
use keyward_domain::{Fingerprint, Presented, Timestamp, TotpKey, UserId};
use keyward_store::{Proof, SecondFactor};
use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

const STEP_SECS: u64 = 30;
/// Steps either side of the present one whose codes are taken: clocks differ, and people are slow.
const SKEW: u64 = 1;
const RECOVERY_CODES: usize = 10;
const RECOVERY_CHARS: usize = 10;
/// Crockford's base 32: no letter that looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn totp(key: &TotpKey, account: &str) -> Result<Totp, EngineError> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(STEP_SECS)
        .with_secret(key.as_bytes().to_vec())
        .with_issuer(Some("Keyward"))
        .with_account_name(account)
        .build()
        .map_err(|_| EngineError::field("email", "cannot be shown to an authenticator app"))
}

/// A new key.
pub(super) fn new_key() -> Result<TotpKey, EngineError> {
    let mut bytes = Zeroizing::new([0; 20]);
    getrandom::fill(bytes.as_mut()).map_err(|_| EngineError::NoEntropy)?;
    Ok(TotpKey::from_bytes(*bytes))
}

/// What an app is told of a key: in base 32, and as a URI.
pub(super) fn shown(key: &TotpKey, account: &str) -> Result<(String, String), EngineError> {
    let totp = totp(key, account)?;
    let uri = totp
        .to_url()
        .map_err(|_| EngineError::field("email", "cannot be shown to an authenticator app"))?;
    Ok((totp.secret().to_base32(), uri))
}

/// What somebody has typed, without what they put between the characters.
fn typed(code: &str) -> Zeroizing<String> {
    let plain = code
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .take(RECOVERY_CHARS + 1);
    Zeroizing::new(plain.collect())
}

/// The step whose code this is, if it is a code of the present steps that was not used yet.
pub(super) fn step_of(factor: &SecondFactor, code: &str, now: Timestamp) -> Option<u64> {
    let code = typed(code);
    let present = u64::try_from(now.seconds()).ok()? / STEP_SECS;
    let totp = totp(&factor.key, "-").ok()?;
    let first = present.saturating_sub(SKEW);
    (first..=present.saturating_add(SKEW)).find(|step| {
        let expected = Zeroizing::new(totp.generate(step.saturating_mul(STEP_SECS)).to_string());
        *step > factor.last_step && is_same(&expected, &code)
    })
}

/// Compares without telling by the time where the first difference is.
fn is_same(one: &str, other: &str) -> bool {
    let differing = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == other.len() && differing == 0
}

/// What a code would prove; a recovery code is looked up in the store.
pub(super) fn proof_of(user: UserId, factor: &SecondFactor, code: &str, now: Timestamp) -> Option<Proof> {
    match step_of(factor, code, now) {
        Some(step) => Some(Proof::Step(step)),
        None => recovery_hash(user, code).map(Proof::RecoveryCode),
    }
}

/// What is stored of a recovery code. The user is part of it, so that one guess is a guess at one user only.
fn recovery_hash(user: UserId, code: &str) -> Option<Fingerprint> {
    let code = typed(code);
    if code.len() != RECOVERY_CHARS {
        return None;
    }
    let plain: Zeroizing<String> = Zeroizing::new(code.chars().map(plain_letter).collect());
    let named = Zeroizing::new(format!("{user}:{}", *plain));
    Presented::parse(named.as_bytes())
        .ok()
        .map(Presented::fingerprint)
}

/// Reads letters as the characters of the alphabet that they look like.
fn plain_letter(c: char) -> char {
    match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

/// New recovery codes, as they are shown and as they are stored.
pub(super) fn new_recovery_codes(user: UserId) -> Result<(Vec<String>, Vec<Fingerprint>), EngineError> {
    let mut shown = Vec::with_capacity(RECOVERY_CODES);
    let mut hashes = Vec::with_capacity(RECOVERY_CODES);
    for _ in 0..RECOVERY_CODES {
        let mut bytes = Zeroizing::new([0; RECOVERY_CHARS]);
        getrandom::fill(bytes.as_mut()).map_err(|_| EngineError::NoEntropy)?;
        let mut code = String::with_capacity(RECOVERY_CHARS + 1);
        for (place, byte) in bytes.iter().enumerate() {
            if place == RECOVERY_CHARS / 2 {
                code.push('-');
            }
            code.push(char::from(ALPHABET[usize::from(byte % 32)]));
        }
        hashes.extend(recovery_hash(user, &code));
        shown.push(code);
    }
    Ok((shown, hashes))
}

#[cfg(test)]
mod tests;
