//! `GET /v1/keys`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::Query;
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::paging::{Listed, Paging};
use crate::wire::{KeyStatusFilterWord, KeyWire, PageWire};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::KeyFilter;
use utoipa::IntoParams;

/// Which keys to show.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct KeyQuery {
    /// Only this owner's: id or e-mail address; to administrators, also of all owners with this text in name or address.
    owner: Option<String>,
    /// `active`, `disabled`, `expired`, `deleted` or `any`; absent is all that are not deleted.
    #[param(value_type = Option<KeyStatusFilterWord>)]
    status: Option<String>,
    /// Only keys restricted to this site.
    site: Option<String>,
    /// Only of this use case.
    use_case: Option<String>,
    /// Only with this text in name, description or hint; neither case nor accents matter.
    text: Option<String>,
}

impl Decode for KeyQuery {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            owner: fields.text("owner"),
            status: fields.text("status"),
            site: fields.text("site"),
            use_case: fields.text("use_case"),
            text: fields.sought("text"),
        }
    }
}

impl From<Listed<KeyQuery>> for KeyFilter {
    fn from(Listed(query, page): Listed<KeyQuery>) -> Self {
        Self {
            owner: query.owner,
            status: query.status,
            site: query.site,
            use_case: query.use_case,
            text: query.text,
            cursor: page.cursor,
            limit: page.limit,
            ..Self::default()
        }
    }
}

/// List keys, newest first
///
/// Members see their own.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", params(KeyQuery, Paging),
    responses((status = 200, body = PageWire<KeyWire>)))]
pub(crate) async fn list_keys(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(query): Query<Listed<KeyQuery>>,
) -> Answer {
    let (filter, report) = query.into_draft::<KeyFilter>();
    let page = app.engine.list_keys(&actor, &filter).await;
    let page = page.map_err(|error| report.problem(error))?;
    Ok(answer(StatusCode::OK, &PageWire::<KeyWire>::of(&page)))
}
