//! What is refused, said in the document: what headers, queries and bodies may be. A program that checks before it sends gets no 422
//! for its form. Who adds a parameter gives it its bounds here, by its name; the test `everything_that_is_sent_has_bounds`
//! finds what has none.

use serde_json::{Value, json};

const UUID: &str = "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$";
const SITE: &str = "^[A-Za-z0-9._-]+$";
const USE_CASE: &str = "^[a-z][a-z0-9-]*$";

/// What a parameter may be, by its name; of the cursors, by the list too.
fn bounds(path: &str, name: &str) -> Option<Value> {
    Some(match (name, path) {
        ("If-Match", _) => json!({ "pattern": "^(\\*|\"[!#-~]*\")$", "minLength": 1, "maxLength": 128 }),
        ("Idempotency-Key", _) => json!({ "pattern": "^[!-~]+$", "minLength": 1, "maxLength": 255 }),
        ("cursor", "/v1/sites") => json!({ "pattern": SITE, "minLength": 1, "maxLength": 64 }),
        ("cursor", "/v1/use-cases") => json!({ "pattern": USE_CASE, "minLength": 1, "maxLength": 32 }),
        ("cursor", "/v1/nodes") => json!({ "pattern": "^[0-9a-f]+$", "minLength": 1, "maxLength": 4096 }),
        ("cursor", _) => json!({ "pattern": UUID, "format": "uuid", "minLength": 36, "maxLength": 36 }),
        ("id", path) if path.starts_with("/v1/keys") => {
            json!({ "format": "uuid", "minLength": 36, "maxLength": 36 })
        }
        ("name" | "site", _) => json!({ "pattern": SITE, "minLength": 1, "maxLength": 64 }),
        ("use_case", _) => json!({ "pattern": USE_CASE, "minLength": 1, "maxLength": 32 }),
        ("sites", _) => {
            json!({ "pattern": "^[A-Za-z0-9._-]+(,[A-Za-z0-9._-]+)*$", "minLength": 1, "maxLength": 65536 })
        }
        ("since" | "until" | "from", _) => json!({ "maxLength": 64 }),
        ("owner" | "user" | "id", _) => json!({ "minLength": 1, "maxLength": 254 }),
        ("action", _) => json!({ "enum": keyward_engine::ACTIONS }),
        ("text" | "target_id", _) => json!({ "maxLength": 1000 }),
        _ => return None,
    })
}

/// Puts the bounds of a parameter into its schema.
pub(super) fn bound(path: &str, parameter: &mut Value) {
    let Some(bounds) = parameter["name"].as_str().and_then(|name| bounds(path, name)) else {
        return;
    };
    for (name, bound) in bounds.as_object().into_iter().flatten() {
        parameter["schema"][name] = bound.clone();
    }
}

/// Says of each type that is sent that it has no other fields.
pub(super) fn close_what_is_sent(document: &mut Value) {
    let mut sent = Vec::new();
    for path in document["paths"]
        .as_object()
        .into_iter()
        .flat_map(|paths| paths.values())
    {
        for operation in path.as_object().into_iter().flat_map(|item| item.values()) {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            sent.extend(
                schema
                    .as_str()
                    .and_then(|to| to.rsplit('/').next())
                    .map(str::to_owned),
            );
        }
    }
    for name in sent {
        document["components"]["schemas"][name]["additionalProperties"] = false.into();
    }
}
