//! The engine in this process: decides from memory, and follows the database beside the requests.

mod options;

pub use options::{EmbeddedOptions, OpenFault};

use crate::KeyIdentity;
use crate::authorizer::{Answer, Decide, Outcome, Question};
use crate::wire::{Refusal, retry_after};
use keyward_domain::{ClientAddress, Presented, StrictPath};
use keyward_engine::{Asked, Background, Counting, Decision, Engine};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use tokio::task::JoinSet;
use zeroize::Zeroizing;

/// Decides in this process, from a copy of all keys in memory that follows the database within a second. Requests wait for
/// nobody, but for a limit that several processes share.
///
/// A clone is another handle of the same. [`Embedded::close`] ends it.
#[derive(Clone)]
pub struct Embedded {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Arc<Engine>,
    /// Whether counters are elsewhere, so that a decision may have to wait.
    waits: bool,
    closed: AtomicBool,
    beside: Mutex<Option<Beside>>,
}

/// What runs beside the requests.
struct Beside {
    background: Background,
    /// Ends when it is dropped.
    _limiter: JoinSet<()>,
}

impl Embedded {
    /// Opens a database of Keyward's, `sqlite:keys.db` or `postgres://user@host/database`, with what is set by default: see
    /// [`Embedded::options`] for the rest. To be called on a runtime of tokio.
    ///
    /// # Errors
    /// Why it cannot be opened, and the way out.
    pub async fn open(url: &str) -> Result<Self, OpenFault> {
        Self::options(url).open().await
    }

    /// Begins to say how to open a database.
    pub fn options(url: &str) -> EmbeddedOptions {
        EmbeddedOptions::new(url)
    }

    fn start(engine: Engine, waits: bool) -> Self {
        let engine = Arc::new(engine);
        let watched = Arc::clone(&engine);
        let mut limiter = JoinSet::new();
        limiter.spawn(async move { watched.limiter().watch().await });
        let beside = Beside {
            background: Background::start(&engine),
            _limiter: limiter,
        };
        Self {
            shared: Arc::new(Shared {
                engine,
                waits,
                closed: AtomicBool::new(false),
                beside: Mutex::new(Some(beside)),
            }),
        }
    }

    /// Ends it: stores what is left of the usage, and closes the database. From then on every request is answered with 503.
    /// Without it, the last seconds of usage are lost at the end of the process, and nothing else.
    pub async fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        let beside = self
            .shared
            .beside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(beside) = beside {
            beside.background.stop().await;
            self.shared.engine.store().close().await;
        }
    }
}

impl Decide for Embedded {
    fn decide(&self, question: Question<'_>) -> Answer {
        if self.shared.closed.load(Ordering::Acquire) {
            return Answer::Now(Outcome::Unavailable);
        }
        if self.shared.waits {
            return later(&self.shared, &question);
        }
        // With counters in memory a decision is there when it is first asked for.
        let deciding = pin!(decide(&self.shared.engine, &question));
        match deciding.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Answer::Now(outcome),
            Poll::Pending => Answer::Now(Outcome::Unavailable),
        }
    }
}

async fn decide(engine: &Engine, question: &Question<'_>) -> Outcome {
    let asked = Asked {
        site: question.site,
        client: question.client,
        method: question.method,
        path: question.path,
    };
    match engine
        .authenticate(question.credential, &asked, Counting::Count)
        .await
    {
        Decision::Granted(granted) => Outcome::Granted(
            KeyIdentity::new(
                granted.key,
                granted.owner,
                question.site,
                granted.use_case.name.as_str(),
            ),
            granted.quota,
        ),
        Decision::Denied(denied) => {
            let wait = denied.quota.map(|quota| retry_after(quota, engine.limit_time()));
            Outcome::Denied(Refusal::new(denied.reason, denied.quota), wait)
        }
        Decision::Unavailable => Outcome::Unavailable,
    }
}

/// A question that outlives its request's borrow.
struct Owned {
    secret: Zeroizing<Vec<u8>>,
    site: Option<String>,
    client: ClientAddress,
    method: String,
    path: String,
}

fn later(shared: &Arc<Shared>, question: &Question<'_>) -> Answer {
    let shared = Arc::clone(shared);
    let owned = Owned {
        secret: question
            .credential
            .map(|presented| presented.as_bytes().to_vec())
            .unwrap_or_default()
            .into(),
        site: question.site.map(str::to_owned),
        client: question.client,
        method: question.method.to_owned(),
        path: question.path.as_str().to_owned(),
    };
    let fault = question.credential.err();
    Answer::Later(Box::pin(async move {
        let Ok(path) = StrictPath::parse_with_encoded_slashes(owned.path.as_bytes()) else {
            return Outcome::Unavailable;
        };
        let question = Question {
            credential: fault.map_or_else(|| Presented::parse(&owned.secret), Err),
            site: owned.site.as_deref(),
            client: owned.client,
            method: &owned.method,
            path,
        };
        decide(&shared.engine, &question).await
    }))
}
