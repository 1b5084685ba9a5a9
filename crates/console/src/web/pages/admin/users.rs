//! `GET /admin/users`: everybody who has keys.

use super::links::with_query;
use super::{Admin, LINES, words};
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use keyward_domain::Timestamp;
use keyward_engine::{UserFilter, UserView};
use std::borrow::Cow;

#[derive(Template)]
#[template(path = "admin/users.html")]
struct UsersPage {
    page: Page,
    form: Form,
    errors: Errors,
    rows: Vec<UserRow>,
    next: Option<String>,
    /// Back to the beginning of the list.
    first: Option<String>,
}

/// A line of the list.
struct UserRow {
    id: String,
    name: String,
    email: String,
    role: Cow<'static, str>,
    status: words::Badge,
    sites: String,
    created: Timestamp,
    keys: String,
}

impl UserRow {
    fn new(page: &Page, view: &UserView) -> Self {
        let user = &view.user;
        Self {
            id: user.id.to_string(),
            name: user.name.to_string(),
            email: user.email.to_string(),
            role: words::role(page, user.role),
            status: words::user_status(page, user),
            sites: words::sites(page, view.sites.as_deref()),
            created: user.created_at,
            keys: with_query("/integrations/keys", &[("owner", user.email.as_str())]),
        }
    }
}

pub(super) async fn show(
    State(app): State<App>,
    visit: Visit,
    Admin(person): Admin,
    RawQuery(query): RawQuery,
) -> PageAnswer {
    let page = person.page(&visit, Place::Users);
    let form = Form::of_query(query.as_deref());
    let filter = UserFilter {
        with_deleted: form.has("deleted", "1"),
        text: form.filled("q").map(str::to_owned),
        cursor: form.filled("cursor").map(str::to_owned),
        limit: Some(LINES),
        misread: Vec::new(),
    };
    let users = app.engine.list_users(person.actor(), &filter).await?;
    let place = |cursor: &str| {
        let pairs = [
            ("q", form.text("q")),
            ("deleted", form.text("deleted")),
            ("cursor", cursor),
        ];
        with_query("/admin/users", &pairs)
    };
    let template = UsersPage {
        rows: users.items.iter().map(|view| UserRow::new(&page, view)).collect(),
        next: users.next.as_deref().map(place),
        first: filter.cursor.is_some().then(|| place("")),
        errors: Errors::default(),
        form: form.clone(),
        page,
    };
    Ok(HtmlAnswer::ok(&template).into_response())
}
