//! The OpenAPI document, Swagger UI, and the first page.

mod complete;
mod strict;

use crate::api::catalogue::RouteWire;
use crate::app::App;
use crate::base_path::BasePath;
use crate::body::Named;
use crate::problem::{Problem, ProblemDocument};
use crate::wire::{ImportFormatWord, KeyStatusFilterWord, MethodsChoice, PeriodWord, TargetKindWord};
use axum::Router;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use complete::completed;
use http::{HeaderValue, StatusCode, header};
use serde_json::json;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityScheme};
use utoipa::{Modify, OpenApi as OpenApiDerive};
use utoipa_swagger_ui::Config;

/// What is the same for all operations.
#[derive(OpenApiDerive)]
#[openapi(
    info(
        title = "Keyward management API",
        description = "Create, restrict, switch off and delete the API keys of a REST API. Send a key of the use case \
                       `management` in `X-API-KEY`. Errors are problem documents (RFC 9457) with a stable `code`. \
                       Answers about one thing carry an `ETag`; with `If-Match` an edit is made only if the thing is \
                       still as it was seen. Lists come in pages: `next` of one goes into `cursor` for the next."
    ),
    // What stands in queries alone, or in a choice, is not found by itself.
    components(schemas(
        ProblemDocument, KeyStatusFilterWord, PeriodWord, TargetKindWord, ImportFormatWord, RouteWire, MethodsChoice
    )),
    security(("ApiKey" = [])),
    tags(
        (name = "keys", description = "The keys of the protected API's clients, and those that manage Keyward."),
        (name = "users", description = "Who owns keys. A key lives only while its owner is active."),
        (name = "sites", description = "What keys and users can be restricted to: tenants that requests name."),
        (name = "use cases", description = "What keys may be for, as configured."),
        (name = "verify", description = "The decision, for callers that are not proxies."),
        (name = "audit", description = "Who changed what, and who tried to."),
        (name = "nodes", description = "The nodes that serve from one database."),
        (name = "me", description = "Who calls."),
        (name = "setup", description = "The first administrator.")
    ),
    modifiers(&Scheme)
)]
pub(crate) struct Document;

struct Scheme;

impl Modify for Scheme {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let value = ApiKeyValue::with_description("X-API-KEY", "A key of the use case `management`.");
        components.add_security_scheme("ApiKey", SecurityScheme::ApiKey(ApiKey::Header(value)));
    }
}

/// Serves the document and the pages that stand around it.
pub(crate) fn router(document: &OpenApi, base: &BasePath) -> Router<App> {
    let mut document = completed(document);
    if !base.as_str().is_empty() {
        document["servers"] = json!([{ "url": base.as_str() }]);
    }
    let json = document.to_string();
    // The validator is a page of somebody else's, and the other layout's bar asks for the address of any document.
    let config = Arc::new(
        Config::from(format!("{}/openapi.json", base.as_str()))
            .use_base_layout()
            .validator_url("none"),
    );
    let asset = move |name: String| {
        let config = Arc::clone(&config);
        async move { serve_asset(&name, config) }
    };
    let index = asset.clone();
    Router::new()
        .route(
            "/openapi.json",
            get(|| async { ([(header::CONTENT_TYPE, "application/json")], json) }),
        )
        .route("/swagger", get(|| async { Redirect::permanent("/swagger/") }))
        .route("/swagger/", get(move || index("index.html".into())))
        .route("/swagger/{name}", get(move |Named(name): Named| asset(name)))
}

fn serve_asset(name: &str, config: Arc<Config<'static>>) -> Response {
    let file = match utoipa_swagger_ui::serve(name, config) {
        Ok(Some(file)) => file,
        Ok(None) => return Problem::of_status(StatusCode::NOT_FOUND).into_response(),
        Err(error) => {
            return Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
                .with_cause(error.to_string())
                .into_response();
        }
    };
    let Ok(content_type) = HeaderValue::from_str(&file.content_type) else {
        return Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    };
    let mut response = file.bytes.into_owned().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}
