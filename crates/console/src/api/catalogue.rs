//! `GET /v1/use-cases`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::{NoQuery, Query};
use crate::caller::Caller;
use crate::paging::{Listed, Paging};
use crate::wire::{MethodsChoice, PageWire, RoutesChoice};
use axum::extract::State;
use http::StatusCode;
use keyward_domain::{RoutePattern, UseCase};
use keyward_engine::{PageAsk, RestrictionDraft};
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
    /// Routes that it opens.
    #[schema(value_type = RoutesChoice)]
    routes: RoutesWire,
}

/// Routes, in the form of what can be left open.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum RoutesWire {
    Any(bool),
    Only(Vec<RouteWire>),
}

/// Methods and a path that a use case opens.
#[derive(Serialize, ToSchema)]
#[schema(as = Route)]
pub(crate) struct RouteWire {
    /// Methods.
    #[schema(value_type = MethodsChoice)]
    methods: RestrictionDraft,
    /// The path's template.
    path: String,
}

impl From<&UseCase> for UseCaseWire {
    fn from(use_case: &UseCase) -> Self {
        let route = |pattern: &RoutePattern| RouteWire {
            methods: match &*pattern.methods {
                [] => RestrictionDraft::Any,
                methods => RestrictionDraft::only(methods),
            },
            path: pattern.path.to_string(),
        };
        Self {
            name: use_case.name.to_string(),
            title: use_case.title.clone(),
            routes: use_case.routes.as_ref().map_or(RoutesWire::Any(true), |routes| {
                RoutesWire::Only(routes.iter().map(route).collect())
            }),
        }
    }
}

/// List what keys may be for
#[utoipa::path(get, path = "/v1/use-cases", tag = "use cases", params(Paging),
    responses((status = 200, body = PageWire<UseCaseWire>)))]
pub(crate) async fn list_use_cases(
    State(app): State<App>,
    _caller: Caller,
    Query(query): Query<Listed<NoQuery>>,
) -> Answer {
    let (page, report) = query.into_draft::<PageAsk>();
    let page = app.engine.list_use_cases_page(&page);
    let page = page.map_err(|error| report.problem(error))?;
    Ok(answer(StatusCode::OK, &PageWire::<UseCaseWire>::of(&page)))
}
