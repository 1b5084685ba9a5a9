//! HTTP/2 to an upstream, without TLS, by prior knowledge: one connection a worker, shared by its requests.

use crate::client_body::{ClientBody, ClientBodyFault};
use crate::pool::Pool;
use crate::settings::Timeouts;
use crate::upstream_connection::Failed;
use crate::upstream_fault::UpstreamFault;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::error::Error;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

type H2Body = UnsyncBoxBody<Bytes, ClientBodyFault>;

/// A worker's connection to an upstream that speaks HTTP/2.
#[derive(Default)]
pub(crate) struct H2c(tokio::sync::Mutex<Current>);

/// The connection in use, and how many there were.
#[derive(Default)]
struct Current {
    sender: Option<SendRequest<H2Body>>,
    number: u64,
}

/// A request on its way, and how its body gets on when it has one.
struct Exchange {
    request: Request<H2Body>,
    progress: Option<Arc<Progress>>,
}

/// Why an exchange failed, and the request itself when nothing of it was sent.
struct Unanswered {
    failed: Failed,
    /// The upstream has refused this stream alone: its connection is as good as before.
    is_refused: bool,
    request: Option<Box<Request<H2Body>>>,
}

impl H2c {
    /// Sends a request and waits for the head of its answer. Once more when the upstream has not processed it; or when a connection that was used before ended without an answer, and the request has no body and may be repeated.
    pub(crate) async fn exchange(
        &self,
        pool: &Pool,
        head: Request<()>,
        body: Option<ClientBody>,
        timeouts: &Timeouts,
    ) -> Result<Response<Incoming>, UpstreamFault> {
        let without_body = body.is_none().then(|| head.clone());
        let first = Exchange::new(head, body);
        let (method, progress) = (first.request.method().clone(), first.progress.clone());
        let patience = timeouts.upstream_response;
        let (sender, number, was_used) = self.within(pool, timeouts, None).await?;
        let Unanswered {
            failed,
            is_refused,
            request,
        } = match first.run(sender, patience).await {
            Ok(answer) => return Ok(answer),
            Err(unanswered) => unanswered,
        };
        let may_go_again = (failed.unsent || was_used) && failed.may_be_repeated(&method);
        let again = match (request, without_body) {
            (Some(request), _) => Exchange {
                request: *request,
                progress,
            },
            (None, Some(head)) => Exchange::new(head, None),
            (None, None) => return Err(failed.fault),
        };
        if !may_go_again {
            return Err(failed.fault);
        }
        // Who refuses streams has enough of them: another connection would take what it has no room for.
        let unwanted = (!is_refused).then_some(number);
        let (sender, ..) = self.within(pool, timeouts, unwanted).await?;
        let answered = again.run(sender, patience).await;
        answered.map_err(|unanswered| unanswered.failed.fault)
    }

    /// The connection, in the time that there is for one. One patience for all who wait for the same connection, or the last of them
    /// would wait once for each.
    async fn within(
        &self,
        pool: &Pool,
        timeouts: &Timeouts,
        but: Option<u64>,
    ) -> Result<(SendRequest<H2Body>, u64, bool), UpstreamFault> {
        timeout(timeouts.upstream_connect, self.connection(pool, timeouts, but))
            .await
            .map_err(|_| UpstreamFault::Timeout)?
    }

    /// The connection in use, unless it is closed or the one that is not wanted; else a new one. Its number, and whether it was
    /// there before.
    async fn connection(
        &self,
        pool: &Pool,
        timeouts: &Timeouts,
        but: Option<u64>,
    ) -> Result<(SendRequest<H2Body>, u64, bool), UpstreamFault> {
        let mut current = self.0.lock().await;
        let usable = |sender: &&SendRequest<H2Body>| !sender.is_closed() && but != Some(current.number);
        if let Some(sender) = current.sender.as_ref().filter(usable) {
            return Ok((sender.clone(), current.number, true));
        }
        let stream = pool.connect(timeouts.upstream_connect).await?;
        let greeted = timeout(
            timeouts.upstream_connect,
            handshake(TokioExecutor::new(), TokioIo::new(stream)),
        )
        .await;
        let (sender, connection) = match greeted {
            Ok(Ok(pair)) => pair,
            Ok(Err(_)) => return Err(UpstreamFault::BadAnswer("no HTTP/2")),
            Err(_) => return Err(UpstreamFault::Timeout),
        };
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to an HTTP/2 upstream ended");
            }
        });
        current.sender = Some(sender.clone());
        current.number += 1;
        Ok((sender, current.number, false))
    }
}

