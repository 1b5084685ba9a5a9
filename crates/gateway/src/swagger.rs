//! The protected API's own documentation at `/swagger`: Swagger UI, with the key added to its OpenAPI document.

use crate::answer::{self, Answer, AnswerBody};
use crate::framing::Length;
use crate::pool::Pool;
use crate::request_id::RequestId;
use crate::rules::Compiled;
use crate::settings::{Swagger, Timeouts};
use crate::upstream_body::UpstreamBody;
use crate::upstream_connection::Connection;
use crate::upstream_fault::UpstreamFault;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::{BodyExt, Limited};
use keyward_tower::wire::Problem;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use utoipa_swagger_ui::Config;

const DOCUMENT: &str = "openapi.json";
const MOST_DOCUMENT_BYTES: usize = 16 * 1024 * 1024;
/// What the vendored pages need, and no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page under `/swagger`.
pub(crate) enum Page {
    /// `/swagger` itself: the page's parts are named relative to `/swagger/`.
    Front,
    /// A file of Swagger UI.
    File(String),
    /// The OpenAPI document.
    Document,
}

impl Page {
    /// The page of a path, when it is one under `/swagger`.
    pub(crate) fn of(path: &str) -> Option<Self> {
        match path.strip_prefix("/swagger")? {
            "" => Some(Self::Front),
            "/" => Some(Self::File("index.html".into())),
            file => match file.strip_prefix('/')? {
                DOCUMENT => Some(Self::Document),
                file => Some(Self::File(file.to_owned())),
            },
        }
    }

    /// Serves the page.
    pub(crate) async fn serve(
        self,
        rules: &Compiled,
        timeouts: &Timeouts,
        worker: usize,
        id: RequestId,
    ) -> Answer {
        let mut answer = match self {
            Self::Front => {
                let mut answer = Response::new(AnswerBody::own(""));
                *answer.status_mut() = StatusCode::FOUND;
                answer
                    .headers_mut()
                    .insert(LOCATION, HeaderValue::from_static("/swagger/"));
                answer
            }
            Self::File(file) => serve_file(&file, id),
            Self::Document => match document(rules, timeouts, worker).await {
                Ok(document) => with_type(document, "application/json"),
                Err(why) => no_document(&why, id),
            },
        };
        let fields = answer.headers_mut();
        // A problem says already that it must not be stored.
        fields
            .entry(CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-cache"));
        fields.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        fields.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        fields.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        answer
    }
}

fn serve_file(file: &str, id: RequestId) -> Answer {
    let config = Arc::new(
        Config::from("/swagger/openapi.json")
            .use_base_layout()
            .validator_url("none"),
    );
    match utoipa_swagger_ui::serve(file, config) {
        Ok(Some(found)) => with_type(found.bytes.into_owned().into(), &found.content_type),
        Ok(None) | Err(_) => answer::no_route(id),
    }
}

fn with_type(bytes: Bytes, content_type: &str) -> Answer {
    let mut answer = Response::new(AnswerBody::own(bytes));
    let content_type =
        HeaderValue::from_str(content_type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

fn no_document(why: &str, id: RequestId) -> Answer {
    tracing::warn!(
        why,
        "the protected API's OpenAPI document cannot be served: check gateway.swagger"
    );
    let unread = Problem::new(
        StatusCode::BAD_GATEWAY,
        "no_openapi_document",
        "No OpenAPI document",
        "The API's OpenAPI document cannot be read at the moment.",
    );
    answer::problem(unread, id)
}

/// Looks whether a file holds a document that can be served. It is read again whenever somebody asks for it.
///
/// # Errors
/// What is wrong with it.
pub fn check_openapi_file(file: &Path) -> Result<(), String> {
    let read = std::fs::read(file).map_err(|error| format!("{}: cannot be read: {error}", file.display()))?;
    serve_document(&read)
        .map(drop)
        .map_err(|fault| format!("{}: {fault}", file.display()))
}

/// The document. Anybody may ask for it, and it can be long: what is read is turned into what is served only when it is
/// not what was read last.
async fn document(rules: &Compiled, timeouts: &Timeouts, worker: usize) -> Result<Bytes, String> {
    let read = match &rules.swagger {
        Some(Swagger::File(path)) => tokio::fs::read(path)
            .await
            .map(Bytes::from)
            .map_err(|error| format!("{}: {error}", path.display()))?,
        Some(Swagger::UpstreamPath(path)) => fetch(&rules.pools[0], path, timeouts, worker).await?,
        None => return Err("none is configured".into()),
    };
    let mut last = rules.document.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, served)) = last.as_ref().filter(|(before, _)| *before == read) {
        return Ok(served.clone());
    }
    let served = serve_document(&read)?;
    *last = Some((read, served.clone()));
    Ok(served)
}

/// What is served of a document as it was read.
fn serve_document(read: &[u8]) -> Result<Bytes, String> {
    let mut document: Value =
        serde_json::from_slice(read).map_err(|error| format!("it is not JSON: {error}"))?;
    add_key(&mut document)?;
    Ok(Bytes::from(document.to_string()))
}

async fn fetch(pool: &Arc<Pool>, path: &str, timeouts: &Timeouts, worker: usize) -> Result<Bytes, String> {
    let fault = |fault: UpstreamFault| format!("the upstream `{}`: {}", pool.upstream().name, fault.word());
    if pool.speaks_h2c() {
        let authority = pool.upstream().address.authority(80);
        let uri = format!("http://{authority}{path}");
        let head = http::Request::get(uri)
            .body(())
            .map_err(|error| error.to_string())?;
        let answer = pool.h2c[worker]
            .exchange(pool, head, None, timeouts)
            .await
            .map_err(fault)?;
        expect_ok(answer.status(), path)?;
        let stall = timeouts.upstream_body_stall;
        return read(UpstreamBody::h2c(answer.into_body(), stall)).await;
    }
    let mut connection = Connection::new(pool.connect(timeouts.upstream_connect).await.map_err(fault)?);
    let host = pool.upstream().address.authority(80);
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\nconnection: close\r\n\r\n"
    );
    connection
        .send(request.as_bytes(), timeouts.upstream_response)
        .await
        .map_err(|failed| fault(failed.fault))?;
    let head = connection
        .receive(&Method::GET, timeouts.upstream_response)
        .await
        .map_err(|failed| fault(failed.fault))?;
    expect_ok(head.status, path)?;
    let body: Length = head.body;
    read(UpstreamBody::http1(
        connection,
        body,
        None,
        None,
        timeouts.upstream_body_stall,
    ))
    .await
}

