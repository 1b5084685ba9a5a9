//! The forms in which things go over the wire, and how the engine's views become them.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use keyward_domain::{Revision, Site, SiteName, SiteStatus};
use keyward_engine::{KeyView, LastUsed, Page, UserView};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A key. Its secret is in the answer that creates it, and nowhere else.
#[derive(Serialize, ToSchema)]
#[schema(as = Key)]
pub(crate) struct KeyWire {
    /// Id.
    id: String,
    /// Name for people.
    name: String,
    /// Description for people.
    description: String,
    /// The user that the key is linked to.
    owner: OwnerWire,
    /// What the key is for; never changed.
    use_case: String,
    /// Prefix and last characters of the secret.
    hint: String,
    /// `active`, `disabled`, `expired` or `deleted`.
    status: &'static str,
    /// Sites that the key reaches: null is every site, an empty list none.
    #[schema(required)]
    sites: Option<Vec<String>>,
    /// Addresses and networks that may use the key: null is every address, an empty list none.
    #[schema(required)]
    addresses: Option<Vec<String>>,
    /// Requests a minute; null is no limit.
    #[schema(required)]
    limit: Option<u32>,
    /// First instant at which the key is refused; null is never. Never changed.
    #[schema(required)]
    expires_at: Option<String>,
    /// When it was made.
    created_at: String,
    /// When it was last changed.
    updated_at: String,
    /// When and from where it was last granted.
    #[schema(required)]
    last_used: Option<LastUsedWire>,
    /// The revision of its last change; the ETag.
    revision: u64,
}

/// The user that a key is linked to.
#[derive(Serialize, ToSchema)]
#[schema(as = Owner)]
pub(crate) struct OwnerWire {
    /// Id.
    id: String,
    /// E-mail address.
    email: String,
}

/// A last use.
#[derive(Serialize, ToSchema)]
#[schema(as = LastUsed)]
pub(crate) struct LastUsedWire {
    /// When.
    at: String,
    /// From where, when known.
    #[schema(required)]
    address: Option<String>,
}

impl From<LastUsed> for LastUsedWire {
    fn from(used: LastUsed) -> Self {
        Self {
            at: used.at.to_string(),
            address: used.address.map(|address| address.to_string()),
        }
    }
}

impl From<&KeyView> for KeyWire {
    fn from(view: &KeyView) -> Self {
        let key = &view.key;
        let nets = key.addresses.nets();
        Self {
            id: key.id.to_string(),
            name: key.name.to_string(),
            description: key.description.to_string(),
            owner: OwnerWire {
                id: key.owner.to_string(),
                email: view.owner_email.to_string(),
            },
            use_case: key.use_case.to_string(),
            hint: key.hint.as_str().to_owned(),
            status: view.state,
            sites: site_names(view.sites.as_deref()),
            addresses: nets.map(|nets| nets.iter().map(ToString::to_string).collect()),
            limit: key.limit.map(keyward_domain::RateLimit::per_minute),
            expires_at: key.expires_at.map(|at| at.to_string()),
            created_at: key.created_at.to_string(),
            updated_at: key.updated_at.to_string(),
            last_used: view.last_used.map(Into::into),
            revision: key.revision.0,
        }
    }
}

/// A key that was just made, with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedKey)]
pub(crate) struct CreatedKeyWire<'a> {
    #[serde(flatten)]
    pub(crate) key: KeyWire,
    /// The secret: shown this once.
    pub(crate) secret: &'a str,
}

/// A user.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub(crate) struct UserWire {
    /// Id.
    id: String,
    /// E-mail address, in lower case.
    email: String,
    /// Name for people.
    name: String,
    /// `admin` or `member`.
    role: &'static str,
    /// `active`, `disabled` or `deleted`.
    status: &'static str,
    /// Sites that the user's keys reach at most: null is every site, an empty list none.
    #[schema(required)]
    sites: Option<Vec<String>>,
    /// When it was made.
    created_at: String,
    /// The revision of its last change; the ETag.
    revision: u64,
}

impl From<&UserView> for UserWire {
    fn from(view: &UserView) -> Self {
        let user = &view.user;
        Self {
            id: user.id.to_string(),
            email: user.email.to_string(),
            name: user.name.to_string(),
            role: user.role.as_str(),
            status: user.status.as_str(),
            sites: site_names(view.sites.as_deref()),
            created_at: user.created_at.to_string(),
            revision: user.revision.0,
        }
    }
}

/// A site.
#[derive(Serialize, ToSchema)]
#[schema(as = Site)]
pub(crate) struct SiteWire {
    /// Number, kept for life.
    id: u32,
    /// Name, as it stands in requests.
    name: String,
    /// Whether it is open.
    active: bool,
    /// When it was made.
    created_at: String,
    /// The revision of its last change; the ETag.
    revision: u64,
}

impl From<&Site> for SiteWire {
    fn from(site: &Site) -> Self {
        Self {
            id: site.id.0,
            name: site.name.to_string(),
            active: site.status == SiteStatus::Active,
            created_at: site.created_at.to_string(),
            revision: site.revision.0,
        }
    }
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Page)]
pub(crate) struct PageWire<T: ToSchema> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    #[schema(required)]
    pub(crate) next: Option<String>,
}

impl<T: ToSchema> PageWire<T> {
    pub(crate) fn of<V>(page: &Page<V>) -> Self
    where
        T: for<'a> From<&'a V>,
    {
        Self {
            items: page.items.iter().map(T::from).collect(),
            next: page.next.clone(),
        }
    }

    /// A list that has one page.
    pub(crate) fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// An error (RFC 9457).
#[derive(ToSchema)]
#[schema(as = ProblemDocument)]
#[expect(dead_code, reason = "only described here: `problem` writes it")]
pub(crate) struct ProblemDocument {
    /// `about:blank`.
    r#type: String,
    /// For people.
    title: String,
    /// The HTTP status.
    status: u16,
    /// A stable word for programs.
    code: String,
    /// What happened and the way out.
    detail: String,
    /// Stands in the log too.
    request_id: String,
    /// The fields (or lines of an import) at fault.
    errors: Option<Vec<Value>>,
}

fn site_names(names: Option<&[SiteName]>) -> Option<Vec<String>> {
    names.map(|names| names.iter().map(ToString::to_string).collect())
}

/// A JSON answer.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Response {
    (status, axum::Json(body)).into_response()
}

/// A JSON answer about one thing, with its ETag.
pub(crate) fn tagged(status: StatusCode, revision: Revision, body: &impl Serialize) -> Response {
    let mut response = answer(status, body);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{revision}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// The answer to a create: 201 and where the thing is, or, to a repetition, 200.
pub(crate) fn created(mut response: Response, replayed: bool, location: &str) -> Response {
    let headers = response.headers_mut();
    if replayed {
        headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    } else if let Ok(location) = HeaderValue::from_str(location) {
        headers.insert(header::LOCATION, location);
    }
    response
}
