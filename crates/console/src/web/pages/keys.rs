//! Integrations → API keys: list, create, show, edit, switch, delete, restore; and their health.
//!
//! Every page takes a [`desk::Desk`]: who asks, in which language, of which engine. Who adds a page writes a file in
//! `keys/` with its template and its handlers, and names it here.

mod chart;
mod created;
mod desk;
mod edit;
mod fields;
mod health;
mod list;
mod new;
mod query;
mod row;
mod show;
mod snippets;
mod state;
mod trail;
mod words;

use crate::app::App;
use axum::Router;
use axum::routing::{get, post};

pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/integrations/keys", get(list::show))
        .route("/integrations/keys/new", get(new::show).post(new::create))
        .route("/integrations/keys/{id}", get(show::show))
        .route("/integrations/keys/{id}/edit", get(edit::show).post(edit::save))
        .route("/integrations/keys/{id}/enable", post(state::enable))
        .route(
            "/integrations/keys/{id}/disable",
            get(state::ask_to_disable).post(state::disable),
        )
        .route(
            "/integrations/keys/{id}/delete",
            get(state::ask_to_delete).post(state::delete),
        )
        .route("/integrations/keys/{id}/restore", post(state::restore))
        .route("/integrations/health", get(health::show))
}
