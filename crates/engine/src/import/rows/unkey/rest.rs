//! The fields of a key that no column takes: what restricts the key is a fault, what describes it a note.

use super::Key;
use crate::import::rows::pages::{Part, quotable};

/// The fields that say nothing of what a key may do, or are read elsewhere.
const KNOWN: [&str; 26] = [
    "keyId",
    "id",
    "apiId",
    "workspaceId",
    "start",
    "enabled",
    "name",
    "meta",
    "createdAt",
    "updatedAt",
    "lastUsedAt",
    "expires",
    "externalId",
    "ownerId",
    "identity",
    "permissions",
    "roles",
    "plaintext",
    "hash",
    "ratelimits",
    "credits",
    "remaining",
    "refill",
    "ratelimit",
    "ipWhitelist",
    "deletedAt",
];

const REQUESTS_FOR_GOOD: &str = "a number of requests for good cannot be said here: without it the key could do more than before; take it out if that is meant";

impl Key<'_, '_> {
    pub(super) fn tell_rest(&mut self) {
        self.refuse_restrictions();
        for field in ["permissions", "roles"] {
            if self.item.field(field).is_some_and(|part| !part.is_empty()) {
                self.note(
                    field,
                    "is not taken over: what a key may do beyond sites and use cases is for your API to know",
                );
            }
        }
        self.tell_unknown();
    }

    fn refuse_restrictions(&mut self) {
        let item = self.item;
        if item.field("credits").is_some_and(|credits| limits(&credits)) {
            self.fault(Some("credits"), REQUESTS_FOR_GOOD);
        }
        if item.field("remaining").is_some() {
            self.fault(Some("remaining"), REQUESTS_FOR_GOOD);
        }
        if item.field("deletedAt").is_some() {
            self.fault(
                Some("deletedAt"),
                "says that the key is deleted: take the key out of the file",
            );
        }
        for (field, message) in [
            (
                "refill",
                "requests that come back from time to time cannot be said here: take it out to take the key over without it",
            ),
            (
                "ratelimit",
                "is a limit as Unkey's first API wrote it: write `ratelimits` with a `duration` of 60000 instead, or take it out to take the key over without it",
            ),
            (
                "ipWhitelist",
                "addresses are not taken over: take it out to take the key over without it, and then restrict the key to its addresses",
            ),
        ] {
            if item.field(field).is_some_and(|part| !part.is_empty()) {
                self.fault(Some(field), message);
            }
        }
        self.refuse_limits_of_identity();
    }

    fn refuse_limits_of_identity(&mut self) {
        let Some(identity) = self.item.field("identity") else {
            return;
        };
        if !identity.is_object() {
            self.fault(Some("identity"), "must be an object");
        }
        if identity.field("ratelimits").is_some_and(|part| !part.is_empty()) {
            let message = "its `ratelimits` count all keys of the identity together, which cannot be said here: take them out to take the key over without them";
            self.fault(Some("identity"), message);
        }
    }

    /// What is not known may restrict the key, unless it holds nothing.
    fn tell_unknown(&mut self) {
        for (name, value) in self.item.fields() {
            if KNOWN.contains(&name.as_str()) {
                continue;
            }
            if value.is_empty() {
                let message = "fields of a key that this reader does not know are not taken over";
                self.told.note(self.place.clone(), None, message);
                continue;
            }
            let field = quotable(&name).map_or("a field".to_owned(), |name| format!("the field `{name}`"));
            let message = format!(
                "{field} is not known here and may restrict the key: removing it from the file takes the key over without it"
            );
            self.fault(None, message);
        }
    }
}

/// Whether credits are a limit: all but an object without a value, as of a key that has no end of them.
fn limits(credits: &Part<'_>) -> bool {
    !credits.is_object() || credits.fields().any(|(_, value)| !value.is_word("null"))
}
