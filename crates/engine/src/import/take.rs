//! From the rows of a file to keys: every field is checked as in a create.

use super::rows::Row;
use super::told::Told;
use super::{ImportDefaults, Place};
use crate::access::SiteBook;
use crate::draft::Faults;
use crate::{Actor, Engine, EngineError, FieldFault, KeyDraft, RestrictionDraft};
use keyward_domain::{Fingerprint, Hint, Key, KeyStatus, Secret, User};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

impl Engine {
    pub(super) async fn read_keys(
        &self,
        rows: Vec<(Place, Row)>,
        defaults: &ImportDefaults,
        told: &mut Told,
    ) -> Result<Vec<(Place, Key)>, EngineError> {
        let book = self.site_book().await?;
        let mut owners: HashMap<String, Option<User>> = HashMap::new();
        let secrets: HashSet<Fingerprint> = rows.iter().filter_map(|(_, row)| row.known_by()).collect();
        let mut first: HashMap<Fingerprint, Place> = HashMap::with_capacity(rows.len());
        let mut keys = Vec::with_capacity(rows.len());
        for (place, mut row) in rows {
            defaults.fill(&mut row);
            if !owners.contains_key(&row.owner) {
                let found = self.find_user(&row.owner).await?.filter(User::is_valid);
                owners.insert(row.owner.clone(), found);
            }
            let owner = owners.get(&row.owner).and_then(Option::as_ref);
            match self.read_row(row, owner, &book, &secrets)? {
                Err(faults) => told.add_all(&place, faults),
                Ok(key) => match first.entry(key.fingerprint) {
                    Entry::Occupied(same) => {
                        told.fault(place, None, format!("the same secret as in {}", same.get()));
                    }
                    Entry::Vacant(new) => {
                        new.insert(place.clone());
                        keys.push((place, key));
                    }
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
        secrets: &HashSet<Fingerprint>,
    ) -> Result<Result<Key, Vec<FieldFault>>, EngineError> {
        let mut faults = Faults::default();
        let field = match (&row.secret, &row.fingerprint) {
            (None, Some(_)) => "fingerprint",
            _ => "secret",
        };
        let secret = faults.take(field, self.read_secret(&row));
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
        };
        let Some(owner) = owner else {
            if named.is_empty() && row.foreign_owners.is_empty() {
                faults.add("owner", "is required");
            } else if named.is_empty() {
                faults.add(
                    "owner",
                    "is in no table of owners, and there is no owner for those who are not",
                );
            } else {
                faults.add("owner", "there is no such active user: create the user first");
            }
            return Ok(Err(faults.into_faults()));
        };
        let key = self.read_key_draft(&Actor::OPERATOR, &draft, Some(owner), book, &mut faults)?;
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
