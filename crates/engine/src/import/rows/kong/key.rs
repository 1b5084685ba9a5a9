//! The fields of a key of Kong.

use crate::Place;
use crate::import::rows::join_texts;
use crate::import::rows::pages::Part;
use crate::import::told::Told;
use zeroize::Zeroizing;

pub(super) struct Key {
    pub(super) secret: Zeroizing<String>,
    /// The seconds that it has left.
    pub(super) ttl: Option<i64>,
    pub(super) tags: Option<String>,
}

const KNOWN: [&str; 7] = ["id", "key", "consumer", "ttl", "tags", "created_at", "updated_at"];

/// The fields of a key, when all are good. What is not is told, and what is not taken over.
pub(super) fn read(item: &Part<'_>, place: &Place, told: &mut Told) -> Option<Key> {
    if item.is_large() {
        told.fault(place.clone(), None, "is longer than 64 KiB");
        return None;
    }
    let secret = secret_of(item);
    // 0 is what Kong writes for a key that does not expire.
    let ttl = item.number("ttl").map(|ttl| ttl.filter(|seconds| *seconds != 0));
    let tags = item
        .field("tags")
        .map_or(Ok(None), |tags| join_texts(&tags.value()));
    let faults = [
        ("key", secret.as_ref().err()),
        ("ttl", ttl.as_ref().err()),
        ("tags", tags.as_ref().err()),
    ];
    for (field, fault) in faults {
        if let Some(message) = fault {
            told.fault(place.clone(), Some(field), *message);
        }
    }
    let (Ok(secret), Ok(ttl), Ok(tags)) = (secret, ttl, tags) else {
        return None;
    };
    if ttl.is_some() {
        let message = "the seconds that a key has left are counted from this import on, not from the export";
        told.note(place.clone(), Some("ttl"), message);
    }
    if item.filled().any(|name| !KNOWN.contains(&name.as_str())) {
        let message = "fields of a key that this reader does not know are not taken over";
        told.note(place.clone(), None, message);
    }
    Some(Key { secret, ttl, tags })
}

fn secret_of(item: &Part<'_>) -> Result<Zeroizing<String>, &'static str> {
    let key = item.text("key")?.ok_or("is required")?;
    if key.starts_with("{vault://") || key.contains("${{") {
        return Err("is a reference to where the key is kept: write the key itself");
    }
    Ok(Zeroizing::new(key))
}
