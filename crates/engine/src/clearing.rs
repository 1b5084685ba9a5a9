//! What has outlived its use is cleared away, in pieces.

use crate::background::Progress;
use crate::{Actor, Engine, EngineError};
use keyward_domain::{Key, RESTORE_DAYS};
use keyward_store::{AuditActor, AuditOutcome, Purge};

/// Keys that one change removes, with all their usage: few enough that no other change waits long for it.
const PURGED_AT_ONCE: u32 = 50;

impl Engine {
    /// Removes keys that were deleted 30 days ago, and drops rows that have outlived their use, until nothing is left of them.
    ///
    /// # Errors
    /// Whatever the store says; what is done by then stays done.
    pub async fn clear_away(&self) -> Result<(), EngineError> {
        while self.purge_some().await? == Progress::More {}
        while self.prune_some().await? == Progress::More {}
        Ok(())
    }

    /// Removes some of the keys that were deleted 30 days ago.
    pub(crate) async fn purge_some(&self) -> Result<Progress, EngineError> {
        let deadline = self.clock.now().plus_days(-RESTORE_DAYS);
        let keys = self.store.list_purgeable_keys(deadline, PURGED_AT_ONCE).await?;
        if keys.is_empty() {
            return Ok(Progress::Done);
        }
        // One that was restored or removed by another node meanwhile is passed over.
        self.store.purge_keys(&self.purges(&keys).await?).await?;
        Ok(Progress::More)
    }

    async fn purges(&self, keys: &[Key]) -> Result<Vec<Purge>, EngineError> {
        let book = self.site_book().await?;
        let purge = |key: &Key| {
            let target = key.id.to_string();
            let before = crate::audit::key_snapshot(key, &book);
            let mut audit = self.audit_event(
                &Actor::OPERATOR,
                "key.purge",
                ("key", &target),
                AuditOutcome::Done,
                Some(before),
                None,
            )?;
            audit.actor = AuditActor::System;
            Ok(Purge {
                key: key.id,
                expected: key.revision,
                audit,
            })
        };
        keys.iter().map(purge).collect()
    }

    /// Drops some of the rows that have outlived their use.
    pub(crate) async fn prune_some(&self) -> Result<Progress, EngineError> {
        self.gate.throttle.sweep(self.clock.now());
        Ok(match self.store.prune(self.clock.now()).await? {
            true => Progress::More,
            false => Progress::Done,
        })
    }
}
