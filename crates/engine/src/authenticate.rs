//! The hot path: one hash, one look-up, one decision, one counter. No I/O, no allocation when granted; only a limit whose
//! counter other nodes share may have to be waited for, and it is the last step.

use crate::Engine;
use crate::replica::Entry;
use keyward_domain::{
    Checksum, ClientAddress, CredentialFault, Expiry, KeyId, OwnerRecord, Presented, Quota, Reason,
    RequestFacts, RequestSite, StrictPath, Timestamp, UseCase, UserId, decide, decide_management,
};
use keyward_limit::{Question, Verdict};
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
    /// This node cannot tell: its replica is not loaded, or too old and set to refuse then, or nobody counts the key's limit
    /// and what is not counted shall be refused. A 503, never a 401.
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
    /// First instant at which the key is refused.
    pub expiry: Expiry,
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

/// What the first nine steps say; the tenth is left.
enum Judged<'e> {
    /// Nothing can be said.
    Unavailable,
    /// No key of ours.
    Stranger(Denied),
    /// A key.
    Known(Known<'e>),
}

/// A request with a key, judged but for the limit.
#[derive(Clone, Copy)]
struct Known<'e> {
    key: KeyId,
    owner: UserId,
    now: Timestamp,
    expiry: Expiry,
    outcome: Result<&'e UseCase, Reason>,
    limit: Option<Question>,
    /// What the limiter said at once.
    verdict: Option<Verdict>,
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
    /// Decides about a request on the data plane: the ten steps, in their order. It waits only for a limit that is counted
    /// elsewhere, and then less than a tenth of a second; with counters in memory, it is ready when it is first polled.
    pub async fn authenticate(
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
        let judged = self.judge(credential, counting, |entry, owner, now| {
            let use_case = self.catalogue.get(entry.record.use_case);
            decide(&entry.record, owner, use_case, &facts, now).map(|()| use_case)
        });
        self.conclude(judged, asked.client, counting).await
    }

    /// Decides about a request on the console plane: the key must be one that manages.
    pub async fn authenticate_management(
        &self,
        credential: Result<Presented<'_>, CredentialFault>,
        client: ClientAddress,
    ) -> Decision<'_> {
        let judged = self.judge(credential, Counting::Count, |entry, owner, now| {
            let use_case = self.catalogue.get(entry.record.use_case);
            decide_management(&entry.record, owner, use_case, client, now).map(|()| use_case)
        });
        self.conclude(judged, client, Counting::Count).await
    }

    /// All steps but the last, which is taken too when it waits for nobody.
    fn judge<'e>(
        &'e self,
        credential: Result<Presented<'_>, CredentialFault>,
        counting: Counting,
        decide: impl FnOnce(&Entry, &OwnerRecord, Timestamp) -> Result<Option<&'e UseCase>, Reason>,
    ) -> Judged<'e> {
        if !self.can_tell() {
            return Judged::Unavailable;
        }
        let presented = match self.presented(credential) {
            Ok(presented) => presented,
            Err(denied) => return Judged::Stranger(denied),
        };
        let now = self.clock.now();
        self.replica
            .with_key(&presented.fingerprint(), |entry| match entry {
                None => Judged::Stranger(Denied::nobody(Reason::KeyInvalid)),
                Some(entry) => Judged::Known(self.judge_entry(entry, counting, now, decide)),
            })
    }

    /// The last step, where it has to wait; then the decision is counted.
    async fn conclude<'e>(
        &'e self,
        judged: Judged<'e>,
        client: ClientAddress,
        counting: Counting,
    ) -> Decision<'e> {
        let outcome = match judged {
            Judged::Unavailable => return Decision::Unavailable,
            Judged::Stranger(denied) => Err(denied),
            Judged::Known(known) => {
                let verdict = match (known.limit, known.verdict) {
                    (Some(question), None) => Some(self.replica.limiter.answer(&question, known.now).await),
                    (_, verdict) => verdict,
                };
                let Some(outcome) = known.with(verdict) else {
                    return Decision::Unavailable;
                };
                if counting == Counting::Count {
                    let refused = outcome.err().map(|denied: Denied| denied.reason);
                    self.usage.record(known.key, known.now, refused, client);
                }
                outcome
            }
        };
        if counting == Counting::Count {
            self.tally.count(outcome.err().map(|denied| denied.reason));
        }
        match outcome {
            Ok(granted) => Decision::Granted(granted),
            Err(denied) => Decision::Denied(denied),
        }
    }

    /// What the limiter says, whether it waits or not.
    pub(crate) async fn ask_limiter(&self, question: &Question, now: Timestamp) -> Verdict {
        match self.replica.limiter.at_once(question, now) {
            Some(verdict) => verdict,
            None => self.replica.limiter.answer(question, now).await,
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

    /// Steps 4 to 9, for a key that exists, and the tenth as far as it waits for nobody. A refused request costs nothing of
    /// the limit, but is told what is left.
    fn judge_entry<'e>(
        &'e self,
        entry: &Entry,
        counting: Counting,
        now: Timestamp,
        decide: impl FnOnce(&Entry, &OwnerRecord, Timestamp) -> Result<Option<&'e UseCase>, Reason>,
    ) -> Known<'e> {
        let record = &entry.record;
        let owner = entry.owner.load();
        let outcome = decide(entry, &owner, now_or_expiry(entry, now)).and_then(|use_case| {
            // `decide` grants nothing without a use case; a defect there must not open a door here.
            use_case.ok_or(Reason::UseCaseForbidden)
        });
        if outcome == Err(Reason::KeyExpired) {
            entry.seen_expired.store(true, Ordering::Relaxed);
        }
        let limit = entry.question(counting == Counting::Count && outcome.is_ok());
        Known {
            key: record.id,
            owner: owner.id,
            now,
            expiry: record.expiry,
            outcome,
            limit,
            verdict: limit.and_then(|question| self.replica.limiter.at_once(&question, now)),
        }
    }
}

impl<'e> Known<'e> {
    /// The outcome, with what the limiter says. `None` when it cannot tell, and that decides.
    fn with(self, verdict: Option<Verdict>) -> Option<Result<Granted<'e>, Denied>> {
        let quota = verdict.and_then(Verdict::quota);
        let denied = |reason| Denied {
            reason,
            key: Some(self.key),
            quota,
        };
        Some(match (self.outcome, verdict) {
            (Err(reason), _) => Err(denied(reason)),
            (Ok(_), Some(Verdict::Full(_))) => Err(denied(Reason::RateLimited)),
            (Ok(_), Some(Verdict::Unknown)) => return None,
            (Ok(use_case), Some(Verdict::Pass(_)) | None) => Ok(Granted {
                key: self.key,
                owner: self.owner,
                use_case,
                quota,
                expiry: self.expiry,
            }),
        })
    }
}

impl Entry {
    /// What the limiter is asked about this key, when it has a limit.
    pub(crate) fn question(&self, counts: bool) -> Option<Question> {
        self.record.limit.map(|limit| Question {
            key: self.record.id,
            window: self.window,
            limit,
            counts,
        })
    }
}

/// A key that this node has refused as expired is past its expiry, even when the clock has been set back since.
pub(crate) fn now_or_expiry(entry: &Entry, now: Timestamp) -> Timestamp {
    match entry.record.expiry.at() {
        Some(at) if entry.seen_expired.load(Ordering::Relaxed) => now.max(at),
        _ => now,
    }
}
