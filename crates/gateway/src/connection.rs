//! One client's connection: TLS, HTTP/1.1 or HTTP/2, and the service that answers its requests.

use crate::answer;
use crate::guard::{Guard, Limits, Link, MOST_HEADERS};
use crate::metrics::Raised;
use crate::peer::Peer;
use crate::respond::respond;
use crate::settings::Timeouts;
use crate::shared::Shared;
use bytes::BytesMut;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use keyward_listener::{Slot, TLS_BEGINS, accept_tls, tell_of_tls};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// So many bytes of it could be the beginning of a method too, and how long they may stay all that there is.
const DOUBTFUL: usize = 3;
const DOUBT: Duration = Duration::from_secs(1);

/// The most header fields that hyper takes without being told.
const HYPER_HEADERS: usize = 100;

/// Serves a connection to its end.
pub(crate) async fn serve(
    shared: Arc<Shared>,
    worker: usize,
    stream: TcpStream,
    peer: SocketAddr,
    slot: Slot,
) {
    let patience = shared.settings.timeouts.request_head;
    match &shared.tls {
        None => {
            let mut stream = stream;
            let mut read = BytesMut::new();
            let preface = speaks_http2(&mut stream, &mut read, &shared.settings.timeouts);
            let preface = tokio::select! {
                preface = preface => preface,
                () = shared.drain.last_call() => return,
            };
            let Ok(http2) = preface else { return };
            if read.first() == Some(&TLS_BEGINS) {
                tell_of_tls(shared.plane.name(), peer);
            }
            let peer = Peer::new(peer.ip(), false);
            serve_stream(shared, worker, stream, read, http2, peer, slot).await;
        }
        Some(tls) => {
            let accepted = tokio::select! {
                accepted = accept_tls(tls, stream, patience) => accepted,
                () = shared.drain.last_call() => return,
            };
            let Some(stream) = accepted else { return };
            let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let peer = Peer::new(peer.ip(), true);
            serve_stream(shared, worker, stream, BytesMut::new(), http2, peer, slot).await;
        }
    }
}

/// Reads until it is clear whether the client speaks HTTP/2 by prior knowledge. The first byte may take as long as a
/// connection may stand idle, the rest as long as a head may.
async fn speaks_http2(
    stream: &mut TcpStream,
    read: &mut BytesMut,
    timeouts: &Timeouts,
) -> std::io::Result<bool> {
    let mut ends_at = Instant::now() + timeouts.idle;
    loop {
        let seen = read.len().min(PREFACE.len());
        if read[..seen] != PREFACE[..seen] {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        let more = match timeout_at(ends_at, stream.read_buf(read)).await {
            Ok(more) => more?,
            // So far it is the beginning of `POST` as well: the guard waits for the rest, and answers when it stays away.
            Err(_) if (1..=DOUBTFUL).contains(&seen) => return Ok(false),
            Err(_) => return Err(std::io::ErrorKind::TimedOut.into()),
        };
        if more == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        ends_at = match (seen, read.len()) {
            (0, 1..=DOUBTFUL) => Instant::now() + timeouts.request_head.min(DOUBT),
            (0..=DOUBTFUL, _) => Instant::now() + timeouts.request_head,
            _ => ends_at,
        };
    }
}

async fn serve_stream<S>(
    shared: Arc<Shared>,
    worker: usize,
    stream: S,
    read: BytesMut,
    http2: bool,
    peer: Peer,
    slot: Slot,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let link = Arc::new(Link::holding(slot, Arc::clone(&shared.heads)));
    let limits = shared.limits();
    let service = {
        let (shared, link) = (Arc::clone(&shared), Arc::clone(&link));
        service_fn(move |request| {
            let (shared, link, peer) = (Arc::clone(&shared), Arc::clone(&link), peer.clone());
            async move { Ok::<_, Infallible>(respond(&shared, worker, &peer, &link, request).await) }
        })
    };
    let _raised = Raised::new(&shared.metrics.connections);
    if http2 {
        serve_http2(
            &shared,
            Guard::open(stream, read, limits, Arc::clone(&link)),
            &link,
            &limits,
            service,
        )
        .await;
    } else {
        serve_http1(&shared, Guard::http1(stream, read, limits, link), service).await;
    }
}

async fn serve_http1<S, V>(shared: &Shared, guard: Guard<S>, service: V)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: hyper::service::HttpService<Incoming, ResBody = answer::AnswerBody, Error = Infallible>,
{
    let mut http1 = hyper::server::conn::http1::Builder::new();
    // The guard has its own deadline for heads. `pipeline_flush` must stay off: with it, hyper ends a connection without
    // a flush while bytes of the client's are unread, and buffers without bound for a client that does not read.
    // What answers say of the time is not hyper's affair, whose clock stands still when it is set back: `respond.rs` dates them.
    http1
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .auto_date_header(false);
    // The guard has counted the fields. Only for more than usual: hyper then asks for memory at each request.
    if shared.limits().headers > HYPER_HEADERS {
        http1.max_headers(MOST_HEADERS);
    }
    let mut connection = pin!(http1.serve_connection(guard, service).with_upgrades());
    tokio::select! {
        ended = &mut connection => return note_end(ended),
        () = shared.drain.last_call() => {}
    }
    // Answers have said `Connection: close` for a while; what is idle still, goes now.
    connection.as_mut().graceful_shutdown();
    note_end(connection.await);
}

async fn serve_http2<S, V>(shared: &Shared, guard: Guard<S>, link: &Link, limits: &Limits, service: V)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    V: hyper::service::HttpService<Incoming, ResBody = answer::AnswerBody, Error = Infallible>,
    V::Future: Send + 'static,
{
    let mut http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(128)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(20))
        .auto_date_header(false);
    let mut connection = pin!(http2.serve_connection(guard, service));
    tokio::select! {
        ended = &mut connection => return note_end(ended),
        () = shared.drain.first_call() => {}
        () = until_idle(link, limits.idle) => {}
        () = until_stuck(link, limits.write_stall) => return,
    }
    connection.as_mut().graceful_shutdown();
    tokio::select! {
        ended = &mut connection => note_end(ended),
        // Nothing is under way, but the client leaves the end of an answer with us.
        () = until_idle(link, limits.write_stall) => {}
        () = until_stuck(link, limits.write_stall) => {}
    }
}

/// Ends when a client has taken nothing of any answer for so long. The socket does not show it: the client may answer
/// every ping and keep its window shut.
async fn until_stuck(link: &Link, patience: Duration) {
    let (mut last, mut since) = (None, Instant::now());
    loop {
        tokio::time::sleep((patience / 4).max(Duration::from_millis(10))).await;
        let now = link.awaited();
        if now.is_none() || now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() >= patience {
            return;
        }
    }
}

/// Ends when nothing was under way for as long as a connection may stand idle.
async fn until_idle(link: &Link, idle: Duration) {
    let mut quiet_since = Instant::now();
    loop {
        tokio::time::sleep((idle / 4).max(Duration::from_millis(10))).await;
        if link.in_flight() > 0 {
            quiet_since = Instant::now();
        } else if quiet_since.elapsed() >= idle {
            return;
        }
    }
}

fn note_end(ended: Result<(), hyper::Error>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "connection of a client ended");
    }
}
