//! Administration: users, sites, use cases, audit log, system. Others see none of it.

use crate::app::App;
use axum::Router;

pub(super) fn router() -> Router<App> {
    Router::new()
}
