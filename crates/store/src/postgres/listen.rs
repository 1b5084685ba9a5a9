//! Being told of changes: every commit notifies the sessions that listen.
//!
//! A notification is no more than a reason to look. What was committed while nobody listened is looked for after each new
//! start of listening, so none is missed for longer than the connection is away; and whoever follows asks each second anyway.

use super::lent::ANSWER;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// Where commits are told.
pub(super) const CHANNEL: &str = "keyward_revision";
/// After so long without a word, the server is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(15);
/// How long to wait before listening again: from the first to the last, doubled each time.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Listens from the first wait on, until it is dropped.
#[derive(Debug)]
pub(super) struct Listen {
    settings: PgConnectOptions,
    wake: Arc<Notify>,
    task: OnceLock<AbortHandle>,
}

impl Listen {
    pub(super) fn new(settings: &PgConnectOptions) -> Self {
        // Its name lets an operator tell this session, which is idle nearly always, from those that work.
        let name = settings.get_application_name().unwrap_or("keyward");
        let settings = settings.clone().application_name(&format!("{name} listener"));
        Self {
            settings,
            wake: Arc::default(),
            task: OnceLock::new(),
        }
    }

    /// Waits until there may be something new. Any number of notifications meanwhile are one.
    pub(super) async fn changed(&self) {
        self.task.get_or_init(|| {
            let task = tokio::spawn(keep_listening(self.settings.clone(), self.wake.clone()));
            task.abort_handle()
        });
        self.wake.notified().await;
    }

    pub(super) fn stop(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl Drop for Listen {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn keep_listening(settings: PgConnectOptions, wake: Arc<Notify>) {
    let [first, last] = BACK_OFF;
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ANSWER)
        .connect_lazy_with(settings);
    let mut pause = first;
    loop {
        let mut has_listened = false;
        let end = listen(&pool, &wake, &mut has_listened).await;
        // What follows asks on its own meanwhile, and says so when it gets no answer.
        tracing::debug!(?end, "not told of changes; listening again soon");
        if has_listened {
            pause = first;
        }
        sleep(pause).await;
        pause = (pause * 2).min(last);
    }
}

/// Listens until the connection is lost.
async fn listen(pool: &PgPool, wake: &Notify, has_listened: &mut bool) -> Result<(), sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    *has_listened = true;
    // Nobody has told what came before.
    wake.notify_one();
    loop {
        match timeout(QUIET, listener.try_recv()).await {
            Ok(Ok(Some(_))) => wake.notify_one(),
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => is_there(&mut listener).await?,
        }
    }
}

async fn is_there(listener: &mut PgListener) -> Result<(), sqlx::Error> {
    match timeout(ANSWER, sqlx::query("SELECT 1").execute(listener)).await {
        Ok(done) => done.map(drop),
        Err(_) => Err(sqlx::Error::PoolTimedOut),
    }
}
