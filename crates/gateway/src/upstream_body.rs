//! The body of an upstream's answer, handed on as it comes, in constant memory.

use crate::deadline::Deadline;
use crate::framing::{Chunk, Chunks, Length};
use crate::pool::Pool;
use crate::upstream_connection::{BODY_READ_BYTES, Connection};
use crate::upstream_fault::BodyFault;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::AbortHandle;

/// A body that is still to be read.
pub(crate) struct UpstreamBody {
    source: Source,
    stall: Duration,
}

enum Source {
    Http1(Http1),
    H2c(Incoming, Deadline),
}

struct Http1 {
    /// Gone when the body is over.
    connection: Option<Connection>,
    rest: Rest,
    home: Option<Home>,
    _sender: Option<Sender>,
}

enum Rest {
    Bytes(u64),
    Chunked(Chunks),
    UntilClose,
}

/// Where a connection goes when its answer is read.
pub(crate) struct Home {
    pub(crate) pool: Arc<Pool>,
    pub(crate) worker: usize,
}

/// A request body that is still being sent while the answer is read; it ends with the answer.
pub(crate) struct Sender(pub(crate) AbortHandle);

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl UpstreamBody {
    /// A body on an HTTP/1.1 connection, which goes `home` if nothing speaks against it.
    pub(crate) fn http1(
        connection: Connection,
        length: Length,
        home: Option<Home>,
        sender: Option<Sender>,
        stall: Duration,
    ) -> Self {
        let rest = match length {
            Length::Bytes(bytes) => Rest::Bytes(bytes),
            Length::Chunked => Rest::Chunked(Chunks::default()),
            Length::Unsaid => Rest::UntilClose,
        };
        let mut body = Http1 {
            connection: Some(connection),
            rest,
            home,
            _sender: sender,
        };
        if matches!(body.rest, Rest::Bytes(0)) {
            body.finish();
        }
        Self {
            source: Source::Http1(body),
            stall,
        }
    }

    /// A body on an HTTP/2 stream.
    pub(crate) fn h2c(body: Incoming, stall: Duration) -> Self {
        Self {
            source: Source::H2c(body, Deadline::default()),
            stall,
        }
    }
}

impl Http1 {
    fn finish(&mut self) {
        // Bytes that nobody asked for make a connection unfit: they would be read as the next answer.
        if let (Some(connection), Some(home)) = (self.connection.take(), self.home.take())
            && connection.buffer.is_empty()
        {
            home.pool.keep(home.worker, connection);
        }
    }

    /// What of the body stands in the buffer already; `Ok(None)` when more must be read first.
    fn next_buffered(&mut self) -> Result<Option<Bytes>, BodyFault> {
        let Some(connection) = &mut self.connection else {
            return Ok(None);
        };
        let buffer = &mut connection.buffer;
        match &mut self.rest {
            Rest::Bytes(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                let data = buffer.split_to(here).freeze();
                *left -= here as u64;
                if *left == 0 {
                    self.finish();
                }
                Ok(Some(data).filter(|data| !data.is_empty()))
            }
            Rest::UntilClose => Ok(Some(buffer.split().freeze()).filter(|data| !data.is_empty())),
            Rest::Chunked(chunks) => {
                let mut data: Option<Bytes> = None;
                loop {
                    match chunks
                        .next(buffer)
                        .map_err(|_| "malformed chunks from the upstream")?
                    {
                        Chunk::More => return Ok(data),
                        Chunk::Framing(n) => buffer.advance(n),
                        // A second piece waits for the next call; the framing up to it is read already.
                        Chunk::Data(n) if data.is_none() => {
                            data = Some(buffer.split_to(n).freeze());
                            if !ends_here(buffer) {
                                return Ok(data);
                            }
                        }
                        Chunk::Data(_) => return Err("a chunk where the end was".into()),
                        Chunk::End(n) => {
                            buffer.advance(n);
                            self.finish();
                            return Ok(data);
                        }
                    }
                }
            }
        }
    }

    fn poll_frame(
        &mut self,
        stall: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyFault>>> {
        loop {
            match self.next_buffered() {
                Ok(Some(data)) => return Poll::Ready(Some(Ok(data))),
                Ok(None) => {}
                Err(fault) => {
                    self.connection = None;
                    return Poll::Ready(Some(Err(fault)));
                }
            }
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(None);
            };
            match ready!(connection.poll_fill(BODY_READ_BYTES, stall, cx)) {
                Ok(0) if matches!(self.rest, Rest::UntilClose) => {
                    self.connection = None;
                    return Poll::Ready(None);
                }
                Ok(0) => {
                    self.connection = None;
                    return Poll::Ready(Some(Err("the upstream closed within its answer".into())));
                }
                Ok(_) => {}
                Err(error) => {
                    self.connection = None;
                    return Poll::Ready(Some(Err(error.into())));
                }
            }
        }
    }
}

/// Whether the rest of the buffer is the plain end of a chunked body: then the connection can go home at once.
fn ends_here(buffer: &[u8]) -> bool {
    buffer == b"\r\n0\r\n\r\n"
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let this = &mut *self;
        match &mut this.source {
            Source::Http1(body) => body
                .poll_frame(this.stall, cx)
                .map(|data| data.map(|data| data.map(Frame::data))),
            Source::H2c(body, deadline) => match Pin::new(body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    deadline.clear();
                    Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
                }
                Poll::Pending => deadline
                    .poll_waiting(this.stall, cx)
                    .map(|()| Some(Err("the upstream is too slow".into()))),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Http1(body) => body.connection.is_none(),
            Source::H2c(body, _) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Http1(Http1 { connection: None, .. }) => SizeHint::with_exact(0),
            Source::Http1(Http1 {
                rest: Rest::Bytes(left),
                ..
            }) => SizeHint::with_exact(*left),
            Source::Http1(_) => SizeHint::default(),
            Source::H2c(body, _) => body.size_hint(),
        }
    }
}
