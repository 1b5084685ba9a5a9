//! Pages before one is signed in: sign-in, second factor, set-up, one-time links; and signing out.

use crate::app::App;
use axum::Router;

pub(super) fn router() -> Router<App> {
    Router::new()
}
