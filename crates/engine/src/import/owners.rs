//! The table of owners: what another system calls somebody, and who that is here.

use super::records::Records;
use super::{ImportDefaults, told::Told};
use crate::EngineError;
use std::collections::HashMap;

impl ImportDefaults {
    /// Reads a table of owners: CSV with the columns `id` and `owner`, named by the first line.
    ///
    /// # Errors
    /// `InvalidLines` names the lines that cannot be taken.
    pub fn read_owners(text: &str) -> Result<HashMap<String, String>, EngineError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut told = Told::default();
        let mut owners = HashMap::new();
        let mut records = Records::of(text);
        let header = records.next();
        if header.is_some_and(|(_, header)| header.is_ok_and(|header| header.iter().ne(["id", "owner"]))) {
            told.fault(1, None, "the first line of a table of owners is `id,owner`");
        }
        while let Some((line, record)) = records.next().filter(|_| !told.is_full()) {
            let pair = record.map_or((None, None), |record| (record.get(0), record.get(1)));
            match pair {
                (Some(id), Some(owner)) if !id.is_empty() && !owner.is_empty() => {
                    if owners.insert(id.to_owned(), owner.to_owned()).is_some() {
                        told.fault(line, Some("id"), "stands in the table twice");
                    }
                }
                _ => told.fault(line, None, "must be an id and an owner"),
            }
        }
        told.into_notes().map(|_| owners)
    }
}
