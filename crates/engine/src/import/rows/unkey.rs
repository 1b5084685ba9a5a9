//! Unkey's keys: the pages of `apis.listKeys`, one after the other; with `plaintext`, or with the `hash` of Unkey's own
//! database.
//!
//! What narrows a key down and cannot be said here is a fault, so that no key can do more than before. What only describes
//! it is a note.

use super::pages::{Part, documents};
use super::{Out, Row};
use crate::import::told::Told;
use crate::{ExpiryDraft, LimitDraft, Place};
use keyward_domain::{Description, Timestamp};
use zeroize::Zeroizing;

mod hash;
mod limit;
mod rest;

use hash::hex_of_base64;
use limit::limit_of;

pub(super) fn read(file: &str, out: &mut Out<'_>) {
    let documents = documents(file, &mut out.told);
    let mut nth = 0;
    for (number, document) in (1..).zip(&documents) {
        let part = Part::whole(number, document);
        let list = if part.is_list() {
            Some(part.clone())
        } else {
            part.field("data")
        };
        let Some(items) = list.as_ref().and_then(Part::items) else {
            let message = "is no page of Unkey's `apis.listKeys` (with a list `data`)";
            out.told.fault(part.place(nth), None, message);
            continue;
        };
        for item in items {
            if !out.wants_more() {
                return;
            }
            nth += 1;
            let place = item.place(nth);
            if let Some(row) = read_key(&item, &place, &mut out.told) {
                out.give(place, row);
            }
        }
        let more = part.field("pagination").and_then(|pages| pages.field("hasMore"));
        if more.is_some_and(|more| more.is_word("true")) && documents.len() as u64 == number {
            let message = "says that there are more keys, which are not in the file: put all pages into it";
            out.told.fault(part.place(nth), Some("pagination"), message);
        }
    }
}

/// Takes the fields of one key, and remembers whether all of them were good.
struct Key<'k, 'v> {
    item: &'k Part<'v>,
    place: &'k Place,
    told: &'k mut Told,
    is_good: bool,
}

fn read_key(item: &Part<'_>, place: &Place, told: &mut Told) -> Option<Row> {
    let mut key = Key {
        item,
        place,
        told,
        is_good: true,
    };
    if !item.is_object() {
        key.fault(None, "must be an object");
        return None;
    }
    if item.is_large() {
        key.fault(None, "is longer than 64 KiB");
        return None;
    }
    let fingerprint = key.fingerprint();
    let secret = key.text("plaintext").map(Zeroizing::new);
    if secret.is_none() && fingerprint.is_none() && key.is_good {
        let message = "is not there, and no `hash` either: Unkey gives the text of keys that were made `recoverable`, and only when asked with `decrypt`";
        key.fault(Some("plaintext"), message);
    }
    let row = Row {
        name: key.name(),
        hint: key
            .text("start")
            .filter(|_| secret.is_none())
            .map(|start| format!("{start}…")),
        // Of both, the text tells more; that they belong together cannot be wrong without somebody having written it so.
        fingerprint: fingerprint.filter(|_| secret.is_none()),
        secret,
        description: key.description(),
        expires_at: key.expiry(),
        limit: key.limit().map(LimitDraft::PerMinute),
        status: key.status(),
        foreign_owners: key.owners(),
        ..Row::default()
    };
    key.tell_rest();
    key.is_good.then_some(row)
}

impl Key<'_, '_> {
    fn fault(&mut self, field: Option<&'static str>, message: impl Into<String>) {
        self.told.fault(self.place.clone(), field, message);
        self.is_good = false;
    }

    fn note(&mut self, field: &'static str, message: &'static str) {
        self.told.note(self.place.clone(), Some(field), message);
    }

    fn text(&mut self, field: &'static str) -> Option<String> {
        match self.item.text(field) {
            Ok(text) => text.filter(|text| !text.is_empty()),
            Err(message) => {
                self.fault(Some(field), message);
                None
            }
        }
    }

    fn number(&mut self, field: &'static str) -> Option<i64> {
        self.item.number(field).unwrap_or_else(|message| {
            self.fault(Some(field), message);
            None
        })
    }

    /// In hexadecimal; Unkey's database holds base64.
    fn fingerprint(&mut self) -> Option<String> {
        let hash = self.text("hash")?;
        if hash.len() == 64 {
            return Some(hash);
        }
        let hex = hex_of_base64(&hash);
        if hex.is_none() {
            self.fault(
                Some("hash"),
                "must be a SHA-256, in base64 (44 characters) or hexadecimal (64)",
            );
        }
        hex
    }

    fn name(&mut self) -> String {
        let names = [self.text("name"), self.text("keyId"), self.text("id")];
        names.into_iter().flatten().next().unwrap_or_default()
    }

    /// The metadata as they are, when there is room for them.
    fn description(&mut self) -> Option<String> {
        let meta = self.item.field("meta")?;
        if meta.is_object() && meta.is_empty() {
            return None;
        }
        let text = format!("meta: {}", meta.value());
        if Description::new(&text).is_err() {
            self.note("meta", "is more than a description can hold: not taken over");
            return None;
        }
        Some(text)
    }

    fn expiry(&mut self) -> Option<ExpiryDraft> {
        // 0 is what some clients write for none; the first millisecond of 1970 is no expiry that anybody chose.
        let millis = self.number("expires").filter(|millis| *millis != 0)?;
        Some(ExpiryDraft::from(Some(Timestamp::from_millis(millis))))
    }

    fn status(&mut self) -> Option<String> {
        let enabled = self.item.field("enabled")?;
        if enabled.is_word("false") {
            return Some("disabled".to_owned());
        }
        if !enabled.is_word("true") {
            self.fault(Some("enabled"), "must be true or false");
        }
        None
    }

    fn owners(&mut self) -> Vec<String> {
        let mut owners: Vec<String> = ["externalId", "ownerId"]
            .into_iter()
            .filter_map(|field| self.text(field))
            .collect();
        if let Some(identity) = self.item.field("identity") {
            owners.extend(
                ["externalId", "id"]
                    .iter()
                    .filter_map(|field| identity.text(field).ok().flatten()),
            );
        }
        owners
    }

    fn limit(&mut self) -> Option<u64> {
        let limits = self.item.field("ratelimits")?;
        match limit_of(&limits.value()) {
            Ok((limit, false)) => limit,
            Ok((limit, true)) => {
                self.note(
                    "ratelimits",
                    "limits that are not applied by themselves (`autoApply`) are not taken over",
                );
                limit
            }
            Err(message) => {
                self.fault(Some("ratelimits"), message);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
