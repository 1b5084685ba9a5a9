//! A database with a few keys, and a service that tells what reached it.

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use keyward_engine::testing::{create_key, create_sqlite, create_user, settings, use_case};
use keyward_engine::{Actor, Engine, KeyDraft, RestrictionDraft, Store, SystemClock};
use keyward_store::{PostgresOptions, PostgresStore};
use keyward_testkit::eventually;
use keyward_tower::{Embedded, KeyIdentity, KeywardLayer, KeywardLayerBuilder};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use tower::{Layer, Service, ServiceExt};

/// What manages the keys, as another process would.
pub(crate) struct Manager {
    pub(crate) engine: Engine,
    owner: String,
}

pub(crate) struct World {
    pub(crate) manager: Manager,
    pub(crate) embedded: Embedded,
    _folder: tempfile::TempDir,
}

/// An answer, as a client sees it.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code of a refusal.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or("-").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Manager {
    async fn over(store: Arc<dyn Store>) -> Self {
        let use_cases = ["rest-api", "reports"].map(|name| use_case(name, name));
        let engine = Engine::new(store, Arc::new(SystemClock), settings(use_cases.into()));
        engine.load().await.unwrap();
        let owner = create_user(&engine, "owner@example.com").await;
        for site in ["1", "2"] {
            engine.create_site(&Actor::OPERATOR, site, None).await.unwrap();
        }
        Self { engine, owner }
    }

    pub(crate) async fn sqlite(path: &std::path::Path) -> Self {
        Self::over(create_sqlite(path).await).await
    }

    pub(crate) async fn postgres(url: &str) -> Self {
        let options = PostgresOptions {
            url: url.to_owned(),
            password: None,
            listen_url: None,
            create: true,
            migrate: true,
            read_only: false,
        };
        Self::over(Arc::new(PostgresStore::open(&options).await.unwrap())).await
    }

    /// Makes a key; gives its id and its secret.
    pub(crate) async fn key(&self, change: impl FnOnce(&mut KeyDraft)) -> (String, String) {
        let mut draft = KeyDraft {
            owner: Some(self.owner.clone()),
            name: "a key".into(),
            use_case: Some("rest-api".into()),
            ..KeyDraft::default()
        };
        change(&mut draft);
        let made = create_key(&self.engine, &draft).await;
        (made.id, made.secret)
    }

    /// An instant so many milliseconds from now.
    pub(crate) fn in_millis(&self, millis: i64) -> String {
        self.engine.clock().now().plus_millis(millis).to_string()
    }
}

impl World {
    /// Opens what `prepare` has filled.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.db");
        let manager = Manager::sqlite(&path).await;
        let embedded = open(&format!("sqlite:{}", path.display())).await;
        Self {
            manager,
            embedded,
            _folder: folder,
        }
    }

    pub(crate) fn layer(&self) -> KeywardLayerBuilder<Embedded> {
        KeywardLayer::builder(self.embedded.clone())
    }

    /// Makes a key that the layer knows.
    pub(crate) async fn key(&self, change: impl FnOnce(&mut KeyDraft)) -> (String, String) {
        let (id, secret) = self.manager.key(change).await;
        self.known(&secret).await;
        (id, secret)
    }

    pub(crate) async fn key_of_site(&self, site: &str) -> String {
        self.key(|draft| draft.sites = RestrictionDraft::Only(vec![site.into()]))
            .await
            .1
    }

    /// Waits until what was made last is in force in the other process.
    pub(crate) async fn known(&self, secret: &str) {
        eventually("it is known", async || {
            let service = echo(&self.layer().route("/**").build().unwrap());
            send(service, get("/known", secret)).await.code() != "key_invalid"
        })
        .await;
    }
}

pub(crate) async fn open(url: &str) -> Embedded {
    Embedded::options(url)
        .use_case("rest-api")
        .use_case("reports")
        .open()
        .await
        .unwrap()
}

pub(crate) fn get(path: &str, secret: &str) -> Request<String> {
    request("GET", path, &[("x-api-key", secret)])
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request<String> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(String::new()).unwrap()
}

/// Says where a request comes from, as a server would.
pub(crate) fn from(mut request: Request<String>, address: &str) -> Request<String> {
    let address: IpAddr = address.parse().unwrap();
    request
        .extensions_mut()
        .insert(keyward_tower::ClientIp::from(address));
    request
}

/// The layer around a service that tells who calls and which header fields have reached it.
pub(crate) fn echo<L>(layer: &L) -> L::Service
where
    L: Layer<Echo>,
{
    layer.layer(Echo)
}

#[derive(Clone)]
pub(crate) struct Echo;

impl Service<Request<String>> for Echo {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let mut names: Vec<String> = request.headers().keys().map(ToString::to_string).collect();
        names.sort();
        let identity = KeyIdentity::of(request.extensions()).map(|identity| {
            json!({
                "key": identity.key_id(), "owner": identity.owner_id(), "site": identity.site(),
                "use_case": identity.use_case(),
            })
        });
        let body = json!({ "code": "passed", "identity": identity, "headers": names }).to_string();
        std::future::ready(Ok(Response::new(Full::from(body))))
    }
}

pub(crate) async fn send<S, R>(service: S, request: Request<String>) -> Seen
where
    S: Service<Request<String>, Response = Response<R>>,
    S::Error: std::fmt::Debug,
    R: http_body::Body,
    R::Error: std::fmt::Debug,
{
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    Seen {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: String::from_utf8(body).unwrap(),
    }
}
