//! Kong's key-auth: pages of the Admin API (`/key-auths`, `/consumers`, `/acls`, `/plugins`), or what decK or a declarative configuration holds,
//! in JSON.
//!
//! A key is named after its consumer, who is also what the table of owners knows: by user name, custom id or id.

mod consumer;
mod dump;
mod key;
mod restriction;

use super::pages::{Part, documents};
use super::{Out, Reading, Row};
use crate::import::told::MOST_FAULTS;
use crate::{ExpiryDraft, Place};
use consumer::{Consumer, Consumers};
use keyward_domain::Timestamp;
use restriction::{Kind, Restriction};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use zeroize::Zeroizing;

/// The fields of a consumer that are read, or say nothing of what its keys may do.
const KNOWN: [&str; 9] = [
    "id",
    "username",
    "custom_id",
    "created_at",
    "updated_at",
    "keyauth_credentials",
    "plugins",
    "acls",
    "groups",
];

struct Reader<'t, 'o> {
    out: &'t mut Out<'o>,
    now: Timestamp,
    owners: &'t HashMap<String, String>,
    consumers: Consumers<'t>,
    /// No more than can be told.
    restrictions: Vec<Restriction>,
    /// How many keys of a consumer there were so far, by its name.
    keys_of: HashMap<u64, u32>,
    hasher: RandomState,
    nth: usize,
}

pub(super) fn read<'t>(file: &'t str, reading: Reading<'t>, out: &'t mut Out<'_>) {
    let documents = documents(file, &mut out.told);
    let mut reader = Reader {
        out,
        now: reading.now,
        owners: reading.owners,
        consumers: Consumers::default(),
        restrictions: Vec::new(),
        keys_of: HashMap::new(),
        hasher: RandomState::new(),
        nth: 0,
    };
    let parts: Vec<Part<'_>> = (1..)
        .zip(documents)
        .map(|(number, document)| Part::whole(number, document))
        .collect();
    // A page of keys may come before that of its consumers.
    for part in &parts {
        reader.learn_consumers(part);
    }
    for (part, next) in parts.iter().zip(parts.iter().skip(1).map(Some).chain([None])) {
        reader.read_document(part);
        reader.require_next(part, next);
    }
    reader.refuse_restrictions(&parts);
}

/// The list of a page.
fn list_of<'a>(part: &Part<'a>) -> Option<Part<'a>> {
    if part.is_list() {
        return Some(part.clone());
    }
    part.field("data").filter(Part::is_list)
}

/// Visits all keys of a document, wherever they are read from.
fn each_key(part: &Part<'_>, visit: &mut dyn FnMut(&Part<'_>)) {
    let lists = [
        list_of(part),
        part.field("consumers"),
        part.field("keyauth_credentials"),
    ];
    for item in lists.iter().flatten().filter_map(Part::items).flatten() {
        visit(&item);
        let own = item.field("keyauth_credentials");
        own.iter()
            .filter_map(Part::items)
            .flatten()
            .for_each(|key| visit(&key));
    }
}

/// What a page of the Admin API lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Listed {
    Key,
    Consumer,
    AclGroup,
    Plugin,
}

impl Listed {
    /// By the fields that only one of them has.
    fn of(item: &Part<'_>) -> Self {
        let has = |field: &str| item.has(field);
        match item {
            _ if has("key") => Self::Key,
            _ if has("group") && has("consumer") => Self::AclGroup,
            _ if has("name") && has("config") => Self::Plugin,
            _ => Self::Consumer,
        }
    }

    fn of_page(part: &Part<'_>) -> Option<Self> {
        let first = list_of(part)?.items()?.next()?;
        Some(Self::of(&first))
    }
}

