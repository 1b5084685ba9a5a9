//! Styles, script and icon. Their paths hold a hash of their content, so that browsers may keep them for ever.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderValue, header};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::LazyLock;

/// One file.
pub(crate) struct Asset {
    content: &'static str,
    content_type: &'static str,
    path: LazyLock<String>,
}

impl Asset {
    /// Where it is.
    pub(crate) fn path(&'static self) -> &'static str {
        &self.path
    }
}

pub(crate) static STYLE: Asset = Asset {
    content: concat!(
        include_str!("../../assets/keyward.css"),
        include_str!("../../assets/keys.css"),
        include_str!("../../assets/account.css"),
        include_str!("../../assets/admin.css"),
    ),
    content_type: "text/css; charset=utf-8",
    path: LazyLock::new(|| path(STYLE.content, "css")),
};
pub(crate) static SCRIPT: Asset = Asset {
    content: concat!(
        include_str!("../../assets/keyward.js"),
        include_str!("../../assets/keys.js"),
    ),
    content_type: "text/javascript; charset=utf-8",
    path: LazyLock::new(|| path(SCRIPT.content, "js")),
};
pub(crate) static ICON: Asset = Asset {
    content: include_str!("../../assets/keyward.svg"),
    content_type: "image/svg+xml",
    path: LazyLock::new(|| path(ICON.content, "svg")),
};

/// Serves all of them.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    [&STYLE, &SCRIPT, &ICON]
        .into_iter()
        .fold(Router::new(), |router, asset| {
            router.route(asset.path(), get(async move || serve(asset)))
        })
}

fn serve(asset: &'static Asset) -> Response {
    let mut response = asset.content.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    response.extensions_mut().insert(KeepForEver);
    response
}

/// Marks an answer that never changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeepForEver;

fn path(content: &str, extension: &str) -> String {
    let hash = Sha256::digest(content);
    let name = hash[..8].iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("/assets/keyward-{name}.{extension}")
}
