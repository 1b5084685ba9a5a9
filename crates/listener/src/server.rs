//! The loop of a plane that is no proxy: accepts, speaks HTTP, and lets nobody keep a connection for nothing. Every phase
//! has a deadline; every number a bound.

use crate::activity::{Activity, watched};
use crate::linger::{Lingering, Plain};
use crate::places::Places;
use crate::{RequestBody, Tls, accept, accept_tls, close, end_when_gone, follow_certificate};
use http::{Request, Response};
use http_body::Body;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use ipnet::IpNet;
use std::error::Error;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval};

/// How many connections there are at most. Whoever comes then gets the place of an address that has more, or none.
const MOST_CONNECTIONS: usize = 256;
/// How long a TLS handshake, a request's header, or the first request of a connection may take.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be without a request, or the next piece of an answer may wait to be taken.
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
        S: Service<Request<RequestBody>, Response = Response<B>> + Send + 'static,
        S::Future: Send + 'static,
        S::Error: Into<Fault>,
        B: Body + Unpin + Send + 'static,
        B::Data: Send,
        B::Error: Into<Fault>,
    {
        let places = Places::new(MOST_CONNECTIONS, Arc::clone(&self.proxies));
        let builder = builder();
        let mut connections = JoinSet::new();
        let told = stop.clone();
        let take = |connections: &mut JoinSet<()>, stream, peer: SocketAddr| {
            if let Some(place) = places.take(peer.ip()) {
                end_when_gone(&stream, IDLE_PATIENCE);
                let plane = self.plane;
                let way = match &self.tls {
                    Some(tls) => Speaks::Tls(Arc::clone(tls)),
                    None => Speaks::Plain(Plain { plane, peer }),
                };
                let (service, activity) = (service(peer), place.activity());
                let connection = serve(stream, way, builder.clone(), service, activity, told.clone());
                connections.spawn(place.hold(connection));
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

/// What a connection speaks.
enum Speaks {
    Plain(Plain),
    Tls(Arc<Tls>),
}

async fn serve<S, B>(
    stream: TcpStream,
    way: Speaks,
    builder: Builder<TokioExecutor>,
    service: S,
    activity: Arc<Activity>,
    stop: watch::Receiver<bool>,
) where
    S: Service<Request<RequestBody>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Fault>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Fault>,
{
    match way {
        Speaks::Plain(plain) => {
            let stream = Lingering::new(stream, Arc::clone(&activity), Some(plain));
            speak(stream, &builder, service, activity, stop).await;
        }
        Speaks::Tls(tls) => {
            if let Some(stream) = accept_tls(&tls, stream, HEADER_PATIENCE).await {
                let stream = Lingering::new(stream, Arc::clone(&activity), None);
                speak(stream, &builder, service, activity, stop).await;
            }
        }
    }
}

/// Speaks HTTP on a connection until it ends, is idle for too long, or the plane is to stop.
async fn speak<I, S, B>(
    stream: I,
    builder: &Builder<TokioExecutor>,
    service: S,
    activity: Arc<Activity>,
    mut stop: watch::Receiver<bool>,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Fault>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Fault>,
{
    let service = watched(Arc::clone(&activity), service);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let mut ticks = interval(Duration::from_secs(1));
    let mut ends_at: Option<Instant> = None;
    loop {
        let end = tokio::select! {
            // Errors of one connection are the client's affair.
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop), if ends_at.is_none() => true,
            _ = ticks.tick() => activity.is_idle(HEADER_PATIENCE, IDLE_PATIENCE),
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

#[cfg(test)]
mod tests {
    use super::*;
    use http_body::Frame;
    use hyper::body::Bytes;
    use hyper::service::service_fn;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio::task::JoinHandle;
    use tokio::time::{Sleep, sleep, timeout};

    /// A body of so many pieces, with a pause before each.
    struct Slow {
        left: usize,
        pause: Duration,
        timer: Pin<Box<Sleep>>,
    }

    impl Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.left == 0 {
                return Poll::Ready(None);
            }
            ready!(self.timer.as_mut().poll(cx));
            self.left -= 1;
            self.timer = Box::pin(sleep(self.pause));
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"[piece]")))))
        }
    }

    /// A connection whose one request was sent, and which is answered so slowly.
    async fn asked(left: usize, pause: Duration) -> (DuplexStream, JoinHandle<()>) {
        let (mut client, server) = duplex(1024);
        let serving = tokio::spawn(async move {
            let (_keep, stop) = watch::channel(false);
            let service = service_fn(move |_| async move {
                let timer = Box::pin(sleep(pause));
                Ok::<_, Infallible>(Response::new(Slow { left, pause, timer }))
            });
            speak(server, &builder(), service, Arc::default(), stop).await;
        });
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        (client, serving)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_gets_on_may_take_as_long_as_it_likes() {
        let (mut client, _) = asked(20, Duration::from_secs(20)).await;
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.matches("[piece]").count(), 20, "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn d1_an_answer_that_nobody_takes_is_cut() {
        let (_client, serving) = asked(usize::MAX, Duration::ZERO).await;
        let patience = IDLE_PATIENCE + END_PATIENCE + Duration::from_secs(5);
        timeout(patience, serving).await.unwrap().unwrap();
    }
}
