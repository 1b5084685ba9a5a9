//! One question to the server, and what its answer means.

use super::connect::Connector;
use crate::KeyIdentity;
use crate::authorizer::{Outcome, Question};
use crate::wire::{Refusal, X_API_KEY};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use keyward_domain::{ClientAddress, KeyId, Quota, Reason, Timestamp, UserId};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many questions are under way at most; others wait, within their deadline. A server has 256 connections.
const MOST_AT_ONCE: usize = 64;
/// How many wait for that at most; those that come then are told at once to try again. What waits holds a secret and memory.
const MOST_WAITING: usize = 1024;
/// The largest answer that is read.
const LARGEST: usize = 64 * 1024;

/// The server, and how it is asked.
pub(super) struct Server {
    client: Client<Connector, Full<Bytes>>,
    verify: Uri,
    changes: Uri,
    key: HeaderValue,
    deadline: Duration,
    places: Semaphore,
    waiting: Semaphore,
}

/// An answer.
pub(super) struct Verified {
    pub(super) outcome: Outcome,
    pub(super) revision: u64,
    /// For how long it may be used again from when it was asked for; none when it may not.
    pub(super) keep_for: Option<Duration>,
}

/// What `/v1/verify` says.
#[derive(Deserialize)]
struct Decision {
    granted: bool,
    reason: Option<String>,
    key_id: Option<String>,
    owner_id: Option<String>,
    site: Option<String>,
    use_case: Option<String>,
    limit: Option<Limit>,
    remaining: Option<u32>,
    reset: Option<i64>,
    retry_after: Option<i64>,
    revision: u64,
    decided_at: String,
    expires_at: Option<Expiry>,
}

/// What a limit is: one of two members.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Limit {
    Unlimited(bool),
    PerMinute(u32),
}

/// What an expiry is: one of two members.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expiry {
    Never(bool),
    At(String),
}

/// The question as it is sent.
pub(super) fn body_of(question: &Question<'_>, secret: &[u8]) -> Bytes {
    let mut body = serde_json::json!({
        "secret": str::from_utf8(secret).unwrap_or_default(),
        "method": question.method,
        "path": question.path.as_str(),
    });
    // What there is none of is left out.
    if let Some(site) = question.site {
        body["site"] = site.into();
    }
    if let ClientAddress::Known(address) = question.client {
        body["address"] = address.to_string().into();
    }
    body.to_string().into()
}

impl Server {
    pub(super) fn new(
        server: &Uri,
        key: HeaderValue,
        connector: Connector,
        deadline: Duration,
    ) -> Option<Self> {
        let at = |path: &'static str| {
            let mut parts = server.clone().into_parts();
            parts.path_and_query = Some(http::uri::PathAndQuery::from_static(path));
            Uri::from_parts(parts).ok()
        };
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(MOST_AT_ONCE)
            .build(connector);
        Some(Self {
            client,
            verify: at("/v1/verify")?,
            changes: at("/v1/changes")?,
            key,
            deadline,
            places: Semaphore::new(MOST_AT_ONCE),
            waiting: Semaphore::new(MOST_WAITING),
        })
    }

    /// Asks, and gives the answer when there is one in time.
    pub(super) async fn ask(&self, body: Bytes) -> Option<Verified> {
        let _waiting = self.waiting.try_acquire().ok()?;
        timeout(self.deadline, self.verify(body)).await.ok().flatten()
    }

    async fn verify(&self, body: Bytes) -> Option<Verified> {
        let _place = self.places.acquire().await.ok()?;
        let request = Request::post(self.verify.clone())
            .header(X_API_KEY, self.key.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .ok()?;
        let answer = self.client.request(request).await.ok()?;
        if answer.status() != StatusCode::OK {
            return None;
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.ok()?;
        serde_json::from_slice::<Decision>(&body.to_bytes()).ok()?.read()
    }

    /// Opens the stream of changes.
    pub(super) async fn changes(&self) -> Option<Response<Incoming>> {
        let request = Request::get(self.changes.clone())
            .header(X_API_KEY, self.key.clone())
            .header(ACCEPT, "text/event-stream")
            .body(Full::default())
            .ok()?;
        let answer = self.client.request(request).await.ok()?;
        Some(answer).filter(|answer| answer.status() == StatusCode::OK)
    }
}

impl Decision {
    /// What it means; none when it means nothing.
    fn read(&self) -> Option<Verified> {
        let quota = match (&self.limit, self.remaining, self.reset) {
            (Some(Limit::PerMinute(limit)), Some(remaining), Some(reset)) => Some(Quota {
                limit: *limit,
                remaining,
                reset,
            }),
            _ => None,
        };
        let outcome = if self.granted {
            Outcome::Granted(self.identity()?, quota)
        } else {
            let reason = Reason::from_code(self.reason.as_deref()?)?;
            Outcome::Denied(Refusal::new(reason, quota), self.retry_after)
        };
        Some(Verified {
            outcome,
            revision: self.revision,
            keep_for: self.keep_for(),
        })
    }

    fn identity(&self) -> Option<KeyIdentity> {
        let key: KeyId = self.key_id.as_deref()?.parse().ok()?;
        let owner: UserId = self.owner_id.as_deref()?.parse().ok()?;
        let use_case = self.use_case.as_deref()?;
        Some(KeyIdentity::new(key, owner, self.site.as_deref(), use_case))
    }

    /// By the server's clock alone, so that it does not matter what time it is here. A limit is counted at the server. A
    /// pass is kept only if the server says that there is no limit, and until when: what it does not say is not assumed.
    fn keep_for(&self) -> Option<Duration> {
        let until = match (&self.limit, &self.expires_at) {
            (None, _) if !self.granted => return Some(Duration::MAX),
            (Some(Limit::Unlimited(true)), Some(Expiry::Never(true))) => return Some(Duration::MAX),
            (Some(Limit::Unlimited(true)), Some(Expiry::At(until))) => until,
            _ => return None,
        };
        let until: Timestamp = until.parse().ok()?;
        let decided: Timestamp = self.decided_at.parse().ok()?;
        let left = u64::try_from(until.millis().saturating_sub(decided.millis())).ok()?;
        Some(Duration::from_millis(left))
    }
}
