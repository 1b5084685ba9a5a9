//! HTTP/2 to an upstream, without TLS, by prior knowledge: one connection a worker, shared by its requests.

use crate::client_body::{ClientBody, ClientBodyFault};
use crate::pool::Pool;
use crate::settings::Timeouts;
use crate::upstream_fault::UpstreamFault;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

type H2Body = UnsyncBoxBody<Bytes, ClientBodyFault>;

/// A worker's connection to an upstream that speaks HTTP/2.
#[derive(Default)]
pub(crate) struct H2c(tokio::sync::Mutex<Option<SendRequest<H2Body>>>);

impl H2c {
    /// Sends a request and waits for the head of its answer.
    pub(crate) async fn exchange(
        &self,
        pool: &Pool,
        head: Request<()>,
        body: Option<ClientBody>,
        timeouts: &Timeouts,
    ) -> Result<Response<Incoming>, UpstreamFault> {
        // One patience for all who wait for the same connection, or the last of them would wait once for each.
        let mut sender = timeout(timeouts.upstream_connect, self.sender(pool, timeouts))
            .await
            .map_err(|_| UpstreamFault::Timeout)??;
        let progress = Arc::new(Progress::default());
        let body = match body {
            Some(body) => Observed {
                body,
                progress: Arc::clone(&progress),
            }
            .boxed_unsync(),
            None => {
                progress.over.notify_one();
                Empty::new().map_err(|never| match never {}).boxed_unsync()
            }
        };
        let patience = timeouts.upstream_response;
        let mut answer = pin!(sender.send_request(head.map(|()| body)));
        let answer = loop {
            let pieces = progress.pieces.load(Ordering::Relaxed);
            tokio::select! {
                biased;
                answered = &mut answer => break Ok(answered),
                () = progress.over.notified() => break timeout(patience, answer).await,
                () = sleep(patience) => {
                    // While the client is waited for, only its own deadlines count.
                    let waits_for_client = progress.waits_for_client.load(Ordering::Relaxed);
                    if !waits_for_client && progress.pieces.load(Ordering::Relaxed) == pieces {
                        return Err(UpstreamFault::Timeout);
                    }
                }
            }
        };
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            // Of a body that broke off, the library says no more than that the request was reset.
            Ok(Err(_)) => Err(*progress.fault.get().unwrap_or(&UpstreamFault::Unreachable)),
            Err(_) => Err(UpstreamFault::Timeout),
        }
    }

    async fn sender(&self, pool: &Pool, timeouts: &Timeouts) -> Result<SendRequest<H2Body>, UpstreamFault> {
        let mut current = self.0.lock().await;
        if let Some(sender) = current.as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
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
        *current = Some(sender.clone());
        Ok(sender)
    }
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
