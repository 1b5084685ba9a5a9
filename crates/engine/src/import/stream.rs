//! The rows of a file, read on a thread of their own and handed over in portions: no more than a few are in memory, and
//! whoever waits for them holds up nobody.

use super::rows::{Out, Reading, Row, read_rows};
use super::told::Told;
use super::{ImportFile, Place};
use crate::EngineError;
use keyward_domain::{Fingerprint, Timestamp};
use keyward_store::StoreError;
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

/// The most rows of a portion, and the most that it may hold of text.
const ROWS: usize = 256;
const BYTES: usize = 256 << 10;

pub(super) type Portion = Vec<(Place, Row)>;

/// A file that is being read.
pub(super) struct Rows {
    portions: mpsc::Receiver<Portion>,
    reader: JoinHandle<Told>,
}

impl Rows {
    pub(super) fn of(file: &Arc<ImportFile>, now: Timestamp) -> Self {
        let (sender, portions) = mpsc::channel(2);
        let file = Arc::clone(file);
        let reader = spawn_blocking(move || {
            let mut portion = Portion::new();
            let mut bytes = 0;
            let told = file.read(now, &mut |place, row| {
                bytes += row.size();
                portion.push((place, row));
                if portion.len() < ROWS && bytes < BYTES {
                    return true;
                }
                bytes = 0;
                sender.blocking_send(std::mem::take(&mut portion)).is_ok()
            });
            if !portion.is_empty() {
                // Nobody waits for it when the answer is known already.
                let _ = sender.blocking_send(portion);
            }
            told
        });
        Self { portions, reader }
    }

    /// The next rows; nothing at the end.
    pub(super) async fn next(&mut self) -> Option<Portion> {
        self.portions.recv().await
    }

    /// What was told while they were read. Who has seen enough of them ends the reading so.
    pub(super) async fn told(self) -> Result<Told, EngineError> {
        drop(self.portions);
        self.reader.await.map_err(|error| stopped(&error))
    }
}

impl ImportFile {
    /// Reads the whole file, or as far as more is wanted.
    pub(super) fn read(&self, now: Timestamp, take: &mut dyn FnMut(Place, Row) -> bool) -> Told {
        let reading = Reading {
            format: self.format,
            needs_owner: self.defaults.owner.is_none(),
            owners: &self.defaults.owners,
            now,
        };
        let mut out = Out::new(self.most.unwrap_or(usize::MAX), take);
        read_rows(reading, &self.text, &mut out);
        out.told
    }

    /// Whose secrets the rows hold: by what each is known by, the first row that has it.
    pub(super) async fn first_rows(
        self: &Arc<Self>,
        now: Timestamp,
    ) -> Result<HashMap<Fingerprint, u32>, EngineError> {
        let file = Arc::clone(self);
        let read = spawn_blocking(move || {
            let mut first = HashMap::new();
            let mut number = 0;
            file.read(now, &mut |_, row| {
                if let Some(known_by) = row.known_by() {
                    first.entry(known_by).or_insert(number);
                }
                number += 1;
                number < u32::MAX
            });
            first
        });
        read.await.map_err(|error| stopped(&error))
    }

    /// Where the rows of these numbers stand.
    pub(super) async fn places(
        self: &Arc<Self>,
        now: Timestamp,
        numbers: Vec<u32>,
    ) -> Result<HashMap<u32, Place>, EngineError> {
        let last = numbers.iter().max().copied().unwrap_or(0);
        let file = Arc::clone(self);
        let read = spawn_blocking(move || {
            let mut places = HashMap::new();
            let mut number = 0;
            file.read(now, &mut |place, _| {
                if numbers.contains(&number) {
                    places.insert(number, place);
                }
                number += 1;
                number <= last
            });
            places
        });
        read.await.map_err(|error| stopped(&error))
    }
}

fn stopped(error: &tokio::task::JoinError) -> EngineError {
    EngineError::Internal(StoreError::Unavailable(error.to_string()))
}
