//! `POST /account/preferences`: language, kept with the account, and theme, kept in this browser.

use crate::app::App;
use crate::web::cookies::Cookie;
use crate::web::language::Language;
use crate::web::page::Theme;
use crate::web::pages::{PageAnswer, done};
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use axum::extract::State;

pub(super) async fn save(
    State(app): State<App>,
    visit: Visit,
    person: Person,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    let mut response = done(&visit, "/account", "flash-preferences-saved");
    let headers = response.headers_mut();
    if let Some(language) = Language::of_tag(form.text("language")) {
        app.engine.set_language(&person.session, language.tag()).await?;
        Cookie::Language.set(language.tag(), headers, &visit.jar);
    }
    if let Some(theme) = Theme::of_word(form.text("theme")) {
        Cookie::Theme.set(theme.word(), headers, &visit.jar);
    }
    Ok(response)
}
