//! Import: keys that another system made, from CSV or JSON lines. All or nothing; every fault names its line.

mod rows;

use crate::access::SiteBook;
use crate::draft::Faults;
use crate::{Actor, Engine, EngineError, FieldFault, KeyDraft, LineFault};
use keyward_domain::{Fingerprint, Hint, Key, KeyStatus, Secret, User};
use keyward_store::StoreError;
use rows::{Row, read_rows};
use std::collections::HashMap;
use std::str::FromStr;

/// At most so many faults are told; the rest shows when these are mended.
const MOST_FAULTS: usize = 100;

/// The form of an import file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ImportFormat {
    /// A header line, then a line a key. Lists (sites, addresses) are separated by `;`; an empty cell is absent.
    Csv,
    /// A JSON object a line.
    JsonLines,
}

impl FromStr for ImportFormat {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "csv" => Ok(Self::Csv),
            "jsonl" => Ok(Self::JsonLines),
            _ => Err("an import is `csv` or `jsonl`"),
        }
    }
}

/// What an import did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Keys that were added.
    pub keys: usize,
}

impl Engine {
    /// Adds the keys of a file. Admins only. `progress` is told how many of how many are written.
    ///
    /// # Errors
    /// `InvalidLines` names the lines that cannot be taken; nothing is then imported.
    pub async fn import_keys(
        &self,
        actor: &Actor,
        format: ImportFormat,
        file: &str,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Imported, EngineError> {
        self.require_admin(actor, "key.import", ("key", "")).await?;
        let mut faults = LineFaults::default();
        let rows = read_rows(format, file, &mut faults);
        let keys = self.read_keys(rows, &mut faults).await?;
        let lines: Vec<u64> = keys.iter().map(|(line, _)| *line).collect();
        faults.into_result()?;
        let keys: Vec<Key> = keys.into_iter().map(|(_, key)| key).collect();
        if keys.is_empty() {
            let message = "the file holds no keys".to_owned();
            return Err(EngineError::InvalidLines(vec![LineFault {
                line: 1,
                field: None,
                message,
            }]));
        }
        let after = serde_json::json!({ "keys": keys.len() });
        let event = self.change_event(actor, "key.import", ("key", ""), None, Some(after))?;
        let stored = self
            .store
            .import_keys(&keys, &event, &|done| progress(done, keys.len()))
            .await;
        match stored {
            Ok(revision) => self.confirm(revision).await?,
            Err(StoreError::Duplicate { row, .. }) => {
                let line = lines.get(row).copied().unwrap_or(1);
                return Err(EngineError::InvalidLines(vec![known_already(line)]));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Imported { keys: keys.len() })
    }

    async fn read_keys(
        &self,
        rows: Vec<(u64, Row)>,
        line_faults: &mut LineFaults,
    ) -> Result<Vec<(u64, Key)>, EngineError> {
        let book = self.site_book().await?;
        let mut owners: HashMap<String, Option<User>> = HashMap::new();
        let mut first_line: HashMap<Fingerprint, u64> = HashMap::with_capacity(rows.len());
        let mut keys = Vec::with_capacity(rows.len());
        for (line, row) in rows {
            if !owners.contains_key(&row.owner) {
                let found = self.find_user(&row.owner).await?.filter(User::is_valid);
                owners.insert(row.owner.clone(), found);
            }
            let owner = owners.get(&row.owner).and_then(Option::as_ref);
            match self.read_row(row, owner, &book)? {
                Err(faults) => line_faults.add_all(line, faults),
                Ok(key) => match first_line.insert(key.fingerprint, line) {
                    Some(first) => line_faults.add(line, None, format!("the same secret as in line {first}")),
                    None => keys.push((line, key)),
                },
            }
        }
        Ok(keys)
    }

    fn read_row(
        &self,
        row: Row,
        owner: Option<&User>,
        book: &SiteBook,
    ) -> Result<Result<Key, Vec<FieldFault>>, EngineError> {
        let mut faults = Faults::default();
        let field = match (&row.secret, &row.fingerprint) {
            (None, Some(_)) => "fingerprint",
            _ => "secret",
        };
        let secret = faults.take(field, self.read_secret(&row));
        let status = faults.take("status", read_status(row.status.as_deref()));
        for field in row.shown_secrets() {
            faults.add(
                field,
                "holds the secret itself, which is shown nowhere: write something else",
            );
        }
        let named = row.owner;
        let draft = KeyDraft {
            owner: None,
            name: row.name,
            description: row.description,
            use_case: row.use_case,
            expires_at: row.expires_at,
            sites: row.sites,
            addresses: row.addresses,
            limit: row.limit,
        };
        let Some(owner) = owner else {
            if named.is_empty() {
                faults.add("owner", "is required");
            } else {
                faults.add("owner", "there is no such active user: create the user first");
            }
            return Ok(Err(faults.into_faults()));
        };
        let key = self.read_key_draft(&Actor::OPERATOR, &draft, owner, book, &mut faults)?;
        let faults = faults.into_faults();
        let (true, Some(mut key), Some((fingerprint, hint)), Some(status)) =
            (faults.is_empty(), key, secret, status)
        else {
            return Ok(Err(faults));
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

fn read_status(word: Option<&str>) -> Result<KeyStatus, &'static str> {
    match word {
        None | Some("active") => Ok(KeyStatus::Active),
        Some("disabled") => Ok(KeyStatus::Disabled),
        Some(_) => Err("must be `active` or `disabled`"),
    }
}

fn known_already(line: u64) -> LineFault {
    LineFault {
        line,
        field: None,
        message: "a key with this secret is there already".into(),
    }
}

#[derive(Default)]
struct LineFaults(Vec<LineFault>);

impl LineFaults {
    fn add(&mut self, line: u64, field: Option<&'static str>, message: String) {
        if self.0.len() < MOST_FAULTS {
            self.0.push(LineFault { line, field, message });
        }
    }

    fn add_all(&mut self, line: u64, faults: Vec<FieldFault>) {
        for fault in faults {
            self.add(line, Some(fault.field), fault.message);
        }
    }

    fn into_result(mut self) -> Result<(), EngineError> {
        self.0.sort_by_key(|fault| fault.line);
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(EngineError::InvalidLines(self.0))
        }
    }
}
