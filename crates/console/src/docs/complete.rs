//! What operations have in common, added to the document that is generated from them: problems, headers, and one type
//! for a thing wherever it stands. Who adds a status that answers can have adds it to [`PROBLEMS`] and [`statuses`].

use super::strict::{bound, close_what_is_sent};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi;

const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];
/// Schemas of one thing: answers about it carry its revision.
const THINGS: [&str; 4] = ["Key", "CreatedKey", "User", "Site"];

/// Status, name, and what it says.
const PROBLEMS: [(u16, &str, &str); 13] = [
    (400, "BadRequest", "The request is malformed"),
    (401, "Unauthorized", "No key, or one that is not good"),
    (
        403,
        "Forbidden",
        "The key, its address, or the role of its owner does not allow this",
    ),
    (
        404,
        "NotFound",
        "There is no such thing, or none that the caller may know of",
    ),
    (
        409,
        "Conflict",
        "The state of things does not allow it; nothing was changed",
    ),
    (
        412,
        "PreconditionFailed",
        "The thing was changed since the revision in `If-Match`; nothing was changed",
    ),
    (413, "PayloadTooLarge", "The body is too large"),
    (
        415,
        "UnsupportedMediaType",
        "The body is of another type than the operation takes",
    ),
    (
        422,
        "Unprocessable",
        "`errors` names every field that cannot be taken; nothing was changed",
    ),
    (
        429,
        "TooManyRequests",
        "The management key has used up its requests for this minute",
    ),
    (
        500,
        "Internal",
        "A defect; the log has the cause under `request_id`",
    ),
    (
        503,
        "Unavailable",
        "The store cannot answer now, or (`unconfirmed`) the change is stored but not yet seen in force",
    ),
    (
        507,
        "NotWritable",
        "The store cannot be written to; nothing was changed",
    ),
];

/// The whole document.
pub(super) fn completed(document: &OpenApi) -> Value {
    let mut document = serde_json::to_value(document).unwrap_or_default();
    if let Some(components) = document["components"].as_object_mut() {
        components.insert("responses".into(), problems());
        components.insert("headers".into(), headers());
    }
    for (name, schema) in each(&mut document["components"]["schemas"]) {
        refer_to_items(name, schema);
    }
    for (path, item) in each(&mut document["paths"]) {
        for method in METHODS {
            if item[method].is_object() {
                complete_operation(method, path, &mut item[method]);
            }
        }
    }
    close_what_is_sent(&mut document);
    say_no_null(&mut document);
    document["servers"] = json!([{ "url": "/", "description": "Where this document was fetched" }]);
    document
}

/// Takes null out of the document: nothing that is sent or answered has it, and what is absent is not required.
fn say_no_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(say_no_null),
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            let kinds = members.get_mut("type").and_then(Value::as_array_mut);
            if let Some([kind]) = kinds
                .map(|kinds| {
                    kinds.retain(|kind| kind != "null");
                    kinds.clone()
                })
                .as_deref()
            {
                members.insert("type".into(), kind.clone());
            }
            if let Some(Value::Array(mut ways)) = members.remove("oneOf") {
                ways.retain(|way| way["type"] != "null");
                match ways.pop() {
                    Some(Value::Object(only)) if ways.is_empty() => {
                        for (name, member) in only {
                            members.entry(name).or_insert(member);
                        }
                    }
                    last => {
                        ways.extend(last);
                        members.insert("oneOf".into(), ways.into());
                    }
                }
            }
            // "Always true" in words that programs that write clients can read: of `enum` they make a type of its own, which in
            // C# does not compile and in Python refuses `true`.
            if members.get("enum") == Some(&json!([true])) {
                members.remove("enum");
                members.insert("not".into(), json!({ "const": false }));
            }
            members.values_mut().for_each(say_no_null);
        }
        _ => {}
    }
}

fn each(object: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    object.as_object_mut().into_iter().flatten()
}

/// A page of keys holds keys: without this, programs that write clients make a second type of them.
fn refer_to_items(name: &str, schema: &mut Value) {
    if let Some(item) = name.strip_prefix("Page_") {
        schema["properties"]["items"]["items"] = json!({ "$ref": format!("#/components/schemas/{item}") });
    }
}

fn problems() -> Value {
    let all = PROBLEMS.iter().map(|(status, name, says)| {
        let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
        match status {
            401 => headers["WWW-Authenticate"] = header("`ApiKey realm=\"…\", header=\"X-API-KEY\"`"),
            429 | 503 => headers["Retry-After"] = header("Seconds to wait before the next try"),
            _ => {}
        }
        let problem = json!({
            "description": says, "headers": headers,
            "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/ProblemDocument" } } },
        });
        ((*name).to_owned(), problem)
    });
    let mut all: serde_json::Map<String, Value> = all.collect();
    let content = json!({ "schema": { "$ref": "#/components/schemas/ProblemDocument" } });
    all.insert(
        "Problem".into(),
        json!({ "description": "Another problem: `code` says which", "content": { "application/problem+json": content } }),
    );
    all.into()
}

fn headers() -> Value {
    json!({
        "ETag": header("The revision of the thing, for `If-Match`"),
        "Location": header("Where the thing is"),
        "RequestId": header("Stands in the log too"),
        "Replayed": header("`true`: nothing was made, this is what an earlier request made"),
    })
}

fn header(says: &str) -> Value {
    json!({ "description": says, "schema": { "type": "string" } })
}

fn complete_operation(method: &str, path: &str, operation: &mut Value) {
    for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
        // What is absent is not sent; nothing in a header is null.
        if parameter["in"] == "header" {
            parameter["schema"] = json!({ "type": "string" });
        }
        bound(path, parameter);
    }
    for status in ["200", "201"] {
        let replays = status == "200" && operation["responses"]["201"].is_object();
        if operation["responses"][status].is_object() {
            complete_success(status, replays, &mut operation["responses"][status]);
        }
    }
    let statuses = statuses(method, operation);
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    for (status, name, _) in PROBLEMS.iter().filter(|(status, ..)| statuses.contains(status)) {
        responses.insert(status.to_string(), response(name));
    }
    responses.insert("default".into(), response("Problem"));
}

fn response(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

fn complete_success(status: &str, replays: bool, response: &mut Value) {
    if response["description"].as_str().is_none_or(str::is_empty) {
        response["description"] = "Done".into();
    }
    let schema = &response["content"]["application/json"]["schema"]["$ref"];
    let name = schema.as_str().and_then(|reference| reference.rsplit('/').next());
    let refer = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let mut headers = json!({ "X-Request-Id": refer("RequestId") });
    if name.is_some_and(|name| THINGS.contains(&name)) {
        headers["ETag"] = refer("ETag");
    }
    if status == "201" {
        headers["Location"] = refer("Location");
    }
    if replays {
        headers["Idempotency-Replayed"] = refer("Replayed");
    }
    response["headers"] = headers;
}

/// The problems that an operation can answer with, from its form.
fn statuses(method: &str, operation: &Value) -> Vec<u16> {
    let has = |place: &str| {
        let parameters = operation["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == place))
    };
    let changes = method != "get" && operation["operationId"] != "verify_key";
    let mut statuses = vec![400, 403, 422, 500, 503];
    if operation["security"].is_null() {
        statuses.extend([401, 429]);
    }
    // Lists may be filtered by the name of something.
    if has("path") || has("query") {
        statuses.push(404);
    }
    if operation["requestBody"].is_object() {
        statuses.extend([413, 415]);
    }
    if has("header") && method != "get" && has("path") {
        statuses.push(412);
    }
    if changes {
        statuses.extend([409, 507]);
    }
    statuses
}
