//! The body of a client's request, with a bound on how slowly it may come.

use crate::deadline::Deadline;
use crate::upstream_fault::UpstreamFault;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use keyward_listener::RequestBody;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// After the first pause that would have been allowed, a body must have come at this rate on average.
const BYTES_PER_SECOND: u64 = 128;

/// A client's body. Trailers are dropped: nothing that comes after the decision may look like part of the head.
pub(crate) struct ClientBody {
    body: RequestBody,
    stall: Duration,
    waiting: Deadline,
    began: Instant,
    bytes: u64,
}

/// Why a body ended early.
#[derive(Debug, thiserror::Error)]
#[error("the client's body {0:?}")]
pub(crate) struct ClientBodyFault(pub(crate) UpstreamFault);

impl ClientBody {
    pub(crate) fn new(body: RequestBody, stall: Duration) -> Self {
        Self {
            body,
            stall,
            waiting: Deadline::default(),
            began: Instant::now(),
            bytes: 0,
        }
    }

    fn too_slow(&self) -> bool {
        let took = self.began.elapsed();
        took > self.stall && self.bytes < took.as_secs() * BYTES_PER_SECOND
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = ClientBodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ClientBodyFault>>> {
        let this = &mut *self;
        loop {
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    this.waiting.clear();
                    let Ok(data) = frame.into_data() else { continue };
                    this.bytes += data.len() as u64;
                    if this.too_slow() {
                        return Poll::Ready(Some(Err(ClientBodyFault(UpstreamFault::ClientBodyTimeout))));
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Poll::Ready(Some(Err(_))) => {
                    return Poll::Ready(Some(Err(ClientBodyFault(UpstreamFault::ClientBody))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    return this
                        .waiting
                        .poll_waiting(this.stall, cx)
                        .map(|()| Some(Err(ClientBodyFault(UpstreamFault::ClientBodyTimeout))));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