impl Exchange {
    fn new(head: Request<()>, body: Option<ClientBody>) -> Self {
        let progress = body.is_some().then(Arc::default);
        let body = match (body, &progress) {
            (Some(body), Some(progress)) => Observed {
                body,
                progress: Arc::clone(progress),
            }
            .boxed_unsync(),
            _ => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        Self {
            request: head.map(|()| body),
            progress,
        }
    }

    /// Sends it. While its body is on its way, what counts is that it gets on; from then on, the upstream's patience.
    async fn run(
        self,
        mut sender: SendRequest<H2Body>,
        patience: Duration,
    ) -> Result<Response<Incoming>, Unanswered> {
        let Self { request, progress } = self;
        let mut answer = pin!(sender.try_send_request(request));
        let answered = match &progress {
            None => timeout(patience, answer).await.ok(),
            Some(progress) => loop {
                let pieces = progress.pieces.load(Ordering::Relaxed);
                tokio::select! {
                    biased;
                    answered = &mut answer => break Some(answered),
                    () = progress.over.notified() => break timeout(patience, answer).await.ok(),
                    () = sleep(patience) => if progress.stands_still_since(pieces) { break None },
                }
            },
        };
        match answered {
            Some(Ok(answer)) => Ok(answer),
            // Of a body that broke off, the library says no more than that the request was reset.
            Some(Err(mut error)) => {
                let fault = progress.as_ref().and_then(|progress| progress.fault.get());
                let request = error.take_message().map(Box::new);
                Err(Unanswered::of(error.error(), request, fault.copied()))
            }
            None => Err(Unanswered {
                failed: Failed {
                    fault: UpstreamFault::Timeout,
                    silent: false,
                    unsent: false,
                },
                is_refused: false,
                request: None,
            }),
        }
    }
}

impl Unanswered {
    /// What is known of a request without an answer. The upstream has not processed it when it says so: it refuses the stream, or
    /// names an earlier one as the last, as it goes away (RFC 9113, section 8.7). The library gives that error to no other stream.
    fn of(error: &hyper::Error, request: Option<Box<Request<H2Body>>>, fault: Option<UpstreamFault>) -> Self {
        let of_http2 = h2_error(error);
        let said_by_upstream = of_http2.filter(|error| error.is_remote());
        let is_refused = said_by_upstream
            .is_some_and(|error| error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM));
        let goes_away = said_by_upstream.is_some_and(h2::Error::is_go_away);
        Self {
            failed: Failed {
                fault: fault.unwrap_or(UpstreamFault::Unreachable),
                silent: of_http2.is_none_or(h2::Error::is_io),
                unsent: request.is_some() || is_refused || goes_away,
            },
            is_refused,
            request,
        }
    }
}

fn h2_error(error: &hyper::Error) -> Option<&h2::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(of_http2) = error.downcast_ref() {
            return Some(of_http2);
        }
        cause = error.source();
    }
    None
}

/// How a body that is being sent gets on.
#[derive(Default)]
struct Progress {
    /// The upstream would take more, but the client has sent nothing.
    waits_for_client: AtomicBool,
    pieces: AtomicU64,
    /// The client's own fault, when its body broke the exchange off.
    fault: OnceLock<UpstreamFault>,
    /// The body was read to its end, or dropped.
    over: Notify,
}

impl Progress {
    /// Whether the upstream has taken nothing since so many pieces. While the client is waited for, only its own deadlines count.
    fn stands_still_since(&self, pieces: u64) -> bool {
        !self.waits_for_client.load(Ordering::Relaxed) && self.pieces.load(Ordering::Relaxed) == pieces
    }
}

/// A body whose progress can be seen while the HTTP/2 connection sends it.
struct Observed {
    body: ClientBody,
    progress: Arc<Progress>,
}

impl Body for Observed {
    type Data = Bytes;
    type Error = ClientBodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientBodyFault>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        let progress = &self.progress;
        progress
            .waits_for_client
            .store(frame.is_pending(), Ordering::Relaxed);
        progress.pieces.fetch_add(1, Ordering::Relaxed);
        if let Poll::Ready(Some(Err(ClientBodyFault(fault)))) = &frame {
            let _ = progress.fault.set(*fault);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.progress.over.notify_one();
    }
}
