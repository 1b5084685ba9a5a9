//! Import: keys that another system made, in a form of ours or of that system. All or nothing; every fault names its place.

mod owners;
mod rows;
mod take;
mod told;

use crate::in_force::Refusal;
use crate::{Actor, Engine, EngineError, LineFault, Place, Subject};
use keyward_domain::{Fingerprint, Key, KeyId};
use keyward_store::{KeyQuery, KeyStatusFilter, StoreError};
use rows::{Reading, read_rows};
use std::collections::{HashMap, HashSet};
use std::str::FromStr;
use told::Told;

pub use told::ImportNote;

/// The form of an import file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportFormat {
    /// A header line, then a line a key. Lists (sites, addresses) are separated by `;`; an empty cell is absent.
    Csv,
    /// A JSON object a line.
    JsonLines,
    /// The blocks of nginx's `map`, or the lines within: `key name;`.
    NginxMap,
    /// Kong's keys: pages of its Admin API, or a dump by decK, in JSON.
    Kong,
    /// Unkey's keys: pages of `apis.listKeys`.
    Unkey,
}

impl FromStr for ImportFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            "nginx-map" => Ok(Self::NginxMap),
            "kong" => Ok(Self::Kong),
            "unkey" => Ok(Self::Unkey),
            _ => Err("an import is `csv`, `jsonl`, `nginx-map`, `kong` or `unkey`"),
        }
    }
}

/// A file to import.
#[derive(Clone, Debug)]
pub struct ImportFile<'a> {
    /// Its form.
    pub format: ImportFormat,
    /// Its text.
    pub text: &'a str,
    /// What counts for a key where the file says nothing.
    pub defaults: ImportDefaults,
    /// Whether everything is checked and nothing written.
    pub dry_run: bool,
}

/// What counts for a key where the file says nothing.
#[derive(Clone, Debug, Default)]
pub struct ImportDefaults {
    /// The owner's id or e-mail.
    pub owner: Option<String>,
    /// Owners (ids or e-mails) by what the other system calls them.
    pub owners: HashMap<String, String>,
    /// The use case.
    pub use_case: Option<String>,
    /// Site names; absent is every site.
    pub sites: Option<Vec<String>>,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Keys that were added, or would have been.
    pub keys: usize,
    /// What was not taken over, or is told for another reason.
    pub notes: Vec<ImportNote>,
}

impl<'a> ImportFile<'a> {
    /// A file that says everything itself.
    pub fn new(format: ImportFormat, text: &'a str) -> Self {
        Self {
            format,
            text,
            defaults: ImportDefaults::default(),
            dry_run: false,
        }
    }
}

impl Engine {
    /// Adds the keys of a file. Admins only. `progress` is told how many of how many are written.
    ///
    /// # Errors
    /// `InvalidLines` names the places that cannot be taken; nothing is then imported.
    pub async fn import_keys(
        &self,
        actor: &Actor,
        file: &ImportFile<'_>,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Imported, EngineError> {
        self.require_admin(actor, "key.import", Subject::New("key"))
            .await?;
        self.answer(self.take_keys(actor, file, progress).await).await
    }

    async fn take_keys(
        &self,
        actor: &Actor,
        file: &ImportFile<'_>,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Imported, Refusal> {
        let mut told = Told::default();
        let reading = Reading {
            format: file.format,
            needs_owner: file.defaults.owner.is_none(),
            owners: &file.defaults.owners,
            now: self.clock.now(),
        };
        let rows = read_rows(reading, file.text, &mut told);
        let keys = self.read_keys(rows, &file.defaults, &mut told).await?;
        let notes = told.into_notes()?;
        let (places, keys): (Vec<Place>, Vec<Key>) = keys.into_iter().unzip();
        if keys.is_empty() {
            return Err(fault_at(1.into(), "the file holds no keys").into());
        }
        if file.dry_run {
            self.require_new(&places, &keys).await?;
        } else {
            self.write_keys(actor, &places, &keys, progress).await?;
        }
        Ok(Imported {
            keys: keys.len(),
            notes,
        })
    }

    async fn write_keys(
        &self,
        actor: &Actor,
        places: &[Place],
        keys: &[Key],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<(), Refusal> {
        let after = serde_json::json!({ "keys": keys.len() });
        let event = self.change_event(actor, "key.import", ("key", ""), None, Some(after))?;
        let stored = self
            .store
            .import_keys(keys, &event, &|done| progress(done, keys.len()))
            .await;
        match stored {
            Ok(revision) => Ok(self.confirm(revision).await.map(drop)?),
            Err(StoreError::Duplicate { row, .. }) => Err(known_already(places.get(row)).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// What the store says when it writes, without writing: no key of these is there.
    async fn require_new(&self, places: &[Place], keys: &[Key]) -> Result<(), EngineError> {
        let new: HashMap<&Fingerprint, usize> = (0..)
            .zip(keys)
            .map(|(row, key)| (&key.fingerprint, row))
            .collect();
        let mut known = HashSet::new();
        let mut after: Option<KeyId> = None;
        loop {
            let query = KeyQuery {
                status: Some(KeyStatusFilter::Any),
                after,
                most: 1000,
                ..KeyQuery::default()
            };
            let page = self.store.list_keys(&query).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            known.extend(page.iter().filter_map(|key| new.get(&key.fingerprint).copied()));
        }
        match known.into_iter().min() {
            Some(row) => Err(known_already(places.get(row))),
            None => Ok(()),
        }
    }
}

fn known_already(place: Option<&Place>) -> EngineError {
    let place = place.cloned().unwrap_or(Place::Line(1));
    fault_at(place, "a key with this secret is there already")
}

fn fault_at(place: Place, message: &str) -> EngineError {
    EngineError::InvalidLines(vec![LineFault {
        place,
        field: None,
        message: message.to_owned(),
    }])
}
