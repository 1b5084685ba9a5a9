//! `POST /preferences`: language and theme, kept in cookies, for whoever is there.

use crate::app::App;
use crate::web::cookies::Cookie;
use crate::web::form::Form;
use crate::web::language::Language;
use crate::web::page::Theme;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

pub(super) async fn save(State(app): State<App>, form: Form) -> Response {
    let mut response = Redirect::to(own_path(form.text("back"))).into_response();
    let headers = response.headers_mut();
    if let Some(language) = Language::of_tag(form.text("language")) {
        Cookie::Language.set(language.tag(), headers, app.secure);
    }
    if let Some(theme) = Theme::of_word(form.text("theme")) {
        Cookie::Theme.set(theme.word(), headers, app.secure);
    }
    response
}

/// A path of this host, or the start page: nobody is sent elsewhere.
fn own_path(path: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
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
        assert_eq!(own_path("/integrations/keys"), "/integrations/keys");
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb: c",
            "",
            "evil",
        ] {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
    }
}
