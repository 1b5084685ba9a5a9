//! `GET /account`

use super::browser::browser;
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::page::{Page, Place};
use crate::web::pages::PageAnswer;
use crate::web::person::Person;
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse;
use keyward_domain::{SessionId, Timestamp};
use keyward_engine::{IdentityView, SessionView, UserView};

#[derive(Template)]
#[template(path = "account/overview.html")]
struct AccountPage {
    page: Page,
    user: UserView,
    has_second_factor: bool,
    /// The accounts at providers that let them in.
    identities: Vec<IdentityView>,
    sessions: Vec<SessionRow>,
}

struct SessionRow {
    id: SessionId,
    browser: String,
    agent: String,
    address: String,
    seen_at: Timestamp,
    created_at: Timestamp,
    is_current: bool,
}

impl SessionRow {
    fn new(page: &Page, session: SessionView) -> Self {
        let unknown = || page.t("sessions-unknown").into_owned();
        let browser = Some(browser(&session.agent)).filter(|name| !name.is_empty());
        Self {
            id: session.id,
            browser: browser.unwrap_or_else(unknown),
            agent: session.agent,
            address: session
                .address
                .map_or_else(unknown, |address| address.to_string()),
            seen_at: session.seen_at,
            created_at: session.created_at,
            is_current: session.is_current,
        }
    }
}

pub(super) async fn show(State(app): State<App>, visit: Visit, person: Person) -> PageAnswer {
    let page = person.page(&visit, Place::Account);
    let session = &person.session;
    let id = session.user.id.to_string();
    let sessions = app.engine.list_sessions(person.actor(), session.id).await?;
    let template = AccountPage {
        user: app.engine.get_user(person.actor(), &id).await?,
        has_second_factor: session.has_second_factor,
        identities: app.engine.list_identities(person.actor(), &id).await?,
        sessions: sessions
            .into_iter()
            .map(|session| SessionRow::new(&page, session))
            .collect(),
        page,
    };
    Ok(HtmlAnswer::ok(&template).into_response())
}
