//! The hot path: one hash, one look-up, one decision, one counter. No I/O, no allocation when granted.

use crate::Engine;
use crate::replica::Entry;
use keyward_domain::{
    Checksum, ClientAddress, CredentialFault, KeyId, OwnerRecord, Presented, Quota, Reason, RequestFacts,
    RequestSite, StrictPath, Timestamp, UseCase, UserId, decide, decide_management,
};
use keyward_limit::Pass;
use std::sync::atomic::Ordering;

/// A request, as far as the decision looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The site that the route names; it must be a valid site name.
    pub site: Option<&'a str>,
    /// The client.
    pub client: ClientAddress,
    /// The exact method.
    pub method: &'a str,
    /// The path, judged.
    pub path: StrictPath<'a>,
}

/// Whether a decision counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counting {
    /// It is a request: the window and the usage count it.
    Count,
    /// It is a question: nothing is counted, but a full window is still a refusal.
    Peek,
}

/// The outcome.
#[derive(Clone, Copy, Debug)]
pub enum Decision<'e> {
    /// The request may pass.
    Granted(Granted<'e>),
    /// The request is refused.
    Denied(Denied),
    /// This node cannot tell: its replica is not loaded, or too old and set to refuse then. A 503, never a 401.
    Unavailable,
}

/// Who may pass.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'e> {
    /// The key.
    pub key: KeyId,
    /// Its owner.
    pub owner: UserId,
    /// What it is for.
    pub use_case: &'e UseCase,
    /// What is left of the limit, when there is one.
    pub quota: Option<Quota>,
}

/// Who may not, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The first reason in the fixed order.
    pub reason: Reason,
    /// The key, when the whole secret of one was presented.
    pub key: Option<KeyId>,
    /// What is left of its limit, when it has one.
    pub quota: Option<Quota>,
}

impl Denied {
    const fn nobody(reason: Reason) -> Self {
        Self {
            reason,
            key: None,
            quota: None,
        }
    }
}

impl Engine {
    /// Decides about a request on the data plane: the ten steps, in their order.
    pub fn authenticate(
        &self,
        credential: Result<Presented<'_>, CredentialFault>,
        asked: &Asked<'_>,
        counting: Counting,
    ) -> Decision<'_> {
        let site = asked
            .site
            .map_or(RequestSite::None, |name| self.replica.request_site(name));
        let facts = RequestFacts {
            site,
            client: asked.client,
            method: asked.method,
            path: asked.path,
        };
        self.judge(credential, asked.client, counting, |entry, owner, now| {
            let use_case = self.catalogue.get(entry.record.use_case);
            decide(&entry.record, owner, use_case, &facts, now).map(|()| use_case)
        })
    }

    /// Decides about a request on the console plane: the key must be one that manages.
    pub fn authenticate_management(
        &self,
        credential: Result<Presented<'_>, CredentialFault>,
        client: ClientAddress,
    ) -> Decision<'_> {
        self.judge(credential, client, Counting::Count, |entry, owner, now| {
            let use_case = self.catalogue.get(entry.record.use_case);
            decide_management(&entry.record, owner, use_case, client, now).map(|()| use_case)
        })
    }

    fn judge<'e>(
        &'e self,
        credential: Result<Presented<'_>, CredentialFault>,
        client: ClientAddress,
        counting: Counting,
        decide: impl FnOnce(&Entry, &OwnerRecord, Timestamp) -> Result<Option<&'e UseCase>, Reason>,
    ) -> Decision<'e> {
        if !self.can_tell() {
            return Decision::Unavailable;
        }
        let outcome = self.presented(credential).and_then(|presented| {
            let now = self.clock.now();
            self.replica.with_key(&presented.fingerprint(), |entry| {
                let entry = entry.ok_or(Denied::nobody(Reason::KeyInvalid))?;
                let outcome = self.judge_entry(entry, counting, now, decide);
                if counting == Counting::Count {
                    self.usage.record(
                        entry.record.id,
                        now,
                        outcome.err().map(|denied| denied.reason),
                        client,
                    );
                }
                outcome
            })
        });
        if counting == Counting::Count {
            self.tally.count(outcome.err().map(|denied| denied.reason));
        }
        match outcome {
            Ok(granted) => Decision::Granted(granted),
            Err(denied) => Decision::Denied(denied),
        }
    }

    /// Steps 1 and 2: the form, and the checksum of a secret of ours.
    pub(crate) fn presented<'a>(
        &self,
        credential: Result<Presented<'a>, CredentialFault>,
    ) -> Result<Presented<'a>, Denied> {
        let presented = credential.map_err(|fault| match fault {
            CredentialFault::Missing => Denied::nobody(Reason::KeyMissing),
            CredentialFault::Malformed => Denied::nobody(Reason::KeyMalformed),
        })?;
        match self.format.checksum(presented) {
            Checksum::Wrong => Err(Denied::nobody(Reason::KeyInvalid)),
            Checksum::Right | Checksum::Foreign => Ok(presented),
        }
    }

    /// Steps 4 to 10, for a key that exists.
    fn judge_entry<'e>(
        &'e self,
        entry: &Entry,
        counting: Counting,
        now: Timestamp,
        decide: impl FnOnce(&Entry, &OwnerRecord, Timestamp) -> Result<Option<&'e UseCase>, Reason>,
    ) -> Result<Granted<'e>, Denied> {
        let record = &entry.record;
        let owner = entry.owner.load();
        let denied = |reason, quota| Denied {
            reason,
            key: Some(record.id),
            quota,
        };
        let peek = || {
            record
                .limit
                .map(|limit| self.replica.windows.peek(entry.window, now, limit))
        };
        let use_case = decide(entry, &owner, now_or_expiry(entry, now)).and_then(|use_case| {
            // `decide` grants nothing without a use case; a defect there must not open a door here.
            use_case.ok_or(Reason::UseCaseForbidden)
        });
        let use_case = use_case.map_err(|reason| {
            if reason == Reason::KeyExpired {
                entry.seen_expired.store(true, Ordering::Relaxed);
            }
            denied(reason, peek())
        })?;
        let quota = match (record.limit, counting) {
            (None, _) => None,
            (Some(limit), Counting::Count) => match self.replica.windows.take(entry.window, now, limit) {
                Pass::Yes(quota) => Some(quota),
                Pass::No(quota) => return Err(denied(Reason::RateLimited, Some(quota))),
            },
            (Some(_), Counting::Peek) => match peek() {
                Some(quota) if quota.remaining == 0 => return Err(denied(Reason::RateLimited, Some(quota))),
                quota => quota,
            },
        };
        Ok(Granted {
            key: record.id,
            owner: owner.id,
            use_case,
            quota,
        })
    }
}

/// A key that this node has refused as expired is past its expiry, even when the clock has been set back since.
fn now_or_expiry(entry: &Entry, now: Timestamp) -> Timestamp {
    match entry.record.expiry.at() {
        Some(at) if entry.seen_expired.load(Ordering::Relaxed) => now.max(at),
        _ => now,
    }
}
