//! What a client may learn about its own key.

use crate::{Denied, Engine};
use keyward_domain::{
    ClientAddress, CredentialFault, KeyId, Presented, Quota, RateLimit, Reason, SiteName, Timestamp,
};
use std::sync::atomic::Ordering;

/// A key, as its holder may see it.
#[derive(Clone, Debug)]
pub struct OwnKey {
    /// Id.
    pub id: KeyId,
    /// `active`, `disabled`, `expired` or `owner_inactive`.
    pub status: &'static str,
    /// What it is for.
    pub use_case: String,
    /// First instant at which it is refused.
    pub expires_at: Option<Timestamp>,
    /// Sites that it reaches; `None` is every site.
    pub sites: Option<Vec<SiteName>>,
    /// Requests a minute, when it has a limit.
    pub limit: Option<RateLimit>,
    /// What is left of its limit, when it has one and anybody knows.
    pub quota: Option<Quota>,
}

impl Engine {
    /// Tells the holder of a secret about its key. Counts nothing. `None` when this node cannot tell.
    ///
    /// # Errors
    /// `key_missing`, `key_malformed`, `key_invalid`; `ip_forbidden` to an address that may not use the key;
    /// `use_case_forbidden` to a key that manages: it is none of the data plane's.
    pub async fn describe_own_key(
        &self,
        credential: Result<Presented<'_>, CredentialFault>,
        client: ClientAddress,
    ) -> Option<Result<OwnKey, Denied>> {
        if !self.can_tell() {
            return None;
        }
        let now = self.clock.now();
        let found = self.presented(credential).and_then(|presented| {
            self.replica.with_key(&presented.fingerprint(), |entry| {
                let entry = entry.ok_or(Denied {
                    reason: Reason::KeyInvalid,
                    key: None,
                    quota: None,
                })?;
                let record = &entry.record;
                let owner = entry.owner.load();
                let denied = |reason| Denied {
                    reason,
                    key: Some(record.id),
                    quota: None,
                };
                if !record.addresses.allows(client) {
                    return Err(denied(Reason::IpForbidden));
                }
                let use_case = self.catalogue.get(record.use_case);
                if use_case.is_some_and(|use_case| use_case.name.is_management()) {
                    return Err(denied(Reason::UseCaseForbidden));
                }
                let expired = entry.seen_expired.load(Ordering::Relaxed) || record.expiry.has_come(now);
                let status = match (owner.valid, record.active, expired) {
                    (false, _, _) => "owner_inactive",
                    (_, false, _) => "disabled",
                    (_, _, true) => "expired",
                    _ => "active",
                };
                let own = OwnKey {
                    id: record.id,
                    status,
                    use_case: use_case
                        .map(|use_case| use_case.name.to_string())
                        .unwrap_or_default(),
                    expires_at: record.expiry.at(),
                    sites: self.replica.site_names(&record.sites),
                    limit: record.limit,
                    quota: None,
                };
                Ok((own, entry.question(false)))
            })
        });
        let (own, question) = match found {
            Ok(found) => found,
            Err(denied) => return Some(Err(denied)),
        };
        let quota = match question {
            Some(question) => self.ask_limiter(&question, now).await.quota(),
            None => None,
        };
        Some(Ok(OwnKey { quota, ..own }))
    }
}
