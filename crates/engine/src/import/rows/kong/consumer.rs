//! Consumers: whom the keys of Kong belong to, and what they are called.

use crate::Place;
use crate::import::rows::pages::Part;
use serde_json::Value;
use std::collections::HashMap;

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

/// The consumers of a file, by each of their names.
#[derive(Default)]
pub(super) struct Consumers {
    all: Vec<(Consumer, Place)>,
    by_field: [HashMap<String, usize>; 3],
}

impl Consumers {
    /// Takes one, and tells by which of its fields it goes by a name of the table that is another's, too, and whose.
    pub(super) fn learn(
        &mut self,
        consumer: Consumer,
        place: &Place,
        owners: &HashMap<String, String>,
    ) -> Vec<(&'static str, Place)> {
        let named = || FIELDS.into_iter().zip(&consumer.names);
        let mut clashes = Vec::new();
        for (field, name) in named() {
            let Some(name) = name.as_ref().filter(|name| owners.contains_key(*name)) else {
                continue;
            };
            let same_name = self.by_field.iter().filter_map(|names| names.get(name));
            let mut others = same_name.filter_map(|index| self.all.get(*index));
            if let Some((_, other)) = others.find(|(other, _)| !other.is(&consumer)) {
                clashes.push((field, other.clone()));
            }
        }
        for (names, name) in self.by_field.iter_mut().zip(&consumer.names) {
            if let Some(name) = name {
                names.entry(name.clone()).or_insert(self.all.len());
            }
        }
        self.all.push((consumer, place.clone()));
        clashes
    }

    /// Whom something names as its consumer: by id, or in a declarative configuration by user name.
    pub(super) fn named_by(&self, item: &Part<'_>) -> Option<Consumer> {
        let (name, order) = match item.value.get("consumer")? {
            Value::String(name) => (name, [0, 2, 1]),
            Value::Object(fields) => match (fields.get("id"), fields.get("username")) {
                (Some(Value::String(id)), _) => (id, [2, 0, 1]),
                (_, Some(Value::String(name))) => (name, [0, 2, 1]),
                _ => return None,
            },
            _ => return None,
        };
        let index = order
            .into_iter()
            .find_map(|field: usize| self.by_field.get(field)?.get(name));
        let known = index.and_then(|index| self.all.get(*index));
        Some(known.map_or_else(|| Consumer::called(name), |(consumer, _)| consumer.clone()))
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
