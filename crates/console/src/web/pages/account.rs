//! One's own account: password, second factor, sessions, language; and signing out.

mod browser;
mod choices;
mod factor;
mod overview;
mod password;
mod qr;
mod sessions;

use crate::app::App;
use axum::Router;
use axum::routing::{get, post};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/account", get(overview::show))
        .route("/account/password", get(password::show).post(password::submit))
        .route("/account/preferences", post(choices::save))
        .route("/account/second-factor", get(factor::show).post(factor::begin))
        .route("/account/second-factor/confirm", post(factor::confirm))
        .route(
            "/account/second-factor/renew",
            get(factor::show_renew).post(factor::renew),
        )
        .route(
            "/account/second-factor/remove",
            get(factor::show_remove).post(factor::remove),
        )
        .route("/account/sessions/end-others", post(sessions::end_others))
        .route("/account/sessions/{id}/end", post(sessions::end))
        .route("/sign-out", post(sessions::sign_out))
}
