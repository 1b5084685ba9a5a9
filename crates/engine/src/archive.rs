//! Old lines of the audit log go to files, and only then from the store.
//!
//! Whole days go, by UTC and by the time in the line's id: a file is of one day, and a log that grows slowly does not gain a line
//! about archiving with each line that is archived. Of several nodes one does it. A crash between the file and the store leaves a
//! piece in both; the next piece of that day begins with the same lines, and what stands at the end of the file already is not written
//! again.

mod file;

use crate::audit::AuditView;
use crate::background::Progress;
use crate::{Actor, Engine, EngineError};
use file::{Appended, Folder};
use keyward_domain::{AuditId, Timestamp};
use keyward_store::{AuditActor, AuditEvent, AuditOutcome, Period};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Lines of one piece: few enough that no other change waits long for their removal.
const LINES: u32 = 2000;

/// How long lines of the audit log stay in the store, and where they go then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveSettings {
    /// Lines go when the day that they are of ended so many days ago.
    pub keep_days: u32,
    /// The folder of the files; it has to be there.
    pub folder: PathBuf,
}

/// How a line is written; without its end.
pub type ArchiveLine = fn(&AuditView) -> serde_json::Result<Vec<u8>>;

/// Where old lines go.
pub(crate) struct Archive {
    settings: ArchiveSettings,
    line: ArchiveLine,
    folder: Arc<Folder>,
}

/// Why lines were not archived; they are in the store still.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveFault {
    /// The file.
    #[error("{}: {fault}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the file system says.
        fault: String,
    },
    /// The store.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl ArchiveSettings {
    /// Whether files can be written in the folder.
    ///
    /// # Errors
    /// What the file system says.
    pub fn check(&self) -> std::io::Result<()> {
        file::probe(&self.folder)
    }

    /// The first id that stays: that of the first instant of a day.
    fn end(&self, now: Timestamp) -> AuditId {
        let day = Period::Day.start_of(now.plus_days(-i64::from(self.keep_days)));
        let millis = u64::try_from(day.millis()).unwrap_or(0).to_be_bytes();
        let mut id = [0; 16];
        id[..6].copy_from_slice(&millis[2..]);
        AuditId::from_bytes(id)
    }
}

/// The day of a line, by its id, as `YYYY-MM-DD`.
fn day_of(event: &AuditEvent) -> String {
    let mut millis = [0; 8];
    millis[2..].copy_from_slice(&event.id.as_bytes()[..6]);
    let day = Timestamp::from_millis(i64::from_be_bytes(millis)).to_string();
    day.split('T').next().unwrap_or_default().to_owned()
}

impl Engine {
    /// The same, with old lines of the audit log going to files. The lines are written by `line`.
    #[must_use]
    pub fn with_archive(mut self, settings: ArchiveSettings, line: ArchiveLine) -> Self {
        let folder = Arc::new(Folder::new(settings.folder.clone()));
        self.archive = Some(Archive {
            settings,
            line,
            folder,
        });
        self
    }

    /// Archives all lines that are old enough, unless another node does.
    ///
    /// # Errors
    /// What the store or the file system says; what is not archived by then stays in the store.
    pub async fn archive_audit(&self) -> Result<(), ArchiveFault> {
        while self.archive_some().await? == Progress::More {}
        Ok(())
    }

    /// Archives some lines of one day.
    pub(crate) async fn archive_some(&self) -> Result<Progress, ArchiveFault> {
        let Some(archive) = &self.archive else {
            return Ok(Progress::Done);
        };
        let node = self.node_id().ok_or(EngineError::NoEntropy)?;
        if !self.store.claim_archive(node).await.map_err(EngineError::from)? {
            return Ok(Progress::Done);
        }
        let end = archive.settings.end(self.clock.now());
        let oldest = self.store.oldest_audit(end, LINES).await;
        let mut events = oldest.map_err(EngineError::from)?;
        let Some(day) = events.first().map(day_of) else {
            return Ok(Progress::Done);
        };
        let of_day = events.iter().take_while(|event| day_of(event) == day).count();
        events.truncate(of_day);
        let file = format!("audit-{day}.jsonl");
        let event = self.archived_event(&events, &file)?;
        let archived: Vec<AuditId> = events.iter().map(|event| event.id).collect();
        let views = self.views_of(events).await?;
        let appended = archive.write(&views, file).await?;
        let removed = self.store.remove_audit(node, &archived, &event).await;
        removed.map_err(EngineError::from)?;
        archive.folder.note(appended);
        Ok(Progress::More)
    }

    /// What the audit log says of it.
    fn archived_event(&self, events: &[AuditEvent], file: &str) -> Result<AuditEvent, EngineError> {
        let at = |event: Option<&AuditEvent>| event.map(|event| event.at.to_string());
        let node = self.this_node.get().map(|this| this.host().to_owned());
        let mut event = self.audit_event(
            &Actor::OPERATOR,
            "audit.archived",
            ("database", "-"),
            AuditOutcome::Done,
            None,
            Some(json!({
                "lines": events.len(),
                "from": at(events.first()),
                "until": at(events.last()),
                "file": file,
                "node": node,
            })),
        )?;
        event.actor = AuditActor::System;
        Ok(event)
    }
}

impl Archive {
    /// Writes lines to a file; they are on the disk when this ends.
    async fn write(&self, views: &[AuditView], name: String) -> Result<Appended, ArchiveFault> {
        let path = self.settings.folder.join(&name);
        let fault = |fault: String| ArchiveFault::File {
            path: path.clone(),
            fault,
        };
        let mut lines = Vec::with_capacity(views.len());
        for view in views {
            let mut line = (self.line)(view).map_err(|error| fault(error.to_string()))?;
            line.push(b'\n');
            lines.push(line);
        }
        let folder = Arc::clone(&self.folder);
        // A slow disk must hold up nobody else.
        let written = tokio::task::spawn_blocking(move || folder.append(Path::new(&name), &lines)).await;
        match written {
            Ok(written) => written.map_err(|error| fault(error.to_string())),
            Err(error) => Err(fault(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_days_go_and_a_line_is_of_the_day_of_its_id() {
        let settings = ArchiveSettings {
            keep_days: 2,
            folder: PathBuf::new(),
        };
        let now: Timestamp = "2026-03-02T13:00:00Z".parse().unwrap();
        let end = settings.end(now);
        let id_at = |text: &str, random: u8| {
            let at: Timestamp = text.parse().unwrap();
            AuditId::v7(at.millis().unsigned_abs(), &[random; 10])
        };
        assert!(id_at("2026-02-27T23:59:59.999Z", 255) < end);
        assert!(id_at("2026-02-28T00:00:00Z", 0) > end);
        let event = AuditEvent {
            id: id_at("2026-02-27T23:59:59.999Z", 7),
            at: now,
            actor: AuditActor::System,
            address: None,
            action: String::new(),
            target_kind: String::new(),
            target_id: String::new(),
            outcome: AuditOutcome::Done,
            before: None,
            after: None,
        };
        assert_eq!(day_of(&event), "2026-02-27");
    }
}
