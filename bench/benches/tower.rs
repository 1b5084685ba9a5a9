//! What the middleware costs a request: the layer over the engine in this process around a trivial service, and the trivial
//! service alone. The difference is the layer's. Allocations are not counted, for counting them takes a tenth of the time.
//!
//! `cargo bench -p keyward-bench --bench tower`.

// The futures of the database are in here whole, one within the other.
#![recursion_limit = "256"]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that cannot be set up should end"
)]

use divan::{Bencher, black_box};
use http::{Request, Response};
use keyward_domain::{Prefix, SecretFormat, UseCase, UseCaseCatalogue, UseCaseName};
use keyward_engine::{
    Actor, Created, Engine, KeyDraft, LimitDraft, OnStale, RestrictionDraft, Settings, SystemClock, UserDraft,
};
use keyward_store::{SqliteOptions, SqliteStore};
use keyward_tower::{Embedded, KeywardLayer};
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::runtime::Runtime;
use tower_layer::Layer;
use tower_service::Service;

fn main() {
    divan::main();
}

/// Answers with nothing.
#[derive(Clone)]
struct Trivial;

impl Service<Request<()>> for Trivial {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::new(())))
    }
}

async fn make_key(engine: &Engine) -> String {
    engine.load().await.unwrap();
    let user = UserDraft {
        email: "bench@example.com".into(),
        ..UserDraft::default()
    };
    engine.create_user(&Actor::OPERATOR, &user, None).await.unwrap();
    engine.create_site(&Actor::OPERATOR, "1", None).await.unwrap();
    let draft = KeyDraft {
        owner: Some("bench@example.com".into()),
        name: "k".into(),
        use_case: Some("rest-api".into()),
        sites: RestrictionDraft::Only(vec!["1".into()]),
        addresses: RestrictionDraft::Only(vec!["127.0.0.0/8".into()]),
        limit: LimitDraft::PerMinute(1_000_000),
        ..KeyDraft::default()
    };
    match engine.create_key(&Actor::OPERATOR, &draft, None).await.unwrap() {
        Created::New(issued) => issued.secret.reveal().to_owned(),
        Created::Replay(_) => panic!("nothing was repeated"),
    }
}

/// A database with one key: its secret, and what decides from it.
async fn open(folder: &std::path::Path) -> (String, Embedded) {
    let path = folder.join("bench.db");
    let options = SqliteOptions {
        path: path.clone(),
        create: true,
        migrate: true,
        read_only: false,
    };
    let store = Arc::new(SqliteStore::open(&options).await.unwrap());
    let rest = UseCase {
        name: UseCaseName::new("rest-api").unwrap(),
        title: String::new(),
        routes: None,
    };
    let settings = Settings {
        format: SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new()),
        catalogue: UseCaseCatalogue::new(vec![rest]).unwrap(),
        max_staleness: Duration::from_secs(3600),
        on_stale: OnStale::Serve,
    };
    let secret = make_key(&Engine::new(store, Arc::new(SystemClock), settings)).await;
    let embedded = Embedded::open(&format!("sqlite:{}", path.display()))
        .await
        .unwrap();
    (secret, embedded)
}

fn request(secret: &str) -> Request<()> {
    let request = Request::get("/api/1/resource")
        .header("host", "api.example.com")
        .header("accept", "*/*")
        .header("user-agent", "bench")
        .header("x-api-key", secret);
    request.body(()).unwrap()
}

fn answer<S: Service<Request<()>>>(service: &mut S, request: Request<()>) -> bool {
    let future = pin!(service.call(request));
    let polled = future.poll(&mut Context::from_waker(Waker::noop()));
    matches!(black_box(polled), Poll::Ready(Ok(_)))
}

#[divan::bench(sample_size = 100)]
fn trivial_service(bencher: Bencher) {
    let mut service = Trivial;
    bencher
        .with_inputs(|| request("kw_none"))
        .bench_local_values(|request| assert!(answer(&mut service, request)));
}

#[divan::bench(sample_size = 100)]
fn with_the_layer(bencher: Bencher) {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let (secret, embedded) = runtime.block_on(open(folder.path()));
    let address: IpAddr = [127, 0, 0, 1].into();
    let layer = KeywardLayer::builder(embedded.clone())
        .client_ip(move |_| Some(address))
        .build()
        .unwrap();
    let mut service = layer.layer(Trivial);
    bencher
        .with_inputs(|| request(&secret))
        .bench_local_values(|request| assert!(answer(&mut service, request)));
    runtime.block_on(embedded.close());
}
