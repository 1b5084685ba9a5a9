//! Which handler answers which path.

use crate::api::{audit, catalogue, changes, keys, me, nodes, setup, sites, users, verify};
use crate::app::App;
use crate::caller::require_caller;
use crate::docs::{self, Document};
use crate::guard::guard;
use crate::rights::require_right;
use crate::web;
use axum::Router;
use axum::middleware::from_fn_with_state;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The whole plane.
pub(crate) fn router(app: App) -> Router {
    let open = OpenApiRouter::with_openapi(Document::openapi()).routes(routes!(setup::create_setup));
    let (router, document) = open.merge(with_key(&app)).split_for_parts();
    router
        .merge(docs::router(&document, &app.base()))
        .merge(web::router(&app))
        .fallback(web::show_nothing)
        .layer(from_fn_with_state(app.clone(), guard))
        .with_state(app)
}

/// Everything that needs a key.
fn with_key(app: &App) -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(keys::create::create_key, keys::list::list_keys))
        .routes(routes!(keys::import::import_keys))
        .routes(routes!(
            keys::show::get_key,
            keys::edit::update_key,
            keys::state::delete_key
        ))
        .routes(routes!(keys::state::enable_key))
        .routes(routes!(keys::state::disable_key))
        .routes(routes!(keys::state::restore_key))
        .routes(routes!(keys::usage::get_key_usage))
        .routes(routes!(users::create::create_user, users::list::list_users))
        .routes(routes!(
            users::show::get_user,
            users::edit::update_user,
            users::state::delete_user
        ))
        .routes(routes!(users::state::enable_user))
        .routes(routes!(users::state::disable_user))
        .routes(routes!(users::link::create_user_link))
        .routes(routes!(sites::create_site, sites::list_sites))
        .routes(routes!(sites::get_site, sites::update_site))
        .routes(routes!(catalogue::list_use_cases))
        .routes(routes!(audit::list_audit))
        .routes(routes!(nodes::list_nodes))
        .routes(routes!(verify::verify_key))
        .routes(routes!(changes::watch_changes))
        .routes(routes!(me::get_me))
        .route_layer(from_fn_with_state(app.clone(), require_right))
        .route_layer(from_fn_with_state(app.clone(), require_caller))
}
