//! Rights before everything else: whoever may not change a thing is told so, and their try stands in the audit log, whether or
//! not the rest of what they sent can be read. So somebody else's key answers a body that nobody can read as a key does that
//! never was. The use cases check the rights again.
//!
//! Who adds an operation that changes something names it here; a test tries every operation of the document.
//! Not here: `POST /v1/keys`, by which everybody makes keys of their own, and `PATCH /v1/sites/{name}`, whose body says what is
//! changed.

use crate::app::App;
use crate::body::Named;
use crate::caller::Caller;
use crate::problem::Problem;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use keyward_engine::{Actor, EngineError, Subject};

/// What an operation changes.
#[derive(Clone, Copy)]
enum Changes {
    /// A key, of the caller's own or for administrators.
    Key,
    /// A user, for administrators.
    User,
    /// Something of this kind that is to be made, for administrators.
    New(&'static str),
}

/// Every operation that members may not do, or not to everything: method, path, action, and what it changes.
const RIGHTS: [(Method, &str, &str, Changes); 13] = [
    (Method::POST, "/v1/keys/import", "key.import", Changes::New("key")),
    (Method::PATCH, "/v1/keys/{id}", "key.edit", Changes::Key),
    (Method::DELETE, "/v1/keys/{id}", "key.delete", Changes::Key),
    (Method::POST, "/v1/keys/{id}/enable", "key.enable", Changes::Key),
    (Method::POST, "/v1/keys/{id}/disable", "key.disable", Changes::Key),
    (Method::POST, "/v1/keys/{id}/restore", "key.restore", Changes::Key),
    (Method::POST, "/v1/users", "user.create", Changes::New("user")),
    (Method::PATCH, "/v1/users/{id}", "user.edit", Changes::User),
    (Method::DELETE, "/v1/users/{id}", "user.delete", Changes::User),
    (
        Method::POST,
        "/v1/users/{id}/enable",
        "user.enable",
        Changes::User,
    ),
    (
        Method::POST,
        "/v1/users/{id}/disable",
        "user.disable",
        Changes::User,
    ),
    (Method::POST, "/v1/users/{id}/link", "link.create", Changes::User),
    (Method::POST, "/v1/sites", "site.create", Changes::New("site")),
];

/// Lets requests pass whose caller may do what they ask for.
pub(crate) async fn require_right(
    State(app): State<App>,
    Caller(actor): Caller,
    matched: MatchedPath,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let mut rights = RIGHTS.iter();
    let right = rights.find(|(method, path, ..)| method == request.method() && *path == matched.as_str());
    let Some((_, _, action, changes)) = right.filter(|_| !actor.is_admin()) else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let named = match changes {
        Changes::New(_) => String::new(),
        Changes::Key | Changes::User => Named::from_request_parts(&mut parts, &app).await?.0,
    };
    require(&app, &actor, action, *changes, &named).await?;
    Ok(next.run(Request::from_parts(parts, body)).await)
}

async fn require(
    app: &App,
    actor: &Actor,
    action: &str,
    changes: Changes,
    named: &str,
) -> Result<(), EngineError> {
    let subject = match changes {
        Changes::Key => return app.engine.require_key(actor, action, named).await,
        Changes::User => Subject::User(named),
        Changes::New(kind) => Subject::New(kind),
    };
    app.engine.require_admin(actor, action, subject).await
}
