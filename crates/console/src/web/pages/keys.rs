//! Integrations → API keys: list, create, show, edit, switch, delete, restore; and their health.

use crate::app::App;
use axum::Router;

pub(super) fn router() -> Router<App> {
    Router::new()
}
