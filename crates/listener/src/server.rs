//! The loop of a plane that is no proxy: accepts, speaks HTTP, and lets nobody keep a connection for nothing. Every phase
//! has a deadline; every number a bound.

use crate::places::{Place, Places, watched};
use crate::{Tls, accept, close, follow_certificate};
use http::header::CONTENT_TYPE;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Either};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use ipnet::IpNet;
use socket2::SockRef;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

/// How many connections there are at most. Whoever comes then gets the place of an address that has more, or none.
const MOST_CONNECTIONS: usize = 256;
/// How long a TLS handshake, a request's header, or the first request of a connection may take.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be without a request, or an answer may wait to be read.
const IDLE_PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection has, from being told to end, to its end.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a request's header.
const MOST_HEADER_BYTES: u32 = 32 * 1024;

/// What serves connections until it is told to stop.
pub struct Server {
    /// What the log calls it.
    pub plane: &'static str,
    /// Without it plain HTTP is spoken.
    pub tls: Option<Arc<Tls>>,
    /// Peers that speak for many clients.
    pub proxies: Arc<[IpNet]>,
}

/// What ends an answer before it is whole.
type Fault = Box<dyn Error + Send + Sync>;

impl Server {
    /// Accepts and serves; after `stop` is true, ends when all connections have, or when it is dropped. `service` makes
    /// what answers the requests of a connection, which comes from an address.
    pub async fn run<S, B>(
        self,
        listener: TcpListener,
        mut stop: watch::Receiver<bool>,
        service: impl Fn(SocketAddr) -> S,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Fault>,
        B: Body + Send + 'static,
        B::Data: Send,
        B::Error: Into<Fault>,
    {
        let places = Places::new(MOST_CONNECTIONS, Arc::clone(&self.proxies));
        let builder = builder();
        let mut connections = JoinSet::new();
        let told = stop.clone();
        let take = |connections: &mut JoinSet<()>, stream, peer: SocketAddr| {
            if let Some(place) = places.take(peer.ip()) {
                end_when_silent(&stream, IDLE_PATIENCE);
                connections.spawn(serve_in(
                    place,
                    stream,
                    self.tls.clone(),
                    builder.clone(),
                    service(peer),
                    told.clone(),
                ));
            }
        };
        let mut certificate = pin!(follow_certificate(self.tls.as_deref(), self.plane));
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                never = &mut certificate => match never {},
                Some(_) = connections.join_next(), if !connections.is_empty() => {}
                (stream, peer) = accept(&listener) => take(&mut connections, stream, peer),
            }
        }
        close(listener, |stream, peer| take(&mut connections, stream, peer)).await;
        while connections.join_next().await.is_some() {}
    }
}

/// Lets the system end a connection whose client acknowledges nothing of what was sent to it for so long: one that lost its
/// network says no goodbye, and an event stream would be written to it for a quarter of an hour.
fn end_when_silent(stream: &TcpStream, patience: Duration) {
    if let Err(error) = SockRef::from(stream).set_tcp_user_timeout(Some(patience)) {
        tracing::debug!(%error, "clients that are gone keep their connections for longer");
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(MOST_HEADER_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(MOST_HEADER_BYTES)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(HEADER_PATIENCE);
    builder
}

async fn serve_in<S, B>(
    place: Place,
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    builder: Builder<TokioExecutor>,
    service: S,
    stop: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Fault>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Fault>,
{
    let service = watched(place.seat(), service);
    place.hold(serve(stream, tls, builder, service, stop)).await;
}

async fn serve<S, B>(
    stream: TcpStream,
    tls: Option<Arc<Tls>>,
    builder: Builder<TokioExecutor>,
    service: S,
    stop: watch::Receiver<bool>,
) where
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Fault>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Fault>,
{
    match tls {
        None => speak(stream, &builder, service, stop).await,
        Some(tls) => {
            // A handshake that fails or takes too long is the client's affair.
            if let Ok(Ok(stream)) = timeout(HEADER_PATIENCE, tls.acceptor().accept(stream)).await {
                speak(stream, &builder, service, stop).await;
            }
        }
    }
}

/// Speaks HTTP on a connection until it ends, is idle for too long, or the plane is to stop.
async fn speak<I, S, B>(
    stream: I,
    builder: &Builder<TokioExecutor>,
    service: S,
    mut stop: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Fault>,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<Fault>,
{
    let activity = Arc::new(Activity::default());
    let seen = Arc::clone(&activity);
    let service = service_fn(move |request: Request<Incoming>| {
        let under_way = Activity::begin(&seen);
        let answer = service.call(request);
        let seen = Arc::clone(&seen);
        async move {
            let answer = answer.await;
            drop(under_way);
            answer.map(|answer| noted(answer, seen))
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut ticks = interval(Duration::from_secs(1));
    let mut ends_at: Option<Instant> = None;
    loop {
        let end = tokio::select! {
            // Errors of one connection are the client's affair.
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop), if ends_at.is_none() => true,
            _ = ticks.tick() => activity.is_idle(),
        };
        match ends_at {
            None if end => {
                ends_at = Some(Instant::now() + END_PATIENCE);
                connection.as_mut().graceful_shutdown();
            }
            Some(at) if end && Instant::now() >= at => return,
            _ => {}
        }
    }
}

/// An event stream goes on for as long as it has something to say to somebody who reads; other answers have a time.
fn noted<B>(
    answer: Response<B>,
    activity: Arc<Activity>,
) -> Response<Either<B, impl Body<Data = B::Data, Error = B::Error>>>
where
    B: Body,
{
    let is_stream = answer
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "text/event-stream");
    answer.map(|body| {
        if !is_stream {
            return Either::Left(body);
        }
        Either::Right(body.map_frame(move |frame| {
            activity.lock().since = Instant::now();
            frame
        }))
    })
}

/// What a connection is doing.
struct Activity(Mutex<State>);

struct State {
    under_way: usize,
    requests: bool,
    since: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(State {
            under_way: 0,
            requests: false,
            since: Instant::now(),
        }))
    }
}

/// A request under way, until it is dropped.
struct UnderWay(Arc<Activity>);

impl Activity {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(this: &Arc<Self>) -> UnderWay {
        let mut state = this.lock();
        state.under_way += 1;
        state.requests = true;
        UnderWay(Arc::clone(this))
    }

    /// No request for longer than a client should need.
    fn is_idle(&self) -> bool {
        let state = self.lock();
        let patience = if state.requests {
            IDLE_PATIENCE
        } else {
            HEADER_PATIENCE
        };
        state.under_way == 0 && state.since.elapsed() > patience
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.under_way -= 1;
        state.since = Instant::now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockFilter;
    use std::io::ErrorKind;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test]
    async fn a_client_that_is_gone_without_a_word_is_not_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut served, _) = listener.accept().await.unwrap();
        end_when_silent(&served, Duration::from_secs(1));
        // From here on the client's system gets no packet of this connection, and so acknowledges none.
        SockRef::from(&client)
            .attach_filter(&[SockFilter::new(0x06, 0, 0, 0)])
            .unwrap();
        served.write_all(b"are you there?").await.unwrap();
        let end = served.read_u8().await.unwrap_err();
        assert_eq!(end.kind(), ErrorKind::TimedOut, "{end}");
    }
}
