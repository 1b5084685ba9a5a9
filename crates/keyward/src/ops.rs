//! The operator's port: is it alive, is it ready, and its numbers. No secret, and no version but in `keyward_build_info`.

mod metrics;

use crate::exit::Failure;
use crate::serve::source_of;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use hyper_util::service::TowerToHyperService;
use keyward_engine::{Engine, EngineStatus, Remark};
use keyward_listener::{NONE, Server, bind_way_out};
pub(crate) use metrics::CertificateNumbers;
use metrics::{DatabaseNumbers, EngineNumbers, ProcessNumbers, build_info};
use prometheus::core::Collector;
use prometheus::{Encoder, IntGauge, Registry, TextEncoder};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a request of the operator may take to end at a stop.
const PATIENCE: Duration = Duration::from_secs(2);

/// The running port.
pub(crate) struct Ops {
    address: SocketAddr,
    serving: Arc<AtomicBool>,
    draining: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Probe {
    engine: Arc<Engine>,
    registry: Registry,
    is_ready: IntGauge,
    serving: Arc<AtomicBool>,
    draining: Arc<AtomicBool>,
}

impl Probe {
    /// Whether requests are to be sent here. A node that goes on deciding by what it has is ready, however old that is: an outage
    /// of the database must not become one of the API.
    fn is_ready(&self, status: &EngineStatus) -> bool {
        self.serving.load(Ordering::Acquire) && status.decides && !self.draining.load(Ordering::Relaxed)
    }
}

impl Ops {
    /// Binds the port and answers on it.
    pub(crate) fn start(
        engine: &Arc<Engine>,
        listen: SocketAddr,
        most_connections: usize,
        registry: &Registry,
    ) -> Result<Self, Failure> {
        let taken = |error: std::io::Error| {
            Failure::failed(format!(
                "ops.listen: cannot listen on {listen}: {error}; {}",
                bind_way_out(listen, &error)
            ))
        };
        let listener = keyward_listener::bind(listen)
            .and_then(TcpListener::from_std)
            .map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let is_ready = readiness()?;
        register(registry, EngineNumbers::new(Arc::clone(engine))?)?;
        register(registry, DatabaseNumbers::new(Arc::clone(engine))?)?;
        register(registry, ProcessNumbers::new(engine.clock().now())?)?;
        register(registry, build_info()?)?;
        register(registry, is_ready.clone())?;
        let serving = Arc::new(AtomicBool::new(false));
        let draining = Arc::new(AtomicBool::new(false));
        let probe = Probe {
            engine: Arc::clone(engine),
            registry: registry.clone(),
            is_ready,
            serving: Arc::clone(&serving),
            draining: Arc::clone(&draining),
        };
        let (stop, stopped) = watch::channel(false);
        let app = router(probe);
        let server = Server {
            plane: "ops",
            tls: None,
            proxies: Arc::default(),
            most_connections,
            descriptors: &NONE,
        };
        let service = move |_| TowerToHyperService::new(app.clone());
        let task = tokio::spawn(server.run(listener, stopped, service));
        Ok(Self {
            address,
            serving,
            draining,
            stop,
            task,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every plane answers: from here on `/readyz` may say 200.
    pub(crate) fn serve(&self) {
        self.serving.store(true, Ordering::Release);
    }

    /// From here on `/readyz` says 503, so that no new requests are sent here.
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Ends it.
    pub(crate) async fn stop(self) {
        // Nobody listening means that it has ended already.
        let _ = self.stop.send(true);
        let _ = tokio::time::timeout(PATIENCE, self.task).await;
    }
}

/// Adds numbers to the process's metrics.
pub(crate) fn register(registry: &Registry, numbers: impl Collector + 'static) -> Result<(), Failure> {
    let done = registry.register(Box::new(numbers));
    done.map_err(|error| Failure::failed(format!("metrics: {error}")))
}

fn readiness() -> Result<IntGauge, Failure> {
    let made = IntGauge::new("keyward_ready", "1 while /readyz says 200.");
    made.map_err(|error| Failure::failed(format!("metrics: {error}")))
}

fn router(probe: Probe) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(get_readyz))
        .route("/metrics", get(get_metrics))
        .with_state(probe)
}

async fn get_readyz(State(probe): State<Probe>) -> impl IntoResponse {
    let status = probe.engine.status();
    let draining = probe.draining.load(Ordering::Relaxed);
    let serving = probe.serving.load(Ordering::Acquire);
    let ready = probe.is_ready(&status);
    let code = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = Json(json!({
        "ready": ready,
        "checks": { "planes": serving, "replica": status.loaded, "fresh": status.loaded && !status.stale, "draining": draining },
        "source": source_of(&status),
        // Told, and no reason not to be ready: what holds without Redis is the operator's choice.
        "limiter": status.limiter.mode,
        "revision": status.revision.0,
        // What only an operator can mend. No reason not to be ready either.
        "remarks": remarks(&probe.engine),
        "age_ms": u64::try_from(status.age.as_millis()).unwrap_or(u64::MAX),
    }));
    (code, [(header::CACHE_CONTROL, "no-store")], body)
}

fn remarks(engine: &Engine) -> Vec<Value> {
    let shown = |remark: &Remark| json!({ "setting": remark.setting, "what": remark.what, "way_out": remark.way_out });
    engine.remarks().list().iter().map(shown).collect()
}

async fn get_metrics(State(probe): State<Probe>) -> impl IntoResponse {
    let is_ready = probe.is_ready(&probe.engine.status());
    probe.is_ready.set(i64::from(is_ready));
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    match encoder.encode(&probe.registry.gather(), &mut text) {
        Ok(()) => (
            StatusCode::OK,
            [(header::CONTENT_TYPE, encoder.format_type().to_owned())],
            text,
        ),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            let plain = [(header::CONTENT_TYPE, "text/plain".to_owned())];
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                plain,
                b"metrics cannot be written".to_vec(),
            )
        }
    }
}
