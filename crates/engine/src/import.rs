//! Import: keys that another system made, in a form of ours or of that system. All or nothing; every fault names its place.

mod importer;
mod owners;
mod records;
mod rows;
mod stream;
mod told;

use self::importer::Importer;
use crate::in_force::Refusal;
use crate::{Actor, Engine, EngineError, LineFault, Place, Subject};
use keyward_domain::{Fingerprint, KeyId, Timestamp};
use keyward_store::{KeyQuery, KeyStatusFilter, StoreError};
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use zeroize::Zeroizing;

pub use told::ImportNote;
pub(crate) use told::MOST_FAULTS;

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
#[derive(Clone)]
pub struct ImportFile {
    /// Its form.
    pub format: ImportFormat,
    /// Its text.
    pub text: Zeroizing<String>,
    /// How many keys it may hold; absent is any number.
    pub most: Option<usize>,
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

impl ImportFile {
    /// A file that says everything itself.
    pub fn new(format: ImportFormat, text: impl Into<String>) -> Self {
        Self {
            format,
            text: Zeroizing::new(text.into()),
            most: None,
            defaults: ImportDefaults::default(),
            dry_run: false,
        }
    }
}

impl Engine {
    /// Adds the keys of a file. Admins only. `progress` is told how many of how many are written.
    ///
    /// The file is read several times, and no row of it is kept: once for the secrets that are in it, once to check each row,
    /// and, when all are good, once to write them.
    ///
    /// # Errors
    /// `InvalidLines` names the places that cannot be taken; nothing is then imported.
    pub async fn import_keys(
        &self,
        actor: &Actor,
        file: ImportFile,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Imported, EngineError> {
        self.require_admin(actor, "key.import", Subject::New("key"))
            .await?;
        self.answer(self.take_keys(actor, file, progress).await).await
    }

    async fn take_keys(
        &self,
        actor: &Actor,
        file: ImportFile,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Imported, Refusal> {
        let now = self.clock.now();
        let file = Arc::new(file);
        let first = file.first_rows(now).await?;
        let mut importer = Importer::new(self, &file, now, first).await?;
        let (keys, notes) = importer.check().await?;
        if keys == 0 {
            return Err(fault_at(1.into(), "the file holds no keys").into());
        }
        let written = if file.dry_run {
            self.require_new(importer.first()).await
        } else {
            self.write_keys(actor, importer, keys, progress).await
        };
        match written {
            Err(Refused::Known(row)) => {
                // Who is told so finds it in force: it may be of an import that is being taken over.
                self.follow().await.ok();
                Err(known_already(&file, now, row).await?.into())
            }
            Err(Refused::Error(error)) => Err(error),
            Ok(()) => Ok(Imported { keys, notes }),
        }
    }

    async fn write_keys(
        &self,
        actor: &Actor,
        importer: Importer<'_>,
        keys: usize,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<(), Refused> {
        let after = serde_json::json!({ "keys": keys });
        let event = self.change_event(actor, "key.import", ("key", ""), None, Some(after))?;
        let mut source = importer.into_keys(keys);
        let progress = |done| progress(done, keys);
        match self.store.import_keys(&mut source, &event, &progress).await {
            Ok(revision) => {
                drop(source);
                // Its keys are taken over here, which may take longer than any other change. What is left undone, the confirmation tells.
                self.follow().await.ok();
                Ok(self.confirm(revision).await.map(drop)?)
            }
            Err(StoreError::Duplicate { row, .. }) => Err(Refused::Known(row)),
            Err(error) => Err(EngineError::from(error).into()),
        }
    }

    /// What the store says when it writes, without writing: no key of these is there.
    async fn require_new(&self, first: &HashMap<Fingerprint, u32>) -> Result<(), Refused> {
        let mut known: Option<u32> = None;
        let mut after: Option<KeyId> = None;
        loop {
            let query = KeyQuery {
                status: Some(KeyStatusFilter::Any),
                after,
                most: 1000,
                ..KeyQuery::default()
            };
            let page = self.store.list_keys(&query).await.map_err(EngineError::from)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let rows = page.iter().filter_map(|key| first.get(&key.fingerprint).copied());
            known = rows.chain(known).min();
        }
        let row = known.and_then(|row| usize::try_from(row).ok());
        row.map_or(Ok(()), |row| Err(Refused::Known(row)))
    }
}

/// Why an import that could be read is not taken.
enum Refused {
    /// The key of this row is there already.
    Known(usize),
    Error(Refusal),
}

impl<E: Into<Refusal>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

async fn known_already(
    file: &Arc<ImportFile>,
    now: Timestamp,
    row: usize,
) -> Result<EngineError, EngineError> {
    let row = u32::try_from(row).unwrap_or(u32::MAX);
    let place = file.places(now, vec![row]).await?.remove(&row);
    let place = place.unwrap_or(Place::Line(1));
    Ok(fault_at(place, "a key with this secret is there already"))
}

fn fault_at(place: Place, message: &str) -> EngineError {
    EngineError::InvalidLines(vec![LineFault {
        place,
        field: None,
        message: message.to_owned(),
    }])
}

/// Reads a text in any form, and looks at what must hold of it.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn read_whatever_comes(form: u8, text: &str) {
    use rows::{Out, Reading, read_rows};

    const FORMS: [ImportFormat; 5] = [
        ImportFormat::JsonLines,
        ImportFormat::Csv,
        ImportFormat::NginxMap,
        ImportFormat::Kong,
        ImportFormat::Unkey,
    ];
    let read = |most: usize| {
        let mut names = Vec::new();
        let mut take = |_, row: rows::Row| {
            assert!(row.size() < 1 << 20, "a row of {} bytes", row.size());
            names.push(row.name);
            names.len() < most
        };
        let mut out = Out::new(usize::MAX, &mut take);
        let reading = Reading {
            format: FORMS[usize::from(form) % FORMS.len()],
            needs_owner: form >= 128,
            owners: &HashMap::new(),
            now: Timestamp::from_millis(0),
        };
        read_rows(reading, text, &mut out);
        assert!(out.told.faults.len() <= MOST_FAULTS);
        names
    };
    let (all, one) = (read(usize::MAX), read(1));
    assert_eq!(all.first(), one.first());
    assert!(one.len() <= 1, "{} rows, where one was wanted", one.len());
}
