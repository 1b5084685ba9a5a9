//! What an ID token proves: whose it is, and for whom and when it was made (OpenID Connect Core 1.0, section 3.1.3.7).

use crate::fault::Fault;
use crate::flow::Flow;
use crate::known::Found;
use chrono::{DateTime, Utc};
use keyward_domain::Timestamp;
use openidconnect::core::{CoreIdToken, CoreIdTokenClaims, CoreIdTokenVerifier, CoreJwsSigningAlgorithm};
use openidconnect::{ClaimsVerificationError, ClientId, Nonce, SignatureVerificationError};

/// The signatures that count: those of a private key that only the provider has. `none` and the shared-secret ones (HS256
/// and its like) prove nothing here.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];
/// How far the provider's clock may be off.
const SKEW_MILLIS: i64 = 5 * 60_000;
/// The longest name of a person at a provider (section 2).
const LONGEST_SUBJECT: usize = 255;

/// Why a token proves nothing.
pub(crate) enum TokenFault {
    /// It names a key that is not among those that are known.
    UnknownKey,
    /// Anything else.
    Wrong(Fault),
}

/// What a token proves to this client, about this sign-in, now.
pub(crate) fn claims_of<'t>(
    token: &'t CoreIdToken,
    found: &Found,
    client: &ClientId,
    flow: &Flow,
    now: Timestamp,
) -> Result<&'t CoreIdTokenClaims, TokenFault> {
    let nonce = Nonce::new(flow.nonce.clone());
    let claims = verifier(found, client, flow, now)
        .and_then(|verifier| token.claims(&verifier, &nonce).map_err(read_error))?;
    let wrong = |why: &str| Err(TokenFault::Wrong(Fault::refused(why)));
    // The library leaves `azp` to its user.
    if claims.authorized_party().is_some_and(|party| party != client) {
        return wrong("the token was made for another client (azp)");
    }
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > LONGEST_SUBJECT || subject.chars().any(char::is_control) {
        return wrong("the token does not say whose it is");
    }
    Ok(claims)
}

fn verifier(
    found: &Found,
    client: &ClientId,
    flow: &Flow,
    now: Timestamp,
) -> Result<CoreIdTokenVerifier<'static>, TokenFault> {
    let at = instant(now)?;
    let earliest = instant(flow.begun.plus_millis(-SKEW_MILLIS))?;
    let latest = instant(now.plus_millis(SKEW_MILLIS))?;
    let verifier = CoreIdTokenVerifier::new_public_client(
        client.clone(),
        found.description.issuer().clone(),
        (*found.keys).clone(),
    );
    Ok(verifier
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || at)
        .set_issue_time_verifier_fn(move |made| {
            if (earliest..=latest).contains(&made) {
                Ok(())
            } else {
                Err("the token was not made during this sign-in (iat)".to_owned())
            }
        }))
}

fn instant(at: Timestamp) -> Result<DateTime<Utc>, TokenFault> {
    let read = DateTime::from_timestamp_millis(at.millis());
    read.ok_or_else(|| TokenFault::Wrong(Fault::refused("the clock is wrong")))
}

fn read_error(error: ClaimsVerificationError) -> TokenFault {
    match error {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            TokenFault::UnknownKey
        }
        ClaimsVerificationError::SignatureVerification(cause) => TokenFault::Wrong(Fault::refused(cause)),
        other => TokenFault::Wrong(Fault::refused(other)),
    }
}
