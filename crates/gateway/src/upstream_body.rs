//! The body of an upstream's answer, handed on as it comes, in constant memory.

use crate::deadline::Deadline;
use crate::framing::{Chunk, Chunks, Length};
use crate::pool::Pool;
use crate::upstream_connection::{BODY_READ_BYTES, Connection};
use crate::upstream_fault::BodyFault;
use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use prometheus::IntCounterVec;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::task::AbortHandle;

/// A body that is still to be read.
pub(crate) struct UpstreamBody {
    source: Source,
    stall: Duration,
    /// What ends it, when that is known and not yet told.
    fault: Option<BodyFault>,
    /// Where a fault is counted.
    faults: Option<IntCounterVec>,
}

enum Source {
    Http1(Http1),
    H2c(H2cBody),
}

struct H2cBody {
    body: Incoming,
    /// What has come ahead.
    first: Option<Frame<Bytes>>,
    deadline: Deadline,
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
        Self::new(Source::Http1(body), stall)
    }

    /// A body on an HTTP/2 stream.
    pub(crate) fn h2c(body: Incoming, stall: Duration) -> Self {
        let source = Source::H2c(H2cBody {
            body,
            first: None,
            deadline: Deadline::default(),
        });
        Self::new(source, stall)
    }

    fn new(source: Source, stall: Duration) -> Self {
        Self {
            source,
            stall,
            fault: None,
            faults: None,
        }
    }

    /// Has a fault of this body counted.
    pub(crate) fn counted(mut self, faults: &IntCounterVec) -> Self {
        self.faults = Some(faults.clone());
        self
    }

    /// The longest pause within it.
    pub(crate) fn stall(&self) -> Duration {
        self.stall
    }

    /// Looks at what of the body has come with its head: while nothing has gone on, a fault in it can still be told.
    pub(crate) async fn look_ahead(&mut self) -> Result<(), BodyFault> {
        let stall = self.stall;
        poll_fn(|cx| {
            Poll::Ready(match &mut self.source {
                Source::Http1(body) => body.look_ahead(stall, cx),
                Source::H2c(body) => body.look_ahead(cx),
            })
        })
        .await
    }
}

impl Http1 {
    fn finish(&mut self) {
        if let (Some(connection), Some(home)) = (self.connection.take(), self.home.take()) {
            // Bytes that nobody asked for make a connection unfit: they would be read as the next answer.
            if connection.buffer.is_empty() {
                home.pool.keep(home.worker, connection);
            } else {
                home.pool.distrust();
            }
        }
    }

    fn look_ahead(&mut self, stall: Duration, cx: &mut Context<'_>) -> Result<(), BodyFault> {
        for may_read in [true, false] {
            let Some(connection) = &mut self.connection else {
                return Ok(());
            };
            let is_over = match &self.rest {
                Rest::Bytes(left) => *left <= connection.buffer.len() as u64,
                Rest::UntilClose => true,
                Rest::Chunked(chunks) => is_whole(chunks.clone(), &connection.buffer)?,
            };
            if is_over || !may_read {
                break;
            }
            match connection.poll_fill(BODY_READ_BYTES, stall, cx) {
                Poll::Pending => break,
                Poll::Ready(Ok(0) | Err(_)) => return Err(BodyFault::BrokenOff),
                Poll::Ready(Ok(_)) => connection.progressed(),
            }
        }
        Ok(())
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
                        .map_err(|_| BodyFault::Malformed("malformed chunks"))?
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
                        Chunk::Data(_) => return Err(BodyFault::Malformed("a chunk where the end was")),
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
                    return Poll::Ready(Some(Err(BodyFault::BrokenOff)));
                }
                Ok(_) => connection.progressed(),
                Err(error) => {
                    self.connection = None;
                    let is_late = error.kind() == std::io::ErrorKind::TimedOut;
                    let fault = if is_late {
                        BodyFault::Stalled
                    } else {
                        BodyFault::BrokenOff
                    };
                    return Poll::Ready(Some(Err(fault)));
                }
            }
        }
    }
}

/// Whether a chunked body ends within these bytes, if nothing in them is at fault.
fn is_whole(mut chunks: Chunks, mut bytes: &[u8]) -> Result<bool, BodyFault> {
    loop {
        let read = chunks
            .next(bytes)
            .map_err(|_| BodyFault::Malformed("malformed chunks"))?;
        match read {
            Chunk::More => return Ok(false),
            Chunk::Framing(n) | Chunk::Data(n) => bytes = &bytes[n..],
            Chunk::End(_) => return Ok(true),
        }
    }
}

impl H2cBody {
    fn look_ahead(&mut self, cx: &mut Context<'_>) -> Result<(), BodyFault> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => self.first = Some(frame),
            Poll::Ready(Some(Err(_))) => return Err(BodyFault::BrokenOff),
            Poll::Ready(None) | Poll::Pending => {}
        }
        Ok(())
    }

    fn poll_frame(
        &mut self,
        stall: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(frame) => {
                self.deadline.clear();
                Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyFault::BrokenOff)))
            }
            Poll::Pending => self
                .deadline
                .poll_waiting(stall, cx)
                .map(|()| Some(Err(BodyFault::Stalled))),
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
        if let Some(fault) = this.fault.take() {
            return Poll::Ready(Some(Err(fault)));
        }
        let frame = match &mut this.source {
            Source::Http1(body) => body
                .poll_frame(this.stall, cx)
                .map(|data| data.map(|data| data.map(Frame::data))),
            Source::H2c(body) => body.poll_frame(this.stall, cx),
        };
        if let Poll::Ready(Some(Err(fault))) = frame {
            if let Some(faults) = &this.faults {
                faults.with_label_values(&[fault.word()]).inc();
            }
            // Told at the next call: whoever takes the body sends what came before while it waits, the head at least. A client
            // then sees an answer that breaks off, and not a connection that ends without one.
            this.fault = Some(fault);
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Http1(body) => body.connection.is_none() && self.fault.is_none(),
            Source::H2c(body) => body.first.is_none() && body.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Http1(Http1 { connection: None, .. }) if self.fault.is_none() => SizeHint::with_exact(0),
            Source::Http1(Http1 {
                rest: Rest::Bytes(left),
                ..
            }) => SizeHint::with_exact(*left),
            Source::Http1(_) => SizeHint::default(),
            Source::H2c(body) if body.first.is_none() => body.body.size_hint(),
            Source::H2c(_) => SizeHint::default(),
        }
    }
}
