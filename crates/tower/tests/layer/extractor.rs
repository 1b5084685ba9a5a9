//! The identity as an extractor of axum's handlers.

use crate::world::World;
use axum::body::Body;
use axum::routing::get;
use axum::{Router, serve};
use http::{Request, StatusCode};
use keyward_tower::KeyIdentity;
use tower::ServiceExt;

async fn show(identity: KeyIdentity) -> String {
    format!("{} {}", identity.site().unwrap_or("-"), identity.use_case())
}

async fn maybe(identity: Option<KeyIdentity>) -> String {
    identity.is_some().to_string()
}

#[tokio::test]
async fn a_handler_is_given_the_identity_or_says_that_there_is_none() {
    let world = World::start().await;
    let key = world.key_of_site("1").await;
    let layer = world.layer().public_path("/open").build().unwrap();
    let app = Router::new()
        .route("/api/{site}/x", get(show))
        .route("/open/show", get(show))
        .route("/open/maybe", get(maybe))
        .layer(layer);
    let ask = async |path: &str| {
        let request = Request::get(path).header("x-api-key", &key);
        let answer = app
            .clone()
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, 1000).await.unwrap();
        (parts.status, String::from_utf8(body.to_vec()).unwrap())
    };
    assert_eq!(ask("/api/1/x").await, (StatusCode::OK, "1 rest-api".into()));
    assert_eq!(ask("/open/show").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(ask("/open/maybe").await, (StatusCode::OK, "false".into()));
    assert_eq!(ask("/api/2/x").await.0, StatusCode::FORBIDDEN);
    // It can be served as it is.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    drop(serve(listener, app.into_make_service()));
}
