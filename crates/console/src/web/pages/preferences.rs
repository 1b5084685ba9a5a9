//! `POST /preferences`: language and theme, kept in cookies, for whoever is there; of people who are signed in, the
//! language is kept with their account too.

use crate::app::App;
use crate::web::cookies::Cookie;
use crate::web::form::Form;
use crate::web::language::Language;
use crate::web::page::Theme;
use crate::web::pages::PageAnswer;
use crate::web::person::find_person;
use crate::web::visit::Visit;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use http::HeaderMap;

pub(super) async fn save(State(app): State<App>, visit: Visit, asked: HeaderMap, form: Form) -> PageAnswer {
    let mut response = Redirect::to(own_path(form.text("back"))).into_response();
    let headers = response.headers_mut();
    if let Some(language) = Language::of_tag(form.text("language")) {
        if let Some(person) = find_person(&asked, &visit, &app).await? {
            app.engine.set_language(&person.session, language.tag()).await?;
        }
        Cookie::Language.set(language.tag(), headers, app.secure);
    }
    if let Some(theme) = Theme::of_word(form.text("theme")) {
        Cookie::Theme.set(theme.word(), headers, app.secure);
    }
    Ok(response)
}

/// A path of this host, or the start page: nobody is sent elsewhere.
fn own_path(path: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\#\"<>".contains(&byte);
    if path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain) {
        path
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for own in [
            "/integrations/keys",
            "/integrations/keys?q=a%26b+c&status=&page=3",
            "/admin/sites/a~b",
        ] {
            assert_eq!(own_path(own), own);
        }
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb: c",
            "/?q=a b",
            "/\u{e9}",
            "",
            "evil",
        ] {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
    }
}
