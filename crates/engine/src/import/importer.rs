//! From the rows of a file to keys: every field is checked as in a create.

use super::rows::{Row, quotable};
use super::stream::Rows;
use super::told::{MOST_FAULTS, Told};
use super::{ImportDefaults, ImportFile, ImportNote, Place};
use crate::access::SiteBook;
use crate::draft::Faults;
use crate::{Actor, Engine, EngineError, FieldFault, KeyDraft, RestrictionDraft};
use async_trait::async_trait;
use keyward_domain::{Fingerprint, Hint, Key, KeyStatus, SHORTEST_FOREIGN, Secret, Timestamp, User};
use keyward_store::{KeySource, StoreError};
use std::collections::HashMap;
use std::sync::Arc;

/// The most owners that are remembered; one who is not is looked up anew.
const MOST_OWNERS: usize = 10_000;

/// Checks the rows of a file and makes keys of them.
pub(super) struct Importer<'e> {
    engine: &'e Engine,
    file: Arc<ImportFile>,
    /// When it began.
    now: Timestamp,
    /// By what each secret of the file is known, the first row that holds it.
    first: HashMap<Fingerprint, u32>,
    book: SiteBook,
    owners: HashMap<String, Option<User>>,
}

impl<'e> Importer<'e> {
    pub(super) async fn new(
        engine: &'e Engine,
        file: &Arc<ImportFile>,
        now: Timestamp,
        first: HashMap<Fingerprint, u32>,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            engine,
            file: Arc::clone(file),
            now,
            first,
            book: engine.site_book().await?,
            owners: HashMap::new(),
        })
    }

    pub(super) fn first(&self) -> &HashMap<Fingerprint, u32> {
        &self.first
    }

    /// How many keys the file holds, and what is told of them.
    ///
    /// # Errors
    /// `InvalidLines` when some of them cannot be taken; the reading then ends when enough is known.
    pub(super) async fn check(&mut self) -> Result<(usize, Vec<ImportNote>), EngineError> {
        let mut told = Told::default();
        let mut rows = Rows::of(&self.file, self.now);
        let mut repeated: Vec<(Place, u32)> = Vec::new();
        let mut count = 0;
        while let Some(portion) = rows.next().await {
            for (place, row) in portion {
                match self.read(row).await? {
                    Err(faults) => told.add_all(&place, faults),
                    Ok(key) => match self.first.get(&key.fingerprint) {
                        Some(first) if *first != count => repeated.push((place, *first)),
                        _ => {}
                    },
                }
                count += 1;
            }
            if told.is_full() || repeated.len() >= MOST_FAULTS {
                break;
            }
        }
        told.merge(rows.told().await?);
        let firsts = repeated.iter().map(|(_, first)| *first).collect();
        let places = match repeated.as_slice() {
            [] => HashMap::new(),
            _ => self.file.places(self.now, firsts).await?,
        };
        for (place, first) in repeated {
            let first = places.get(&first).map_or_else(String::new, ToString::to_string);
            told.fault(place, None, format!("the same secret as in {first}"));
        }
        let notes = told.into_notes()?;
        Ok((usize::try_from(count).unwrap_or(usize::MAX), notes))
    }

    async fn read(&mut self, mut row: Row) -> Result<Result<Key, Vec<FieldFault>>, EngineError> {
        self.file.defaults.fill(&mut row);
        if !self.owners.contains_key(&row.owner) {
            if self.owners.len() >= MOST_OWNERS {
                self.owners.clear();
            }
            let found = self.engine.find_user(&row.owner).await?;
            self.owners
                .insert(row.owner.clone(), found.filter(User::is_valid));
        }
        let owner = self.owners.get(&row.owner).and_then(Option::as_ref);
        self.engine.read_row(row, owner, &self.book, &self.first)
    }

    /// The keys, to be written; there were so many when they were checked.
    pub(super) fn into_keys(self, count: usize) -> Keys<'e> {
        Keys {
            rows: Rows::of(&self.file, self.now),
            importer: self,
            left: count,
        }
    }
}

/// The keys of a file that was checked.
pub(super) struct Keys<'e> {
    rows: Rows,
    importer: Importer<'e>,
    left: usize,
}

#[async_trait]
impl KeySource for Keys<'_> {
    async fn next_keys(&mut self) -> Result<Vec<Key>, StoreError> {
        let mut keys = Vec::new();
        for (_, row) in self.rows.next().await.unwrap_or_default() {
            match self.importer.read(row).await {
                Ok(Ok(key)) => keys.push(key),
                // Good a moment ago: its owner was disabled since.
                Ok(Err(_)) => return Err(StoreError::Conflict),
                Err(error) => return Err(StoreError::Unavailable(error.to_string())),
            }
        }
        self.left = self.left.saturating_sub(keys.len());
        if keys.is_empty() && self.left > 0 {
            return Err(StoreError::Unavailable(
                "the file could not be read to its end".into(),
            ));
        }
        Ok(keys)
    }
}

