//! The loop of a plane that is no proxy: accepts, speaks HTTP, and lets nobody keep a connection for nothing. Every phase
//! has a deadline; every number a bound.

use crate::activity::{Activity, watched};
use crate::linger::{Lingering, Plain};
use crate::places::Places;
use crate::{
    DescriptorBound, RequestBody, Tls, accept, accept_tls, close, end_when_gone, follow_certificate,
};
use http::{Request, Response};
use http_body::Body;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ipnet::IpNet;
use std::error::Error;
use std::io::Cursor;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

/// How long a TLS handshake, a request's header, or the first request of a connection may take.
const HEADER_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection may be without a request, or the next piece of an answer may wait to be taken.
const IDLE_PATIENCE: Duration = Duration::from_secs(60);
/// How long a connection has, from being told to end, to its end.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// How long a connection is new: its first bytes may be under way.
const NEW: Duration = Duration::from_secs(1);
/// The most bytes of a request's header.
const MOST_HEADER_BYTES: u32 = 32 * 1024;
/// What a client begins with that speaks HTTP/2 by prior knowledge (RFC 9113, section 3.4).
const PREFACE: [u8; 24] = *b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What serves connections until it is told to stop.
pub struct Server {
    /// What the log calls it.
    pub plane: &'static str,
    /// Without it plain HTTP is spoken.
    pub tls: Option<Arc<Tls>>,
    /// Peers that speak for many clients.
    pub proxies: Arc<[IpNet]>,
    /// How many connections there are at most. Whoever comes then gets the place of an address that has more, or none.
    pub most_connections: usize,
    /// Which descriptors they may have.
    pub descriptors: &'static DescriptorBound,
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
        let places = Places::new(self.most_connections, Arc::clone(&self.proxies));
        let mut connections = JoinSet::new();
        let told = stop.clone();
        let take = |connections: &mut JoinSet<()>, stream: TcpStream, peer: SocketAddr| {
            if self.descriptors.admits(&stream)
                && let Some(place) = places.take(peer.ip())
            {
                end_when_gone(&stream, IDLE_PATIENCE);
                let plane = self.plane;
                let way = match &self.tls {
                    Some(tls) => Speaks::Tls(Arc::clone(tls)),
                    None => Speaks::Plain(Plain { plane, peer }),
                };
                let (service, activity) = (service(peer), place.activity());
                let connection = serve(stream, way, service, activity, told.clone());
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

/// hyper's own answers, to what is no request, have no `Date`: its own stands still when the clock is set back, and none is
/// better than a wrong one (RFC 9110, section 6.6.1). All others are dated in `activity.rs`.
fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE)
        .max_buf_size(MOST_HEADER_BYTES as usize)
        .auto_date_header(false);
    builder
}

fn http2() -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(MOST_HEADER_BYTES)
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(HEADER_PATIENCE)
        .auto_date_header(false);
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
            speak(stream, service, activity, stop).await;
        }
        Speaks::Tls(tls) => {
            if let Some(stream) = accept_tls(&tls, stream, HEADER_PATIENCE).await {
                let stream = Lingering::new(stream, Arc::clone(&activity), None);
                speak(stream, service, activity, stop).await;
            }
        }
    }
}

/// Speaks HTTP on a connection until it ends, is idle for too long, or the plane is to stop.
async fn speak<I, S, B>(mut stream: I, service: S, activity: Arc<Activity>, mut stop: watch::Receiver<bool>)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<RequestBody>, Response = Response<B>> + Send + 'static,
    S::Future: Send + 'static,
    S::Error: Into<Fault>,
    B: Body + Unpin + Send + 'static,
    B::Data: Send,
    B::Error: Into<Fault>,
{
    let service = watched(Arc::clone(&activity), service);
    let begun = tokio::select! {
        biased;
        begun = beginning(&mut stream) => begun,
        () = unused(&activity) => return,
        () = unwanted(&mut stop) => return,
    };
    let Ok(begun) = begun else { return };
    let (rest, out) = split(stream);
    let is_http2 = begun == PREFACE;
    let stream = TokioIo::new(tokio::io::join(Cursor::new(begun).chain(rest), out));
    if is_http2 {
        let connection = http2().serve_connection(stream, service);
        drive(connection, http2::Connection::graceful_shutdown, &activity, stop).await;
    } else {
        let connection = http1().serve_connection(stream, service);
        drive(connection, http1::Connection::graceful_shutdown, &activity, stop).await;
    }
}

