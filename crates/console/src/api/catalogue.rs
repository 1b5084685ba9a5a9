//! `GET /v1/use-cases`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::NoQuery;
use crate::caller::Caller;
use crate::wire::PageWire;
use axum::extract::State;
use http::StatusCode;
use keyward_domain::{RoutePattern, UseCase};
use serde::Serialize;
use utoipa::ToSchema;

/// What keys may be for.
#[derive(Serialize, ToSchema)]
#[schema(as = UseCase)]
pub(crate) struct UseCaseWire {
    /// Name, as it stands in keys.
    name: String,
    /// What people read when they choose.
    title: String,
    /// Routes that it opens; null is every route.
    #[schema(required)]
    routes: Option<Vec<RouteWire>>,
}

/// Methods and a path that a use case opens.
#[derive(Serialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteWire {
    /// Methods; an empty list is every method.
    methods: Vec<String>,
    /// The path's template.
    path: String,
}

impl From<&UseCase> for UseCaseWire {
    fn from(use_case: &UseCase) -> Self {
        let route = |pattern: &RoutePattern| RouteWire {
            methods: pattern.methods.clone(),
            path: pattern.path.to_string(),
        };
        Self {
            name: use_case.name.to_string(),
            title: use_case.title.clone(),
            routes: use_case
                .routes
                .as_ref()
                .map(|routes| routes.iter().map(route).collect()),
        }
    }
}

/// List what keys may be for
#[utoipa::path(get, path = "/v1/use-cases", tag = "use cases",
    responses((status = 200, body = PageWire<UseCaseWire>)))]
pub(crate) async fn list_use_cases(State(app): State<App>, _caller: Caller, _: NoQuery) -> Answer {
    let items = app.engine.catalogue().iter().map(UseCaseWire::from).collect();
    Ok(answer(StatusCode::OK, &PageWire::whole(items)))
}