impl<'t> Reader<'t, '_> {
    /// Whether to go on: not when the answer is known already.
    fn wants_more(&self) -> bool {
        self.out.wants_more() && self.restrictions.len() < MOST_FAULTS
    }

    fn place(&mut self, part: &Part<'_>) -> Place {
        self.nth += 1;
        part.place(self.nth)
    }

    fn learn_consumers(&mut self, part: &Part<'t>) {
        let lists = [list_of(part), part.field("consumers")];
        for item in lists.iter().flatten().filter_map(Part::items).flatten() {
            if Listed::of(&item) != Listed::Consumer || !self.out.wants_more() {
                continue;
            }
            let place = self.place(&item);
            if self.consumers.len() == self.out.most {
                let message = format!(
                    "is one more than the {} consumers that are taken at once: split the file",
                    self.out.most
                );
                self.out.told.fault(place, None, message);
                self.out.is_wanted = false;
                return;
            }
            for (field, other) in self.consumers.learn(&item, &place, self.owners) {
                let message = format!(
                    "is also what the consumer in {other} is called, and stands in the table of owners: put a name into the table that only one of them has"
                );
                self.out.told.fault(place.clone(), Some(field), message);
            }
        }
    }

    fn read_document(&mut self, part: &Part<'_>) {
        let Some(list) = list_of(part) else {
            return self.read_dump(part);
        };
        for item in list.items().into_iter().flatten() {
            if !self.wants_more() {
                return;
            }
            match Listed::of(&item) {
                Listed::Key => self.read_key(&item, None),
                Listed::Consumer => self.read_consumer(&item),
                Listed::AclGroup => self.take_restriction(&item, Kind::AclGroup, None),
                Listed::Plugin => self.take_restriction(&item, Kind::Plugin, None),
            }
        }
    }

    /// Takes what is attached to this consumer, or else to the one that it names; of others nothing is imported anyway.
    fn take_restriction(&mut self, item: &Part<'_>, kind: Kind, consumer: Option<&Consumer>) {
        let named = || self.consumers.named_by(item);
        let Some(consumer) = consumer.cloned().or_else(named) else {
            return;
        };
        let place = self.place(item);
        if self.restrictions.len() < MOST_FAULTS {
            self.restrictions
                .extend(Restriction::of(item, kind, &consumer, place));
        }
    }

    /// At the end, when all secrets are known: none of them may be told as a name.
    fn refuse_restrictions(&mut self, parts: &[Part<'_>]) {
        let names = self.restrictions.iter().flat_map(Restriction::names);
        let mut shown: HashSet<String> = names.cloned().collect();
        if !shown.is_empty() {
            let mut hide = |key: &Part<'_>| {
                if let Ok(Some(secret)) = key.text("key").map(|secret| secret.map(Zeroizing::new)) {
                    shown.retain(|name| !name.contains(secret.as_str()));
                }
            };
            parts.iter().for_each(|part| each_key(part, &mut hide));
        }
        for restriction in &self.restrictions {
            let message = restriction.message(|name| shown.contains(name));
            self.out.told.fault(restriction.place.clone(), None, message);
        }
    }

    fn list<'a>(&mut self, part: &Part<'a>, name: &'static str) -> Option<Part<'a>> {
        let list = part.field(name)?;
        if list.is_list() {
            return Some(list);
        }
        let place = self.place(&list);
        self.out.told.fault(place, None, "must be a list");
        None
    }

    fn read_consumer(&mut self, item: &Part<'_>) {
        let consumer = Consumer::of(item);
        if consumer.names().next().is_none() {
            let place = self.place(item);
            return self.out.told.fault(
                place,
                None,
                "is neither a key (with `key`) nor a consumer (with `username`)",
            );
        }
        for name in item.filled() {
            if !KNOWN.contains(&name.as_str()) {
                let place = self.place(item);
                self.out.told.note(place, None, consumer::note_of(&name));
            }
        }
        if let Some(list) = self.list(item, "keyauth_credentials") {
            for key in list.items().into_iter().flatten() {
                if self.wants_more() {
                    self.read_key(&key, Some(&consumer));
                }
            }
        }
        for (field, kind) in [
            ("plugins", Kind::Plugin),
            ("acls", Kind::AclGroup),
            ("groups", Kind::ConsumerGroup),
        ] {
            let list = self.list(item, field);
            for part in list.as_ref().and_then(Part::items).into_iter().flatten() {
                self.take_restriction(&part, kind, Some(&consumer));
            }
        }
    }

    fn read_key(&mut self, item: &Part<'_>, consumer: Option<&Consumer>) {
        let place = self.place(item);
        let Some(key) = key::read(item, &place, &mut self.out.told) else {
            return;
        };
        let consumer = consumer
            .cloned()
            .or_else(|| self.consumers.named_by(item))
            .unwrap_or_default();
        let expires_at = key.ttl.map(|seconds| {
            let at = self.now.plus_millis(seconds.saturating_mul(1000));
            ExpiryDraft::from(Some(at))
        });
        let row = Row {
            name: self.name_for(&consumer),
            secret: Some(key.secret),
            description: key.tags.map(|tags| format!("tags: {tags}")),
            expires_at,
            foreign_owners: consumer.names().cloned().collect(),
            ..Row::default()
        };
        self.out.give(place, row);
    }

    /// The consumer's name, with a number from the second key on.
    fn name_for(&mut self, consumer: &Consumer) -> String {
        let name = consumer.names().next().map_or("Kong", String::as_str);
        let count = self.keys_of.entry(self.hasher.hash_one(name)).or_default();
        *count += 1;
        match count {
            1 => name.to_owned(),
            more => format!("{name} {more}"),
        }
    }

    /// Half of the keys would be half of the clients.
    fn require_next(&mut self, part: &Part<'_>, next: Option<&Part<'_>>) {
        if part.field("next").is_none() {
            return;
        }
        let kind = Listed::of_page(part);
        let follows = next.is_some_and(|next| {
            list_of(next).is_some() && Listed::of_page(next).is_none_or(|of| Some(of) == kind)
        });
        if !follows {
            let place = self.place(part);
            let message = "says that another page follows, which is not in the file: put all pages into it";
            self.out.told.fault(place, Some("next"), message);
        }
    }
}

#[cfg(test)]
mod tests;
