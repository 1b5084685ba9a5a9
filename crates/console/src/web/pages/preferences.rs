//! `POST /preferences`: language and theme, kept in cookies, for whoever is there; of people who are signed in, the
//! language is kept with their account too.

use crate::app::App;
use crate::web::cookies::Cookie;
use crate::web::form::Form;
use crate::web::language::Language;
use crate::web::own_path::own_path;
use crate::web::page::Theme;
use crate::web::pages::PageAnswer;
use crate::web::person::find_person;
use crate::web::visit::Visit;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use http::HeaderMap;

pub(super) async fn save(State(app): State<App>, visit: Visit, asked: HeaderMap, form: Form) -> PageAnswer {
    let mut response = Redirect::to(own_path(form.text("back")).unwrap_or("/")).into_response();
    let headers = response.headers_mut();
    if let Some(language) = Language::of_tag(form.text("language")) {
        if let Some(person) = find_person(&asked, &visit, &app).await? {
            app.engine.set_language(&person.session, language.tag()).await?;
        }
        Cookie::Language.set(language.tag(), headers, &visit.jar);
    }
    if let Some(theme) = Theme::of_word(form.text("theme")) {
        Cookie::Theme.set(theme.word(), headers, &visit.jar);
    }
    Ok(response)
}
