//! A Keyward server that is asked: `POST /v1/verify`, and a small memory of its answers that `GET /v1/changes` empties.

mod ask;
mod cache;
mod connect;
mod options;
mod stream;

pub use options::{ManagementKey, RemoteFault, RemoteOptions};

use crate::authorizer::{Answer, Decide, Outcome, Question};
use crate::wire::Refusal;
use ask::Server;
use cache::{Cache, QuestionKey};
use keyward_domain::{CredentialFault, Reason};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Asks a Keyward server about each request, and remembers answers for as long as that is told of every change.
///
/// An answer is used again only while the stream of changes is connected, heard from within 5 seconds, and at no newer revision; never
/// past the key's expiry or for more than a minute; and never for a key with a limit, for those are counted at the server. When the
/// server cannot be asked, a request is answered with 503: nothing ever passes for want of an answer.
///
/// A clone is another handle of the same; the last one to go ends the stream.
#[derive(Clone)]
pub struct Remote {
    server: Arc<Server>,
    cache: Arc<Cache>,
    /// Reads the stream of changes until it is dropped.
    _follower: Arc<JoinSet<()>>,
}

impl Remote {
    /// Begins to say which server to ask, such as `https://keyward.internal:8081` (its console port), and the management key of an
    /// administrator to ask with.
    pub fn options(url: &str, key: ManagementKey) -> RemoteOptions {
        RemoteOptions::new(url, key)
    }

    fn start(server: Server, answers: usize) -> Self {
        let server = Arc::new(server);
        let cache = Arc::new(Cache::new(answers));
        let mut follower = JoinSet::new();
        follower.spawn(stream::follow(Arc::clone(&server), Arc::clone(&cache)));
        Self {
            server,
            cache,
            _follower: Arc::new(follower),
        }
    }

    /// Whether answers may be used again now: the server tells of its changes.
    pub fn is_following(&self) -> bool {
        self.cache.is_trusted()
    }

    /// How many answers are remembered.
    pub fn remembered(&self) -> usize {
        self.cache.len()
    }
}

impl Decide for Remote {
    fn decide(&self, question: Question<'_>) -> Answer {
        let presented = match question.credential {
            Ok(presented) => presented,
            Err(fault) => return Answer::Now(malformed(fault)),
        };
        let key = QuestionKey::of(&question, &presented.fingerprint());
        if let Some(outcome) = self.cache.find(&key) {
            return Answer::Now(outcome);
        }
        let body = ask::body_of(&question, presented.as_bytes());
        let (server, cache) = (Arc::clone(&self.server), Arc::clone(&self.cache));
        Answer::Later(Box::pin(async move {
            // Before it is asked: what is heard meanwhile may make the answer old.
            let begun = cache.begin();
            match server.ask(body).await {
                Some(answer) => {
                    cache.keep(key, &answer, begun);
                    answer.outcome
                }
                None => Outcome::Unavailable,
            }
        }))
    }
}

/// What cannot be a key is no question.
fn malformed(fault: CredentialFault) -> Outcome {
    let reason = match fault {
        CredentialFault::Missing => Reason::KeyMissing,
        CredentialFault::Malformed => Reason::KeyMalformed,
    };
    Outcome::Denied(Refusal::new(reason, None), None)
}