/// What a connection begins with, as far as it must be known to tell which version is spoken.
async fn beginning(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut begun = [0; PREFACE.len()];
    let mut length = 0;
    while length < PREFACE.len() && begun[..length] == PREFACE[..length] {
        match stream.read(&mut begun[length..]).await? {
            0 => break,
            more => length += more,
        }
    }
    Ok(begun[..length].to_vec())
}

/// Ends when the plane is to stop and a connection is not new. Who has just connected is about to ask, and would see a reset.
async fn unwanted(stop: &mut watch::Receiver<bool>) {
    let is_old_at = Instant::now() + NEW;
    drop(stop.wait_for(|stop| *stop).await);
    sleep_until(is_old_at).await;
}

/// Ends when a connection has been without a request for too long.
async fn unused(activity: &Activity) {
    let mut ticks = interval(Duration::from_secs(1));
    while !activity.is_idle(HEADER_PATIENCE, IDLE_PATIENCE) {
        ticks.tick().await;
    }
}

/// Serves a connection until it ends, is idle for too long, or the plane is to stop.
async fn drive<C: Future>(
    connection: C,
    end_gracefully: impl Fn(Pin<&mut C>),
    activity: &Activity,
    mut stop: watch::Receiver<bool>,
) {
    tokio::pin!(connection);
    let mut ticks = interval(Duration::from_secs(1));
    let mut ends_at: Option<Instant> = None;
    loop {
        let end = tokio::select! {
            // First, so that a request that has come is read before its connection is told to end.
            biased;
            // Errors of one connection are the client's affair.
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop), if ends_at.is_none() => true,
            _ = ticks.tick() => activity.is_idle(HEADER_PATIENCE, IDLE_PATIENCE),
        };
        match ends_at {
            None if end => {
                ends_at = Some(Instant::now() + END_PATIENCE);
                end_gracefully(connection.as_mut());
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
    use http_body_util::Full;
    use hyper::body::Bytes;
    use hyper::service::service_fn;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll, ready};
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
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
            speak(server, service, Arc::default(), stop).await;
        });
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        (client, serving)
    }

    /// The head of the answer to so many bytes.
    async fn answered(bytes: &[u8]) -> String {
        let (mut client, server) = duplex(1024);
        let (_keep, stop) = watch::channel(false);
        let service = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))) });
        tokio::spawn(speak(server, service, Arc::default(), stop));
        client.write_all(bytes).await.unwrap();
        let mut answer = vec![0; 1024];
        let read = client.read(&mut answer).await.unwrap();
        answer.truncate(read);
        String::from_utf8_lossy(&answer).to_lowercase()
    }

    #[tokio::test(start_paused = true)]
    async fn s12_no_answer_is_dated_by_a_clock_that_stands_still() {
        let good = answered(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(
            good.starts_with("http/1.1 200") && good.matches("\r\ndate: ").count() == 1,
            "{good}"
        );
        for (malformed, status) in [("GET / HTTP/1.1\r\nHost\r\n\r\n", "400"), ("PRI\r\n\r\n", "400")] {
            let answer = answered(malformed.as_bytes()).await;
            assert!(answer.starts_with(&format!("http/1.1 {status}")), "{answer}");
            assert!(!answer.contains("date:"), "{answer}");
        }
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(101));
        let answer = answered(many.as_bytes()).await;
        assert!(
            answer.starts_with("http/1.1 431") && !answer.contains("date:"),
            "{answer}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn s14_who_has_just_connected_to_a_plane_that_stops_is_answered() {
        let (mut client, server) = duplex(1024);
        let (_keep, stop) = watch::channel(true);
        let service = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))) });
        tokio::spawn(speak(server, service, Arc::default(), stop));
        sleep(NEW / 2).await;
        client
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed_whatever_it_began_with() {
        for begun in [&b""[..], b"P", b"PRI * HTTP/2.0\r\n\r\n"] {
            let (mut client, server) = duplex(1024);
            let (_keep, stop) = watch::channel(false);
            let service =
                service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::new()))) });
            let serving = tokio::spawn(speak(server, service, Arc::default(), stop));
            client.write_all(begun).await.unwrap();
            timeout(HEADER_PATIENCE + END_PATIENCE, serving)
                .await
                .unwrap()
                .unwrap();
        }
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
