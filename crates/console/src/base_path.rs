//! The path below which people see the console, when it shares its host with others: `https://example.com/keyward`.
//!
//! The console itself knows paths from its own root alone. What comes in loses the path here, when the proxy has not taken it
//! away; what goes out gets it here: links and forms of pages, and `Location`. Who writes a page or redirects need not think of
//! it.

use axum::body::{Body, to_bytes};
use axum::response::Response;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri, header};

/// What stands before a path in a page of ours. Texts of people hold no quotes there, so these are attributes.
const BEFORE: [&str; 5] = [
    "href=\"",
    "action=\"",
    "src=\"",
    "data-once=\"",
    "content=\"0; url=",
];
/// First parts of paths of the console's own: below another path of such a name nobody could tell which is meant.
const OWN: [&str; 12] = [
    "account",
    "admin",
    "assets",
    "design",
    "integrations",
    "link",
    "openapi.json",
    "preferences",
    "setup",
    "sign-in",
    "sign-out",
    "swagger",
];

/// Nothing, or a path such as `/keyward`, without a slash at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct BasePath(String);

impl BasePath {
    /// Reads it; or why it cannot be one.
    pub(crate) fn new(path: &str) -> Result<Self, &'static str> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let Some(rest) = path.strip_prefix('/') else {
            return if path.is_empty() {
                Ok(Self::default())
            } else {
                Err("begins with no slash")
            };
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~.".contains(&byte);
        let is_part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
        if !rest.split('/').all(is_part) {
            return Err(
                "its path may hold letters, digits, `-`, `_`, `~` and `.` alone, and no part that begins with a dot",
            );
        }
        let first = rest.split('/').next().unwrap_or_default();
        if OWN.contains(&first) || first == "v1" {
            return Err("its path begins like one of the console's own: choose another, such as /keyward");
        }
        Ok(Self(path.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of a request as the console knows it, whether the proxy has passed the base on or taken it away.
    pub(crate) fn leave_out(&self, uri: &mut Uri) {
        if self.0.is_empty() {
            return;
        }
        let whole = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let Some(rest) = whole.strip_prefix(&self.0) else {
            return;
        };
        let rest = match rest.chars().next() {
            Some('/') => rest.to_owned(),
            None | Some('?') => format!("/{rest}"),
            // Another path that begins alike.
            Some(_) => return,
        };
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = rest.parse().ok();
        // Parts of a good target and a path make a good one.
        *uri = Uri::from_parts(parts).unwrap_or_default();
    }

    /// Where a path of ours is for people.
    fn place(&self, path: &str) -> Option<String> {
        let is_own = path.starts_with('/') && !path.starts_with("//");
        (is_own && !self.0.is_empty()).then(|| format!("{}{path}", self.0))
    }

    /// Puts it before the path that an answer leads to.
    pub(crate) fn dress_location(&self, headers: &mut HeaderMap) {
        let place = headers
            .get(header::LOCATION)
            .and_then(|to| self.place(to.to_str().ok()?))
            .and_then(|to| HeaderValue::from_str(&to).ok());
        if let Some(place) = place {
            headers.insert(header::LOCATION, place);
        }
    }

    /// Puts it before every path of a page.
    pub(crate) async fn dress_page(&self, response: Response) -> Response {
        if self.0.is_empty() {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        // A page is whole in memory, so reading it cannot fail.
        let bytes = to_bytes(body, usize::MAX).await.unwrap_or_default();
        let page = self.dress(&String::from_utf8_lossy(&bytes));
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(page))
    }

    fn dress(&self, page: &str) -> String {
        BEFORE.iter().fold(page.to_owned(), |page, before| {
            page.replace(&format!("{before}/"), &format!("{before}{}/", self.0))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_path_that_is_none_of_the_consoles_own_is_one() {
        for (text, path) in [
            ("", Some("")),
            ("/", Some("")),
            ("/keyward", Some("/keyward")),
            ("/keyward/", Some("/keyward")),
            ("/tools/keys.v2", Some("/tools/keys.v2")),
            ("/a/v1", Some("/a/v1")),
            ("keyward", None),
            ("//", None),
            ("/a//b", None),
            ("/a/../b", None),
            ("/a b", None),
            ("/a%20b", None),
            ("/a;b", None),
            ("/a\"b", None),
            ("/v1", None),
            ("/admin/keys", None),
            ("/swagger", None),
        ] {
            assert_eq!(
                BasePath::new(text).ok().as_ref().map(BasePath::as_str),
                path,
                "{text}"
            );
        }
    }

    #[test]
    fn a_request_is_the_same_with_the_path_and_without() {
        let base = BasePath::new("/keyward").unwrap();
        for (sent, known) in [
            ("/keyward/sign-in?a=b", "/sign-in?a=b"),
            ("/sign-in?a=b", "/sign-in?a=b"),
            ("/keyward", "/"),
            ("/keyward/", "/"),
            ("/keyward?x", "/?x"),
            ("/keywards/x", "/keywards/x"),
            ("https://a.example/keyward/v1/keys", "https://a.example/v1/keys"),
        ] {
            let mut uri: Uri = sent.parse().unwrap();
            base.leave_out(&mut uri);
            assert_eq!(uri.to_string(), known, "{sent}");
        }
        let mut uri: Uri = "/keyward/x".parse().unwrap();
        BasePath::default().leave_out(&mut uri);
        assert_eq!(uri.path(), "/keyward/x");
    }

    #[test]
    fn what_goes_out_leads_below_it() {
        let base = BasePath::new("/keyward").unwrap();
        for (to, place) in [
            ("/a?b", "/keyward/a?b"),
            ("https://x.example/a", "https://x.example/a"),
            ("//x", "//x"),
        ] {
            let mut headers = HeaderMap::from_iter([(header::LOCATION, HeaderValue::from_static(to))]);
            base.dress_location(&mut headers);
            assert_eq!(headers[header::LOCATION], place);
        }
        let page = r#"<a href="/a">href=/a</a><form action="/b"><meta content="0; url=/c"><a href="https://x/"><input value="/d">"#;
        let dressed = r#"<a href="/keyward/a">href=/a</a><form action="/keyward/b"><meta content="0; url=/keyward/c"><a href="https://x/"><input value="/d">"#;
        assert_eq!(base.dress(page), dressed);
        assert_eq!(BasePath::default().dress(page), page);
    }
}
