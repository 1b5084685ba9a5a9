//! The console's life: start, drain.

use crate::api::changes::MOST_STREAMS;
use crate::app::App;
use crate::base_path::BasePath;
use crate::caller::Client;
use crate::metrics::Metrics;
use crate::public_url::PublicUrl;
use crate::router::router;
use crate::web::CALLBACK;
use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::service::{Service, service_fn};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use keyward_engine::Engine;
use keyward_listener::{
    PEOPLE, RequestBody, Server, Tls, TlsFiles, Unnamed, bind, bind_way_out, client_address,
};
use keyward_oidc::Provider;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// How many connections there are at most.
const MOST_CONNECTIONS: usize = 256;

/// What the console is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificate and key; without them the console speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// The address under which people reach it, when a proxy in front speaks TLS.
    pub public_url: Option<PublicUrl>,
    /// Proxies whose `X-Forwarded-For` says where a request comes from.
    pub trusted_proxies: Vec<IpNet>,
    /// Whether each request is logged.
    pub access_log: bool,
    /// Where clients find the gateway, without a slash at its end: what people are shown to copy.
    pub gateway_url: String,
    /// The provider of OpenID Connect at which people can sign in too.
    pub provider: Option<keyward_oidc::Settings>,
    /// What administrators are told of the program and what it runs on.
    pub about: About,
}

/// The program and what it runs on. Nobody but administrators is told.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// The version of the program.
    pub version: String,
    /// The name of this node.
    pub node: String,
    /// The kind of the database and where it is.
    pub store: String,
}

/// What answers the requests of one connection.
fn answerer(
    app: Router,
    peer: IpAddr,
    trusted_proxies: Arc<[IpNet]>,
    base: BasePath,
) -> impl Service<Request<RequestBody>, Response = Response<Body>, Error = Infallible, Future: Send + 'static>
{
    let app = TowerToHyperService::new(app);
    service_fn(move |mut request: Request<RequestBody>| {
        // Before the router looks at it.
        base.leave_out(request.uri_mut());
        let client = client_address(
            request.headers(),
            peer,
            "console.trusted_proxies",
            &trusted_proxies,
            Unnamed::Unknown,
        );
        request.extensions_mut().insert(Client(client));
        app.call(request)
    })
}

/// A running console.
pub struct Console {
    address: SocketAddr,
    tls: Option<Arc<Tls>>,
    metrics: Metrics,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

/// Why a console does not start; says which setting and the way out.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartFault(pub String);

/// Gets ready to speak to a provider, which sends browsers back to this origin.
fn open_provider(
    engine: &Arc<Engine>,
    settings: keyward_oidc::Settings,
    origin: &str,
) -> Result<Arc<Provider>, StartFault> {
    let engine = Arc::clone(engine);
    let now = Arc::new(move || engine.clock().now());
    Provider::new(settings, &format!("{origin}{CALLBACK}"), now)
        .map(Arc::new)
        .map_err(|fault| StartFault(format!("console.oidc.{fault}")))
}

impl Console {
    /// Binds the port and serves on the current runtime.
    ///
    /// # Errors
    /// The setting that is at fault.
    pub async fn start(engine: &Arc<Engine>, settings: Settings) -> Result<Self, StartFault> {
        let tls = settings
            .tls
            .map(|files| Tls::load(files, &["h2", "http/1.1"]))
            .transpose()
            .map_err(|fault| StartFault(format!("console.tls: {fault}")))?;
        let cannot_bind = |error: std::io::Error| {
            StartFault(format!(
                "console.listen: cannot listen on {}: {error}; {}",
                settings.listen,
                bind_way_out(settings.listen, &error)
            ))
        };
        let listener = bind(settings.listen).map_err(cannot_bind)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(cannot_bind)?;
        let address = listener.local_addr().map_err(cannot_bind)?;
        let secure = tls.is_some() || settings.public_url.is_some();
        let origin = match &settings.public_url {
            Some(url) => url.as_str().to_owned(),
            None if secure => format!("https://{address}"),
            None => format!("http://{address}"),
        };
        let provider = settings
            .provider
            .map(|provider| open_provider(engine, provider, &origin));
        let base = settings
            .public_url
            .as_ref()
            .map(|url| url.base().clone())
            .unwrap_or_default();
        let (stop, stopped) = watch::channel(false);
        let metrics = Metrics::new().map_err(|error| StartFault(format!("metrics: {error}")))?;
        let app = router(App {
            engine: Arc::clone(engine),
            metrics: metrics.clone(),
            access_log: settings.access_log,
            secure,
            public_url: settings.public_url,
            origin: origin.into(),
            provider: provider.transpose()?,
            administrator_seen: Arc::default(),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            stopped: stopped.clone(),
            gateway_url: settings.gateway_url.into(),
            about: Arc::new(settings.about),
            started: engine.clock().now(),
        });
        let trusted: Arc<[IpNet]> = settings.trusted_proxies.into();
        let tls = tls.map(Arc::new);
        let server = Server {
            plane: "console",
            tls: tls.clone(),
            proxies: Arc::clone(&trusted),
            most_connections: MOST_CONNECTIONS,
            descriptors: &PEOPLE,
        };
        let service =
            move |peer: SocketAddr| answerer(app.clone(), peer.ip(), Arc::clone(&trusted), base.clone());
        let server = tokio::spawn(server.run(listener, stopped, service));
        Ok(Self {
            address,
            tls,
            metrics,
            stop,
            server,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it speaks TLS with.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// Adds what it counts to the process's metrics.
    ///
    /// # Errors
    /// Something else counts under one of the names.
    pub fn register_metrics(&self, registry: &prometheus::Registry) -> Result<(), StartFault> {
        let done = self.metrics.register(registry);
        done.map_err(|error| StartFault(format!("metrics: {error}")))
    }

    /// Stops accepting, lets requests that are under way end within a time, and ends.
    pub async fn drain(mut self, within: Duration) {
        // Nobody listening means that it has ended already.
        let _ = self.stop.send(true);
        if timeout(within, &mut self.server).await.is_err() {
            self.server.abort();
            // It ends at its next step; how does not matter any more.
            let _ = self.server.await;
        }
    }
}
