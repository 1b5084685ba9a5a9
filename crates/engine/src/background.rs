//! What the engine does beside requests: it follows the store, stores usage, and clears away what has outlived its use.

use crate::{Actor, Engine, EngineError};
use keyward_domain::{Key, RESTORE_DAYS};
use keyward_store::{AuditActor, AuditOutcome};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
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
/// How often it is looked whether the replica has become stale.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many different faults in a row are told of.
const MOST_TOLD: usize = 16;
/// How long one of these may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a node that has told of itself is silent at least, however many changes it follows meanwhile.
const TELL_PAUSE: Duration = Duration::from_millis(250);
/// How long a node that ends waits to be taken off the list of nodes.
const FAREWELL: Duration = Duration::from_secs(2);

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
        tasks.spawn(task("tell of staleness", When::Every(LOOK_EVERY), |engine| {
            Box::pin(async move {
                engine.tell_staleness();
                Ok(())
            })
        }));
        tasks.spawn(task("store usage", When::Every(FLUSH_EVERY), |engine| {
            Box::pin(async move { Ok(engine.flush_usage().await?) })
        }));
        tasks.spawn(task("housekeeping", When::Every(HOUSEKEEP_EVERY), |engine| {
            Box::pin(async move { Ok(engine.housekeep().await?) })
        }));
        let when = When::Moved(engine.store.node_interval());
        tasks.spawn(task("tell of this node", when, |engine| {
            Box::pin(async move { Ok(engine.tell_node().await?) })
        }));
        if let Some(snapshots) = &engine.snapshots {
            let every = When::Every(snapshots.settings.every);
            tasks.spawn(task("write the snapshot", every, |engine| {
                Box::pin(async move { Ok(engine.write_snapshot().await?) })
            }));
        }
        Self {
            stop,
            tasks,
            engine: Arc::clone(engine),
        }
    }

    /// Stops them, stores what is still unstored (usage, and the snapshot), and leaves the list of nodes.
    pub async fn stop(mut self) {
        // Nobody listening means that they have ended already.
        let _ = self.stop.send(true);
        while self.tasks.join_next().await.is_some() {}
        if let Err(error) = self.engine.flush_usage().await {
            tracing::error!(%error, "usage since the last flush could not be stored");
        }
        // A row that stays fades by itself: it is not worth waiting for a database that is silent.
        if !matches!(timeout(FAREWELL, self.engine.forget_node()).await, Ok(Ok(()))) {
            tracing::warn!("the other nodes will see this one fade from their list");
        }
        if let Err(error) = self.engine.write_snapshot().await {
            tracing::error!(%error, "the last state is not on disk");
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
    /// As soon as another revision is in force here, with a pause after each time; and each time that so much has passed.
    Moved(Duration),
}

type Fault = Box<dyn std::error::Error + Send + Sync>;
type Work = std::pin::Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

async fn repeat(
    name: &'static str,
    when: When,
    engine: Arc<Engine>,
    work: fn(Arc<Engine>) -> Work,
    mut stopped: watch::Receiver<bool>,
) {
    let (When::Every(every) | When::Changed(every) | When::Moved(every)) = when;
    let mut moves = engine.replica.moves();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = engine.store().changed(), if matches!(when, When::Changed(_)) => {}
            _ = moves.changed(), if matches!(when, When::Moved(_)) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let outcome = timeout(PATIENCE, work(Arc::clone(&engine))).await;
        let fault = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(with_cause(&*error)),
            Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        told.tell(name, fault);
        if matches!(when, When::Moved(_)) {
            tokio::select! {
                () = tokio::time::sleep(TELL_PAUSE) => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
        }
    }
}

/// The faults that were told since a task last worked: each is told once, however they take turns.
#[derive(Default)]
struct Told(Vec<String>);

impl Told {
    fn tell(&mut self, task: &str, fault: Option<String>) {
        match fault {
            Some(fault) if self.0.contains(&fault) || self.0.len() == MOST_TOLD => {}
            Some(fault) => {
                tracing::error!(task, %fault, "background task fails; it goes on trying");
                self.0.push(fault);
            }
            None if self.0.is_empty() => {}
            None => {
                tracing::info!(task, "background task works again");
                self.0.clear();
            }
        }
    }
}

fn with_cause(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl Engine {
    /// Says in the log when this node becomes stale, and when it is fresh again.
    fn tell_staleness(&self) {
        let is_stale = self.replica.is_loaded() && self.is_stale();
        if self.told_stale.swap(is_stale, Ordering::Relaxed) == is_stale {
            return;
        }
        if is_stale {
            let (age_s, on_stale) = (self.age().as_secs(), self.on_stale.word());
            tracing::warn!(
                age_s,
                on_stale,
                "stale: the database has not confirmed what this node decides by for longer than max_staleness; what was \
                 revoked since is not known here"
            );
        } else {
            tracing::info!("fresh again: the database confirms what this node decides by");
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_of_a_series_is_told_once_and_again_in_the_next() {
        let mut told = Told::default();
        let told_after = |told: &mut Told, fault: Option<&str>| {
            told.tell("test", fault.map(str::to_owned));
            told.0.len()
        };
        assert_eq!(told_after(&mut told, Some("away")), 1);
        assert_eq!(told_after(&mut told, Some("a standby")), 2);
        assert_eq!(told_after(&mut told, Some("away")), 2);
        assert_eq!(told_after(&mut told, None), 0);
        assert_eq!(told_after(&mut told, Some("away")), 1);
    }
}
