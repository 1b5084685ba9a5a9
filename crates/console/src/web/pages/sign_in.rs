//! Pages before one is signed in: sign-in, second factor, set-up, one-time links.

mod code;
mod entry;
mod faults;
mod link;
mod password;
mod setup;

pub(super) use entry::{enter, keep_session};
pub(super) use faults::Faults;

use crate::app::App;
use axum::Router;
use axum::routing::get;

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/sign-in", get(password::show).post(password::submit))
        .route("/sign-in/code", get(code::show).post(code::submit))
        .route("/setup/{token}", get(setup::show).post(setup::submit))
        .route("/link/{token}", get(link::show).post(link::submit))
}
