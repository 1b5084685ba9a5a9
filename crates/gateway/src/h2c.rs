//! HTTP/2 to an upstream, without TLS, by prior knowledge: one connection a worker, shared by its requests.

use crate::client_body::ClientBody;
use crate::pool::Pool;
use crate::settings::Timeouts;
use crate::upstream_fault::UpstreamFault;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;

type H2Body = UnsyncBoxBody<Bytes, crate::client_body::ClientBodyFault>;

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
        let mut sender = self.sender(pool, timeouts).await?;
        let body = match body {
            Some(body) => body.boxed_unsync(),
            None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        let answer = timeout(
            timeouts.upstream_response,
            sender.send_request(head.map(|()| body)),
        )
        .await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(client_fault(&error).unwrap_or(UpstreamFault::Unreachable)),
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

/// The client's own fault, when its body broke an exchange off.
fn client_fault(error: &hyper::Error) -> Option<UpstreamFault> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(fault) = error.downcast_ref::<crate::client_body::ClientBodyFault>() {
            return Some(fault.0);
        }
        cause = error.source();
    }
    None
}
