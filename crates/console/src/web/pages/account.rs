//! One's own account: password, second factor, sessions, language.

use crate::app::App;
use axum::Router;

pub(super) fn router() -> Router<App> {
    Router::new()
}
