//! What is done beside the requests: a node says each second that it is there, and so finds out whether Redis counts, how
//! many nodes there are, and whether all counters were lost. While Redis is away, nobody else tries it.

use super::link::{Connection, Fault, in_time};
use super::script::{self, Beat};
use super::{Shared, Tally};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often a node says that it is there.
const BEAT: Duration = Duration::from_secs(1);
/// How often Redis is tried while it is away.
const TRY: Duration = Duration::from_millis(250);
/// How often, in milliseconds, what nobody uses is forgotten.
const SWEEP: u64 = 30_000;
/// How often sentinels are asked whether their master is still the one that counts.
const ASK_SENTINELS: Duration = Duration::from_secs(3);
/// Who fails again so soon after coming back is tried less often, so that the log does not fill.
const FLAPS: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Watch {
    connection: Option<Connection>,
    beats: Option<u64>,
    closed: Option<Instant>,
    swept: u64,
    asked_sentinels: Option<Instant>,
}

impl Shared {
    /// Tries Redis once.
    pub(crate) async fn reach(&self) {
        self.try_once(&mut Watch::default()).await;
    }

    /// Looks after the counters for ever.
    pub(crate) async fn watch(self: &Arc<Self>) {
        let mut watch = Watch::default();
        loop {
            let has_answered = self.try_once(&mut watch).await;
            self.sweep(&mut watch);
            if has_answered {
                // Whoever waits in vain for an answer wakes this before its time.
                let _woken = tokio::time::timeout(BEAT, self.breaker.suspected()).await;
                if !self.is_up() && watch.closed.is_some_and(|at| at.elapsed() < FLAPS) {
                    tokio::time::sleep(BEAT).await;
                }
            } else {
                tokio::time::sleep(TRY).await;
            }
        }
    }

    fn sweep(&self, watch: &mut Watch) {
        let now = self.clock.elapsed();
        if now.saturating_sub(watch.swept) > SWEEP {
            watch.swept = now;
            self.leases.sweep(now);
        }
    }

    /// Says that this node is there. Whether Redis has answered.
    async fn try_once(&self, watch: &mut Watch) -> bool {
        let epoch = self.breaker.epoch();
        match self.beat(watch).await {
            Ok(beat) => {
                self.breaker.answered(self.clock.elapsed());
                self.nodes.store(beat.nodes.max(1), Ordering::Relaxed);
                note_loss(&self.tally, watch, beat);
                if self.breaker.close(epoch) {
                    watch.closed = Some(Instant::now());
                    tracing::info!(
                        redis = self.links.place(),
                        mode = self.mode.word(),
                        "limits are shared: Redis counts"
                    );
                }
                true
            }
            Err(fault) => {
                if epoch == 0 && self.tally.failures.load(Ordering::Relaxed) == 0 {
                    self.never_there(&fault);
                }
                let _away: Option<()> = self.away(epoch, &fault);
                false
            }
        }
    }

    /// At the start there is no state that could change; it is told all the same.
    fn never_there(&self, fault: &Fault) {
        self.tally.failures.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            redis = self.links.place(), %fault, on_limiter_failure = self.on_failure.word(),
            "limits are not shared: Redis does not count"
        );
    }

    async fn beat(&self, watch: &mut Watch) -> Result<Beat, Fault> {
        if let Some(kept) = watch.connection.take() {
            if self.has_moved(&kept, watch).await {
                return Err(Fault::Other("the sentinels name another master".into()));
            }
            match self.beat_on(kept, watch).await {
                // That one connection has ended says nothing of Redis.
                Err(Fault::Dropped(_)) => {}
                told => return told,
            }
        }
        let made = self.links.connect().await?;
        self.beat_on(made, watch).await
    }

    /// A master that was cut off from its sentinels goes on counting, for those who do not ask them.
    async fn has_moved(&self, connection: &Connection, watch: &mut Watch) -> bool {
        if watch
            .asked_sentinels
            .is_some_and(|at| at.elapsed() < ASK_SENTINELS)
        {
            return false;
        }
        watch.asked_sentinels = Some(Instant::now());
        self.links.has_moved(connection).await
    }

    async fn beat_on(&self, mut connection: Connection, watch: &mut Watch) -> Result<Beat, Fault> {
        let beat = in_time(async {
            let reply = script::probe(&mut connection).await?;
            self.clock.learn(&reply);
            script::beat(&mut connection, &self.name).await
        });
        let beat = beat.await?;
        watch.connection = Some(connection);
        Ok(beat)
    }
}

/// The count of beats only rises, unless what Redis holds is older than it was.
fn note_loss(tally: &Tally, watch: &mut Watch, beat: Beat) {
    if watch.beats.is_some_and(|before| beat.count <= before) {
        tally.lost_all.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            "counters of limits were lost in Redis: keys may have got a window more in this minute"
        );
    }
    watch.beats = Some(beat.count);
}