impl Engine {
    fn read_row(
        &self,
        row: Row,
        owner: Option<&User>,
        book: &SiteBook,
        secrets: &HashMap<Fingerprint, u32>,
    ) -> Result<Result<Key, Vec<FieldFault>>, EngineError> {
        let mut faults = Faults::of(&row.misread);
        let field = match (&row.secret, &row.fingerprint) {
            (None, Some(_)) => "fingerprint",
            _ => "secret",
        };
        // Which of the two was meant is known when one of them could not be read.
        let secret = if faults.has("secret") || faults.has("fingerprint") {
            None
        } else {
            faults.take(field, self.read_secret(&row))
        };
        let status = faults.take("status", read_status(row.status.as_deref()));
        for field in row.shown_secrets(secrets) {
            faults.add(
                field,
                "holds a secret of this file, which is shown nowhere: write something else",
            );
        }
        let named = row.owner;
        let draft = KeyDraft {
            owner: None,
            name: row.name,
            description: row.description,
            use_case: row.use_case,
            expires_at: row.expires_at.unwrap_or_default(),
            sites: row.sites.unwrap_or_default(),
            addresses: row.addresses.unwrap_or_default(),
            limit: row.limit.unwrap_or_default(),
            misread: Vec::new(),
        };
        if owner.is_none() {
            faults.add("owner", no_owner(&named, &row.foreign_owners));
        }
        let key = self.read_key_draft(&Actor::OPERATOR, &draft, owner, book, &mut faults)?;
        let faults = faults.into_faults();
        let (true, Some(mut key), Some((fingerprint, hint)), Some(status)) =
            (faults.is_empty(), key, secret, status)
        else {
            let faults = faults.into_iter().skip(row.misread.len());
            return Ok(Err(faults.map(|fault| without_cells(fault, &draft)).collect()));
        };
        key.fingerprint = fingerprint;
        key.hint = hint;
        key.status = status;
        Ok(Ok(key))
    }

    fn read_secret(&self, row: &Row) -> Result<(Fingerprint, Hint), String> {
        match (&row.secret, &row.fingerprint) {
            (Some(text), None) => {
                let secret = Secret::foreign(text, &self.format).map_err(|fault| fault.to_string())?;
                Ok((secret.fingerprint(), Hint::of(&secret, &self.format)))
            }
            (None, Some(text)) => {
                let fingerprint = Fingerprint::from_hex(text).map_err(|fault| fault.to_string())?;
                Ok((
                    fingerprint,
                    Hint::stored(row.hint.as_deref().unwrap_or("imported")),
                ))
            }
            _ => Err("give either `secret` (clear text) or `fingerprint` (SHA-256 in hexadecimal)".into()),
        }
    }
}

/// The same fault, told without the cell of a list that may be a secret which slipped a column. What is too short for one, or
/// a word, is told: an operator looks for it.
fn without_cells(mut fault: FieldFault, draft: &KeyDraft) -> FieldFault {
    let lists = [&draft.sites, &draft.addresses]
        .into_iter()
        .filter_map(|list| match list {
            RestrictionDraft::Only(cells) => Some(cells.iter()),
            RestrictionDraft::Any => None,
        });
    let cells = lists.flatten().chain(&draft.use_case);
    for cell in cells.filter(|cell| cell.len() >= SHORTEST_FOREIGN && quotable(cell).is_none()) {
        fault.message = fault.message.replace(&format!("`{cell}`"), "`…`");
    }
    fault
}

fn no_owner(named: &str, foreign: &[String]) -> &'static str {
    match (named, foreign) {
        ("", []) => "is required",
        ("", _) => "is in no table of owners, and there is no owner for those who are not",
        _ => "there is no such active user: create the user first",
    }
}

fn read_status(word: Option<&str>) -> Result<KeyStatus, &'static str> {
    match word {
        None | Some("active") => Ok(KeyStatus::Active),
        Some("disabled") => Ok(KeyStatus::Disabled),
        Some(_) => Err("must be `active` or `disabled`"),
    }
}

impl ImportDefaults {
    /// Puts in what the file does not say.
    fn fill(&self, row: &mut Row) {
        let named = std::iter::once(&row.owner).chain(&row.foreign_owners);
        let known = named.filter_map(|name| self.owners.get(name)).next();
        if let Some(owner) = known {
            row.owner.clone_from(owner);
        } else if row.owner.is_empty() {
            row.owner = self.owner.clone().unwrap_or_default();
        }
        if row.use_case.is_none() {
            row.use_case.clone_from(&self.use_case);
        }
        if row.sites.is_none() {
            row.sites = self.sites.clone().map(RestrictionDraft::Only);
        }
    }
}