fn expect_ok(status: StatusCode, path: &str) -> Result<(), String> {
    if status == StatusCode::OK {
        Ok(())
    } else {
        Err(format!("the upstream answered {} for {path}", status.as_u16()))
    }
}

async fn read<B>(body: B) -> Result<Bytes, String>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let whole = Limited::new(body, MOST_DOCUMENT_BYTES)
        .collect()
        .await
        .map_err(|error| error.to_string())?;
    Ok(whole.to_bytes())
}

/// Adds the `X-API-KEY` scheme to an OpenAPI 3 document (or a Swagger 2 one), and lets "Try it out" come here.
fn add_key(document: &mut Value) -> Result<(), String> {
    let scheme = json!({ "type": "apiKey", "in": "header", "name": "X-API-KEY" });
    let is_swagger2 = document.get("swagger").is_some();
    let Some(document) = document.as_object_mut() else {
        return Err("it is no JSON object".into());
    };
    if is_swagger2 {
        document.remove("host");
        put_under(document, "securityDefinitions", "ApiKey", scheme)?;
    } else {
        document.insert("servers".into(), json!([{ "url": "/" }]));
        let components = document.entry("components").or_insert_with(|| json!({}));
        let components = components
            .as_object_mut()
            .ok_or("its `components` is no object")?;
        put_under(components, "securitySchemes", "ApiKey", scheme)?;
    }
    document.insert("security".into(), json!([{ "ApiKey": [] }]));
    Ok(())
}

fn put_under(
    parent: &mut serde_json::Map<String, Value>,
    field: &str,
    name: &str,
    value: Value,
) -> Result<(), String> {
    let place = parent.entry(field).or_insert_with(|| json!({}));
    let place = place
        .as_object_mut()
        .ok_or_else(|| format!("its `{field}` is no object"))?;
    place.insert(name.to_owned(), value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_added_to_both_kinds_of_document() {
        let mut three = json!({ "openapi": "3.0.1", "paths": {}, "servers": [{ "url": "http://internal" }] });
        add_key(&mut three).unwrap();
        assert_eq!(
            three["components"]["securitySchemes"]["ApiKey"]["name"],
            "X-API-KEY"
        );
        assert_eq!(three["servers"][0]["url"], "/");
        let mut two = json!({ "swagger": "2.0", "host": "internal", "securityDefinitions": { "Other": {} } });
        add_key(&mut two).unwrap();
        assert_eq!(two["securityDefinitions"]["ApiKey"]["in"], "header");
        assert!(two["securityDefinitions"]["Other"].is_object() && two.get("host").is_none());
        assert!(add_key(&mut json!([])).is_err());
    }

    #[test]
    fn pages_are_told_by_their_path() {
        assert!(matches!(Page::of("/swagger"), Some(Page::Front)));
        assert!(matches!(Page::of("/swagger/"), Some(Page::File(file)) if file == "index.html"));
        assert!(matches!(Page::of("/swagger/openapi.json"), Some(Page::Document)));
        assert!(Page::of("/swaggerx").is_none() && Page::of("/other").is_none());
    }
}
