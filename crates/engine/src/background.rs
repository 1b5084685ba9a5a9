//! What the engine does beside requests: it follows the store, stores usage, and clears away what has outlived its use.
//!
//! Each job has a task of its own, so that none waits for another, and does one piece at a time: short transactions, between which
//! others have their turn. While there is more to do it goes on at once; after a fault it tries again soon.

use crate::Engine;
use keyward_domain::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often other nodes' changes are looked for.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);
/// How often usage is stored: seldom enough that many uses of a key become one row.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// How often it is looked for deleted keys to purge and old rows to drop.
const CLEAR_EVERY: Duration = Duration::from_secs(600);
/// How often it is looked for lines of the audit log to archive. A node that takes over from one that ended does so by then.
const ARCHIVE_EVERY: Duration = Duration::from_secs(60);
/// How long a job that failed waits at most before it tries again.
const RETRY: Duration = Duration::from_secs(10);
/// How often it is looked whether the replica has become stale, or the database went back.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many different faults in a row are told of.
const MOST_TOLD: usize = 16;
/// How long a piece of a job may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// The same of following, which may be to read millions of keys anew: each of its steps has a bound of its own.
const RELOAD_PATIENCE: Duration = Duration::from_secs(600);
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
        for job in Job::ALL {
            if let Some(when) = job.when(engine) {
                // One that fails from the start on is told of like any other.
                engine.last_done.note(job, engine.clock().now());
                tasks.spawn(repeat(job, when, Arc::clone(engine), stopped.clone()));
            }
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

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// What is done beside requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Job {
    /// Changes of other nodes are taken over.
    Follow,
    /// It is told when this node becomes stale.
    Staleness,
    /// Usage is stored.
    Usage,
    /// Keys that were deleted 30 days ago are removed.
    Purge,
    /// Rows that have outlived their use are dropped.
    Prune,
    /// Old lines of the audit log go to files.
    Archive,
    /// The other nodes are told of this one.
    Presence,
    /// The snapshot is written.
    Snapshot,
    /// That the database went back is written to the audit log.
    History,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Follow,
        Self::Staleness,
        Self::Usage,
        Self::Purge,
        Self::Prune,
        Self::Archive,
        Self::Presence,
        Self::Snapshot,
        Self::History,
    ];

    /// Its name in metrics and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Staleness => "staleness",
            Self::Usage => "usage",
            Self::Purge => "purge",
            Self::Prune => "prune",
            Self::Archive => "archive",
            Self::Presence => "presence",
            Self::Snapshot => "snapshot",
            Self::History => "history",
        }
    }

    /// When it has something to do; `None` when never.
    fn when(self, engine: &Engine) -> Option<When> {
        Some(match self {
            Self::Follow => When::Changed(FOLLOW_EVERY),
            Self::Staleness | Self::History => When::Every(LOOK_EVERY),
            Self::Usage => When::Every(FLUSH_EVERY),
            Self::Purge | Self::Prune => When::Every(CLEAR_EVERY),
            Self::Archive => {
                engine.archive.as_ref()?;
                When::Every(ARCHIVE_EVERY)
            }
            Self::Presence => When::Moved(engine.store.node_interval()),
            Self::Snapshot => When::Every(engine.snapshots.as_ref()?.settings.every),
        })
    }

    fn patience(self) -> Duration {
        match self {
            Self::Follow => RELOAD_PATIENCE,
            _ => PATIENCE,
        }
    }

    /// One piece of it.
    async fn work(self, engine: &Arc<Engine>) -> Result<Progress, Fault> {
        match self {
            Self::Follow => return Ok(engine.follow_some().await?),
            Self::Staleness => engine.tell_staleness(),
            Self::Usage => return Ok(engine.flush_piece().await?),
            Self::Purge => return Ok(engine.purge_some().await?),
            Self::Prune => return Ok(engine.prune_some().await?),
            Self::Archive => return Ok(engine.archive_some().await?),
            Self::Presence => engine.tell_node().await?,
            Self::Snapshot => engine.write_snapshot().await?,
            Self::History => engine.tell_went_back().await?,
        }
        Ok(Progress::Done)
    }
}

/// When each job last had nothing left to do, or began, in Unix milliseconds; 0 is never.
#[derive(Default)]
pub(crate) struct LastDone([AtomicI64; Job::ALL.len()]);

impl LastDone {
    fn note(&self, job: Job, at: Timestamp) {
        self.0[job as usize].store(at.millis(), Ordering::Relaxed);
    }

    pub(crate) fn list(&self) -> Vec<(Job, Timestamp)> {
        let at = |job: Job| self.0[job as usize].load(Ordering::Relaxed);
        Job::ALL
            .into_iter()
            .filter(|job| at(*job) > 0)
            .map(|job| (job, Timestamp::from_millis(at(job))))
            .collect()
    }
}

/// When a job has something to do.
#[derive(Clone, Copy)]
enum When {
    /// Each time that so much has passed.
    Every(Duration),
    /// As soon as the store is told of a change; and, as it may not be told, each time that so much has passed.
    Changed(Duration),
    /// As soon as another revision is in force here, with a pause after each time; and each time that so much has passed.
    Moved(Duration),
}

/// How far a job has come with one piece of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Progress {
    /// There is nothing left to do for now.
    Done,
    /// There may be more.
    More,
}

async fn repeat(job: Job, when: When, engine: Arc<Engine>, mut stopped: watch::Receiver<bool>) {
    let (When::Every(every) | When::Changed(every) | When::Moved(every)) = when;
    let mut moves = engine.replica.moves();
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::default();
    let mut progress = Progress::Done;
    loop {
        tokio::select! {
            _ = stopped.wait_for(|stopped| *stopped) => return,
            () = std::future::ready(()), if progress == Progress::More => {}
            _ = ticks.tick() => {}
            () = engine.store().changed(), if matches!(when, When::Changed(_)) => {}
            _ = moves.changed(), if matches!(when, When::Moved(_)) => {}
        }
        let outcome = match timeout(job.patience(), job.work(&engine)).await {
            Ok(outcome) => outcome.map_err(|error| with_cause(&*error)),
            Err(_) => Err(format!("no answer within {} s", job.patience().as_secs())),
        };
        if outcome == Ok(Progress::Done) {
            engine.last_done.note(job, engine.clock().now());
        }
        if outcome.is_err() {
            ticks.reset_after(every.min(RETRY));
        }
        progress = *outcome.as_ref().unwrap_or(&Progress::Done);
        told.tell(job.name(), outcome.err());
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
