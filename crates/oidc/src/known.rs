//! What is known of the provider: its description and its keys, asked for when they are first needed and kept for an hour.

use crate::fault::Fault;
use crate::http::HttpClient;
use crate::settings::Issuer;
use keyward_domain::Timestamp;
use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{
    AdditionalProviderMetadata, DiscoveryError, IssuerUrl, JsonWebKeySet, JsonWebKeySetUrl, ProviderMetadata,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::Mutex;

/// How long description and keys are kept.
const KEPT_MILLIS: u64 = 3_600_000;
/// How often the keys are asked for at most, whatever keys tokens name.
const KEYS_MILLIS: u64 = 60_000;
/// How long a provider that was away is not asked again.
const AWAY_MILLIS: u64 = 5_000;

/// What a description holds that the library does not read.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct More {
    /// Whether every answer names its issuer (RFC 9207).
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for More {}

/// A provider's description of itself.
pub(crate) type Description = ProviderMetadata<
    More,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Description, keys, and when they came.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) description: Arc<Description>,
    pub(crate) keys: Arc<JsonWebKeySet<CoreJsonWebKey>>,
    found_at: Timestamp,
    keys_at: Timestamp,
}

/// What is known. One asks at a time; the others wait and share what came.
#[derive(Default)]
pub(crate) struct Known(Mutex<State>);

#[derive(Default)]
struct State {
    found: Option<Found>,
    away: Option<(Timestamp, String)>,
}

/// Whether less has passed, whichever way the clock went.
fn is_within(since: Timestamp, now: Timestamp, millis: u64) -> bool {
    now.millis().abs_diff(since.millis()) < millis
}

impl Known {
    /// Description and keys.
    pub(crate) async fn get(
        &self,
        issuer: &Issuer,
        http: &HttpClient,
        now: Timestamp,
    ) -> Result<Found, Fault> {
        let mut state = self.0.lock().await;
        if let Some(found) = &state.found
            && is_within(found.found_at, now, KEPT_MILLIS)
        {
            return Ok(found.clone());
        }
        if let Some((since, why)) = &state.away
            && is_within(*since, now, AWAY_MILLIS)
        {
            return Err(Fault::Away(why.clone()));
        }
        match discover(issuer, http, now).await {
            Ok(found) => {
                state.away = None;
                state.found = Some(found.clone());
                Ok(found)
            }
            Err(fault) => {
                if let Fault::Away(why) = &fault {
                    state.away = Some((now, why.clone()));
                }
                Err(fault)
            }
        }
    }

    /// The keys anew, when a token names one that is not among those of before; `None` when they were asked for within
    /// the last minute.
    pub(crate) async fn renew_keys(
        &self,
        before: &Found,
        http: &HttpClient,
        now: Timestamp,
    ) -> Result<Option<Found>, Fault> {
        let mut state = self.0.lock().await;
        // Somebody else may have been quicker.
        if let Some(found) = &state.found
            && !Arc::ptr_eq(&found.keys, &before.keys)
        {
            return Ok(Some(found.clone()));
        }
        if is_within(before.keys_at, now, KEYS_MILLIS) {
            return Ok(None);
        }
        let mut found = before.clone();
        // The attempt counts, whatever comes of it.
        found.keys_at = now;
        state.found = Some(found.clone());
        found.keys = Arc::new(fetch_keys(before.description.jwks_uri(), http).await?);
        state.found = Some(found.clone());
        Ok(Some(found))
    }
}

async fn discover(issuer: &Issuer, http: &HttpClient, now: Timestamp) -> Result<Found, Fault> {
    let url = IssuerUrl::new(issuer.as_str().to_owned()).map_err(|fault| Fault::away("issuer", fault))?;
    let description = Description::discover_async(url, http)
        .await
        .map_err(|error| away("its description", &error))?;
    if !http.allows(description.authorization_endpoint().url()) {
        return Err(Fault::away(
            "its description",
            "the authorization endpoint is no address to send people to",
        ));
    }
    let keys = description.jwks().clone();
    Ok(Found {
        description: Arc::new(description),
        keys: Arc::new(keys),
        found_at: now,
        keys_at: now,
    })
}

async fn fetch_keys(
    url: &JsonWebKeySetUrl,
    http: &HttpClient,
) -> Result<JsonWebKeySet<CoreJsonWebKey>, Fault> {
    JsonWebKeySet::fetch_async(url, http)
        .await
        .map_err(|error| away("its keys", &error))
}

/// What the library says leaves out the cause; without it nobody can mend anything.
fn away<E: std::error::Error + 'static>(what: &str, error: &DiscoveryError<E>) -> Fault {
    match error {
        DiscoveryError::Request(cause) => Fault::away(what, cause),
        DiscoveryError::Parse(cause) => Fault::away(what, cause),
        other => Fault::away(what, other),
    }
}
