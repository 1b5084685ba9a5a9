//! `GET /v1/nodes`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::{NoQuery, Query};
use crate::caller::Caller;
use crate::paging::{Listed, Paging};
use crate::wire::{NodeWire, PageWire};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::PageAsk;

/// List the nodes that serve from this database
///
/// Those that were seen within a day, the one that is asked among them. One that ended cleanly is not listed. Administrators
/// only.
#[utoipa::path(get, path = "/v1/nodes", tag = "nodes", params(Paging), responses((status = 200, body = PageWire<NodeWire>)))]
pub(crate) async fn list_nodes(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(query): Query<Listed<NoQuery>>,
) -> Answer {
    let (page, report) = query.into_draft::<PageAsk>();
    let page = app.engine.list_nodes_page(&actor, &page).await;
    let page = page.map_err(|error| report.problem(error))?;
    Ok(answer(StatusCode::OK, &PageWire::<NodeWire>::of(&page)))
}
