//! What is known of the provider: its description and its keys, asked for when they are first needed and kept for an hour.

use crate::fault::Fault;
use crate::http::HttpClient;
use crate::provider::Now;
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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long all that is asked at once may take.
const LONGEST: Duration = Duration::from_secs(20);
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

type Keys = JsonWebKeySet<CoreJsonWebKey>;

/// Description, keys, and when they came.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) description: Arc<Description>,
    pub(crate) keys: Arc<Keys>,
    found_at: Timestamp,
    keys_at: Timestamp,
}

/// What is known. One asks at a time; the others wait and share what came.
pub(crate) struct Known {
    issuer: Issuer,
    http: Arc<HttpClient>,
    now: Now,
    state: Mutex<State>,
    asking: Arc<tokio::sync::Mutex<()>>,
}

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
    pub(crate) fn new(issuer: Issuer, http: Arc<HttpClient>, now: Now) -> Self {
        Self {
            issuer,
            http,
            now,
            state: Mutex::default(),
            asking: Arc::default(),
        }
    }

    /// What can be said without asking: description and keys, or that the provider was away just now.
    pub(crate) fn at_hand(&self) -> Option<Result<Found, Fault>> {
        let now = (self.now)();
        let state = self.state();
        if let Some(found) = &state.found
            && is_within(found.found_at, now, KEPT_MILLIS)
        {
            return Some(Ok(found.clone()));
        }
        match &state.away {
            Some((since, why)) if is_within(*since, now, AWAY_MILLIS) => Some(Err(Fault::Away(why.clone()))),
            _ => None,
        }
    }

    /// Description and keys.
    pub(crate) async fn get(self: &Arc<Self>) -> Result<Found, Fault> {
        if let Some(known) = self.at_hand() {
            return known;
        }
        let turn = Arc::clone(&self.asking).lock_owned().await;
        if let Some(known) = self.at_hand() {
            return known;
        }
        // On its own, so that what comes is known though whoever wanted it has gone away.
        let this = Arc::clone(self);
        let asked = tokio::spawn(async move {
            let _turn = turn;
            this.ask().await
        });
        asked
            .await
            .unwrap_or_else(|_| Err(Fault::away("it", "the question was broken off")))
    }

    async fn ask(&self) -> Result<Found, Fault> {
        let outcome = in_time(discover(&self.issuer, &self.http)).await;
        // A provider that hangs has been away until now.
        let now = (self.now)();
        let mut state = self.state();
        match outcome {
            Ok((description, keys)) => {
                let found = Found {
                    description: Arc::new(description),
                    keys: Arc::new(keys),
                    found_at: now,
                    keys_at: now,
                };
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
    pub(crate) async fn renew_keys(&self, before: &Found) -> Result<Option<Found>, Fault> {
        let _turn = self.asking.lock().await;
        let mut found = before.clone();
        {
            let mut state = self.state();
            // Somebody else may have been quicker.
            if let Some(found) = &state.found
                && !Arc::ptr_eq(&found.keys, &before.keys)
            {
                return Ok(Some(found.clone()));
            }
            let now = (self.now)();
            if is_within(before.keys_at, now, KEYS_MILLIS) {
                return Ok(None);
            }
            // The attempt counts, whatever comes of it.
            found.keys_at = now;
            state.found = Some(found.clone());
        }
        found.keys = Arc::new(fetch_keys(before.description.jwks_uri(), &self.http).await?);
        self.state().found = Some(found.clone());
        Ok(Some(found))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What takes too long does not come.
pub(crate) async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(LONGEST, work)
        .await
        .unwrap_or_else(|_| Err(Fault::away("it", "it takes too long")))
}

async fn discover(issuer: &Issuer, http: &HttpClient) -> Result<(Description, Keys), Fault> {
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
    Ok((description, keys))
}

async fn fetch_keys(url: &JsonWebKeySetUrl, http: &HttpClient) -> Result<Keys, Fault> {
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

#[cfg(test)]
mod tests;
