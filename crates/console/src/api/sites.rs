//! `/v1/sites`

use crate::answer::{answer, created, tagged};
use crate::api::Answer;
use crate::app::App;
use crate::body::{Body, Named, NoQuery, OnceBody, Query, Target};
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::paging::{Listed, Paging};
use crate::problem::Problem;
use crate::wire::{PageWire, SiteWire};
use axum::extract::State;
use http::StatusCode;
use keyward_engine::{Created, PageAsk, SiteDraft, SiteEdit, Subject};
use utoipa::ToSchema;

/// A site to be made.
#[derive(ToSchema)]
#[schema(example = json!({ "name": "123" }))]
pub(crate) struct NewSite {
    /// 1 to 64 of `A-Za-z0-9._-`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    name: String,
}

impl Decode for NewSite {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            name: fields.required_text("name"),
        }
    }
}

impl From<NewSite> for SiteDraft {
    fn from(site: NewSite) -> Self {
        Self {
            name: site.name,
            misread: Vec::new(),
        }
    }
}

/// A change of a site; absent fields stay as they are.
#[derive(ToSchema)]
#[schema(example = json!({ "active": false }))]
pub(crate) struct SiteChange {
    /// 1 to 64 of `A-Za-z0-9._-`. Keys follow a renamed site.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    name: Option<String>,
    /// Open (true) or disabled.
    active: Option<bool>,
}

impl Decode for SiteChange {
    const IMMUTABLE: &[&str] = &["id", "created_at", "revision"];

    fn decode(fields: &mut Fields) -> Self {
        Self {
            name: fields.text("name"),
            active: fields.bool("active"),
        }
    }
}

impl From<SiteChange> for SiteEdit {
    fn from(change: SiteChange) -> Self {
        Self {
            name: change.name,
            active: change.active,
            misread: Vec::new(),
        }
    }
}

/// Make a site
///
/// Admins only.
#[utoipa::path(post, path = "/v1/sites", tag = "sites", request_body = NewSite,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters of your choice: a repetition within 24 hours makes nothing")),
    responses((status = 201, body = SiteWire), (status = 200, body = SiteWire, description = "A repetition")))]
pub(crate) async fn create_site(
    State(app): State<App>,
    Caller(actor): Caller,
    OnceBody(site, once): OnceBody<NewSite>,
) -> Answer {
    let (draft, report) = site.into_draft::<SiteDraft>();
    let made = app.engine.create_site(&actor, draft, once.as_ref()).await;
    let made = made.map_err(|error| report.problem(error))?;
    let (site, replayed, status) = match made {
        Created::New(site) => (site, false, StatusCode::CREATED),
        Created::Replay(site) => (site, true, StatusCode::OK),
    };
    let location = format!("/v1/sites/{}", site.name);
    let response = tagged(status, site.revision, &SiteWire::from(&site));
    Ok(created(response, replayed, &location))
}

/// List sites by name
///
/// Members see those that they may use.
#[utoipa::path(get, path = "/v1/sites", tag = "sites", params(Paging), responses((status = 200, body = PageWire<SiteWire>)))]
pub(crate) async fn list_sites(
    State(app): State<App>,
    Caller(actor): Caller,
    Query(query): Query<Listed<NoQuery>>,
) -> Answer {
    let (page, report) = query.into_draft::<PageAsk>();
    let page = app.engine.list_sites_page(&actor, &page).await;
    let page = page.map_err(|error| report.problem(error))?;
    Ok(answer(StatusCode::OK, &PageWire::<SiteWire>::of(&page)))
}

/// Show a site
#[utoipa::path(get, path = "/v1/sites/{name}", tag = "sites", params(("name" = String, Path, description = "The site's name")),
    responses((status = 200, body = SiteWire)))]
pub(crate) async fn get_site(
    State(app): State<App>,
    Caller(actor): Caller,
    Named(name): Named,
    _: NoQuery,
) -> Answer {
    let site = app.engine.get_site(&actor, &name).await?;
    Ok(tagged(StatusCode::OK, site.revision, &SiteWire::from(&site)))
}

/// Rename, disable or enable a site
///
/// In force from the answer on. Admins only.
#[utoipa::path(patch, path = "/v1/sites/{name}", tag = "sites", request_body = SiteChange,
    params(("name" = String, Path, description = "The site's name"), ("If-Match" = Option<String>, Header, description = "The ETag that was seen: the change is made only if it is still that of the thing")),
    responses((status = 200, body = SiteWire)))]
pub(crate) async fn update_site(
    State(app): State<App>,
    Caller(actor): Caller,
    Named(name): Named,
    target: Result<Target, Problem>,
    body: Result<Body<SiteChange>, Problem>,
) -> Answer {
    let read = target.and_then(|Target(_, seen)| body.map(|Body(change)| (seen, change)));
    if read.is_err() {
        // What was meant nobody knows; that it was denied is known.
        let site = Subject::Site(&name);
        app.engine.require_admin(&actor, "site.rename", site).await?;
    }
    let (seen, change) = read?;
    let (edit, report) = change.into_draft::<SiteEdit>();
    let site = app.engine.edit_site(&actor, &name, &edit, seen).await;
    let site = site.map_err(|error| report.problem(error))?;
    Ok(tagged(StatusCode::OK, site.revision, &SiteWire::from(&site)))
}
