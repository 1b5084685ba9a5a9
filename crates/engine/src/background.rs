//! What the engine does beside requests: it follows the store, stores usage, and clears away what has outlived its use.

use crate::{Actor, Engine, EngineError};
use keyward_domain::{Key, RESTORE_DAYS};
use keyward_store::{AuditActor, AuditOutcome};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often other nodes' changes are looked for.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How often usage is stored: seldom enough that many uses of a key become one row.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// How often deleted keys are purged and old rows dropped.
const HOUSEKEEP_EVERY: Duration = Duration::from_secs(600);
/// How long one of these may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// The engine's background tasks, until [`Background::stop`].
pub struct Background {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
    engine: Arc<Engine>,
}

impl Background {
    /// Starts them on the current runtime.
    pub fn start(engine: &Arc<Engine>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let task = |name, when, work: fn(Arc<Engine>) -> Work| {
            repeat(name, when, Arc::clone(engine), work, stopped.clone())
        };
        tasks.spawn(task("follow the store", When::Changed(FOLLOW_EVERY), |engine| {
            Box::pin(async move { Ok(engine.follow().await?) })
        }));
        tasks.spawn(task("store usage", When::Every(FLUSH_EVERY), |engine| {
            Box::pin(async move { Ok(engine.flush_usage().await?) })
        }));
        tasks.spawn(task("housekeeping", When::Every(HOUSEKEEP_EVERY), |engine| {
            Box::pin(async move { engine.housekeep().await })
        }));
        Self {
            stop,
            tasks,
            engine: Arc::clone(engine),
        }
    }

    /// Stops them, and stores what is still unstored.
    pub async fn stop(mut self) {
        // Nobody listening means that they have ended already.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = self.engine.flush_usage().await {
            tracing::error!(%error, "usage since the last flush could not be stored");
        }
    }
}

/// When a task has something to do.
#[derive(Clone, Copy)]
enum When {
    /// Each time that so much has passed.
    Every(Duration),
    /// As soon as the store is told of a change; and, as it may not be told, each time that so much has passed.
    Changed(Duration),
}

type Work = std::pin::Pin<Box<dyn Future<Output = Result<(), EngineError>> + Send>>;

async fn repeat(
    name: &'static str,
    when: When,
    engine: Arc<Engine>,
    work: fn(Arc<Engine>) -> Work,
    mut stopped: watch::Receiver<bool>,
) {
    let (When::Every(every) | When::Changed(every)) = when;
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = engine.store().changed(), if matches!(when, When::Changed(_)) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let outcome = timeout(PATIENCE, work(Arc::clone(&engine))).await;
        let fault = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(with_cause(&error)),
            Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        match (&fault, failing) {
            (Some(fault), false) => {
                tracing::error!(task = name, %fault, "background task fails; it goes on trying");
            }
            (None, true) => tracing::info!(task = name, "background task works again"),
            _ => {}
        }
        failing = fault.is_some();
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl Engine {
    /// Purges keys that were deleted 30 days ago, and drops rows that have outlived their use.
    ///
    /// # Errors
    /// Whatever the store says; what is done by then stays done.
    pub async fn housekeep(&self) -> Result<(), EngineError> {
        let deadline = self.clock.now().plus_days(-RESTORE_DAYS);
        loop {
            let keys = self.store.list_purgeable_keys(deadline, 100).await?;
            if keys.is_empty() {
                break;
            }
            for key in keys {
                self.purge(&key).await?;
            }
        }
        self.gate.throttle.sweep(self.clock.now());
        Ok(self.store.prune(self.clock.now()).await?)
    }

    async fn purge(&self, key: &Key) -> Result<(), EngineError> {
        let book = self.site_book().await?;
        let before = crate::audit::key_snapshot(key, &book);
        let target = key.id.to_string();
        let mut event = self.audit_event(
            &Actor::OPERATOR,
            "key.purge",
            ("key", &target),
            AuditOutcome::Done,
            Some(before),
            None,
        )?;
        event.actor = AuditActor::System;
        match self.store.purge_key(key.id, key.revision, &event).await {
            // Restored or purged by another node meanwhile: nothing is left to do.
            Ok(_) | Err(keyward_store::StoreError::Conflict | keyward_store::StoreError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
