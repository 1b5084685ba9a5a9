//! The sample API: it knows nothing of keys, and echoes who Keyward says is calling.

use crate::exit::Failure;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::net::TcpListener;

const DOCUMENT: &str = include_str!("openapi.json");
/// What Keyward tells an upstream about a request.
const IDENTITY: [&str; 5] = [
    "x-keyward-key-id",
    "x-keyward-user-id",
    "x-keyward-site",
    "x-keyward-use-case",
    "x-keyward-request-id",
];

/// Serves the API on a free port of loopback, as long as the runtime lives.
pub(super) async fn start() -> Result<SocketAddr, Failure> {
    let cannot = |error| Failure::failed(format!("the sample API cannot listen on loopback: {error}"));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let app = Router::new()
        .route("/api/{site}/resource", get(echo).post(echo).options(allow))
        .route("/openapi.json", get(document));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the sample API has ended");
        }
    });
    Ok(address)
}

/// What OPTIONS asks for. It needs no key, so it comes without a caller.
async fn allow() -> impl IntoResponse {
    (
        StatusCode::NO_CONTENT,
        [(header::ALLOW, "GET, HEAD, POST, OPTIONS")],
    )
}

async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT)
}

async fn echo(
    method: Method,
    uri: Uri,
    Path(site): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Json<Value> {
    let told = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let caller: serde_json::Map<String, Value> = IDENTITY
        .iter()
        .map(|name| ((*name).to_owned(), json!(told(name))))
        .collect();
    Json(json!({
        "message": format!("Hello from the sample API, site {site}"),
        "method": method.as_str(),
        "path": uri.path(),
        "site": site,
        "body_bytes": body.len(),
        "caller": caller,
        "x_api_key_seen": headers.contains_key("x-api-key"),
    }))
}
