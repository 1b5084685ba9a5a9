//! Pages before one is signed in: sign-in, by password or at a provider, second factor, set-up, one-time links.

mod code;
mod entry;
mod faults;
mod link;
mod outcome;
mod password;
mod provider;
mod setup;

pub(super) use entry::{enter, keep_session};
pub(super) use faults::Faults;
pub use provider::CALLBACK;

use crate::app::App;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

pub(super) fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/sign-in", get(password::show).post(password::submit))
        .route("/sign-in/code", get(code::show).post(code::submit))
        .route("/sign-in/oidc", get(provider::begin))
        .route(CALLBACK, get(provider::land))
        .route("/sign-in/oidc/finish", get(provider::finish))
        .route("/setup/{token}", get(setup::show).post(setup::submit))
        .route("/link/{token}", get(link::show).post(link::submit))
        .route_layer(from_fn_with_state(app.clone(), entry::replace_session))
}
