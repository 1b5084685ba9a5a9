//! Consumers: whom the keys of Kong belong to, and what they are called.

use crate::Place;
use crate::import::rows::pages::Part;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// What a consumer is called, in the order in which the table of owners is asked.
const FIELDS: [&str; 3] = ["username", "custom_id", "id"];

/// Whom a key belongs to.
#[derive(Clone, Default)]
pub(super) struct Consumer {
    names: [Option<String>; 3],
}

impl Consumer {
    pub(super) fn of(item: &Part<'_>) -> Self {
        let text = |field| item.text(field).ok().flatten();
        Self {
            names: FIELDS.map(|field| text(field).filter(|name| !name.is_empty())),
        }
    }

    /// One of whom the file tells no more than a name.
    fn called(name: &str) -> Self {
        Self {
            names: [Some(name.to_owned()), None, None],
        }
    }

    /// User name, custom id, id: those that there are.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.names.iter().flatten()
    }

    /// Whether both are one, as far as can be told: ids decide; without them, a name in the same field.
    fn is(&self, other: &Self) -> bool {
        let [_, _, id] = &self.names;
        let [_, _, other_id] = &other.names;
        if id.is_some() && other_id.is_some() {
            return id == other_id;
        }
        let mut pairs = self.names.iter().zip(&other.names);
        pairs.any(|(name, other)| name.is_some() && name == other)
    }
}

/// The consumers of a file, by each of their names. What is kept of each is where its text is, and not what it says: there
/// may be as many as keys.
#[derive(Default)]
pub(super) struct Consumers<'a> {
    all: Vec<Part<'a>>,
    by_field: [HashMap<u64, u32>; 3],
    hasher: RandomState,
    /// Where those stand that go by a name of the table of owners.
    places: HashMap<u32, Place>,
}

impl<'a> Consumers<'a> {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Takes one, and tells by which of its fields it goes by a name of the table that is another's, too, and whose.
    pub(super) fn learn(
        &mut self,
        item: &Part<'a>,
        place: &Place,
        owners: &HashMap<String, String>,
    ) -> Vec<(&'static str, Place)> {
        let consumer = Consumer::of(item);
        let mut clashes = Vec::new();
        let Ok(index) = u32::try_from(self.all.len()) else {
            return clashes;
        };
        for (field, name) in FIELDS.into_iter().zip(&consumer.names) {
            let Some(name) = name.as_ref().filter(|name| owners.contains_key(*name)) else {
                continue;
            };
            let mut others = (0..FIELDS.len()).filter_map(|field| self.find(field, name));
            if let Some((other, _)) = others.find(|(_, other)| !other.is(&consumer)) {
                clashes.extend(self.places.get(&other).map(|other| (field, other.clone())));
            }
            self.places.entry(index).or_insert_with(|| place.clone());
        }
        for (names, name) in self.by_field.iter_mut().zip(&consumer.names) {
            if let Some(name) = name {
                names.entry(self.hasher.hash_one(name)).or_insert(index);
            }
        }
        self.all.push(item.without_place());
        clashes
    }

    /// The first that has this name in a field.
    fn find(&self, field: usize, name: &str) -> Option<(u32, Consumer)> {
        let index = *self.by_field.get(field)?.get(&self.hasher.hash_one(name))?;
        let consumer = Consumer::of(self.all.get(usize::try_from(index).ok()?)?);
        let has_it = consumer.names.get(field)?.as_deref() == Some(name);
        has_it.then_some((index, consumer))
    }

    /// Whom something names as its consumer: by id, or in a declarative configuration by user name.
    pub(super) fn named_by(&self, item: &Part<'_>) -> Option<Consumer> {
        let part = item.field("consumer")?;
        let (name, order) = if let Some(name) = part.as_text() {
            (name, [0, 2, 1])
        } else {
            let text = |field| part.text(field).ok().flatten();
            match (text("id"), text("username")) {
                (Some(id), _) => (id, [2, 0, 1]),
                (None, Some(name)) => (name, [0, 2, 1]),
                (None, None) => return None,
            }
        };
        let known = order.into_iter().find_map(|field| self.find(field, &name));
        Some(known.map_or_else(|| Consumer::called(&name), |(_, consumer)| consumer))
    }
}

/// What is told of a consumer's field that is not taken over.
pub(super) fn note_of(name: &str) -> &'static str {
    match name {
        "tags" => "a consumer's tags are not taken over",
        _ if name.ends_with("_credentials") || name == "jwt_secrets" => {
            "a consumer's credentials of other kinds are not taken over: only keys are"
        }
        _ => "fields of a consumer that this reader does not know are not taken over",
    }
}
