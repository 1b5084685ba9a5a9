//! `GET /v1/users`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::Query;
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::paging::{Listed, Paging};
use crate::wire::{PageWire, UserWire};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::UserFilter;
use utoipa::IntoParams;

/// Which users to show.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UserQuery {
    /// Deleted ones too.
    with_deleted: Option<bool>,
    /// Only with this text in name or e-mail address; neither case nor accents matter.
    text: Option<String>,
}

impl Decode for UserQuery {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            with_deleted: fields.query_bool("with_deleted"),
            text: fields.sought("text"),
        }
    }
}

impl From<Listed<UserQuery>> for UserFilter {
    fn from(Listed(query, page): Listed<UserQuery>) -> Self {
        Self {
            with_deleted: query.with_deleted.unwrap_or(false),
            text: query.text,
            cursor: page.cursor,
            limit: page.limit,
            misread: Vec::new(),
        }
    }
}

/// List users, newest first
///
/// Admins only.
#[utoipa::path(get, path = "/v1/users", tag = "users", params(UserQuery, Paging),
    responses((status = 200, body = PageWire<UserWire>)))]
pub(crate) async fn list_users(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(query): Query<Listed<UserQuery>>,
) -> Answer {
    let (filter, report) = query.into_draft::<UserFilter>();
    let page = app.engine.list_users(&actor, &filter).await;
    let page = page.map_err(|error| report.problem(error))?;
    Ok(answer(StatusCode::OK, &PageWire::<UserWire>::of(&page)))
}
