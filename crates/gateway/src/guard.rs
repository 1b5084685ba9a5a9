//! The guard: stands between a client's socket and hyper, and lets pass only bytes that form requests beyond doubt.
//!
//! hyper forgives what a gateway must not: a second equal Content-Length, a fragment in the target, bare line feeds. So
//! the guard reads each request head first, and follows each body to its end. Where it finds a fault it hands hyper one
//! last, harmless request in place of the faulty one; the service sees the number of that request in the [`Link`] and
//! answers with the fault. So answers keep their order, and nothing after a fault is ever read as a request.

mod head;
mod line;
mod link;
mod unfinished;

#[cfg(any(test, feature = "fuzz"))]
pub(crate) use head::read_in_pieces;
pub(crate) use head::{Fault, Limits, MOST_HEADERS};
use line::short_target;
pub(crate) use line::{MOST_TARGET_BYTES, check_method, check_target, read_target};
pub(crate) use link::{InFlight, Link};
pub(crate) use unfinished::UnfinishedHeads;

use crate::deadline::Deadline;
use crate::framing::{Chunk, Chunks, Length};
use bytes::{Buf, BytesMut};
use head::Head;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::io::poll_read_buf;
use unfinished::WaitingHead;

/// The one request that stands in for a faulty one.
const LAST_REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: -\r\nconnection: close\r\n\r\n";
/// What is no part of a chunked body, wherever it stands in one.
const NO_CHUNK: &[u8] = b"\0\r\n\r\n";
const READ_BYTES: usize = 8 * 1024;
/// What a connection keeps of its buffer between requests.
const MOST_KEPT: usize = 2 * READ_BYTES;
/// At the end of a connection so many bytes more are read and thrown away, so that the answer is not lost to a reset.
const LINGER_BYTES: usize = 64 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// A client's socket, guarded.
pub(crate) struct Guard<S> {
    io: S,
    buffer: BytesMut,
    /// So many bytes at the head of the buffer may pass.
    approved: usize,
    state: State,
    link: Arc<Link>,
    limits: Limits,
    reading: Deadline,
    writing: Deadline,
    lingered: Option<usize>,
    /// While a head has begun and not ended.
    waiting: Option<WaitingHead>,
}

enum State {
    /// A request head comes next; so much of the buffer was searched for its end.
    Head { searched: usize },
    /// So many bytes of a body come next.
    Body(u64),
    /// A chunked body comes next.
    Chunked(Chunks),
    /// A request to upgrade went by: nothing passes until it is answered.
    Held,
    /// Everything passes (an upgraded connection, or HTTP/2).
    Open,
    /// The last request has been handed over; nothing passes any more.
    Shut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Guards a connection that speaks HTTP/1; `read` is what was read of it before.
    pub(crate) fn http1(io: S, read: BytesMut, limits: Limits, link: Arc<Link>) -> Self {
        Self::new(io, read, State::Head { searched: 0 }, limits, link)
    }

    /// Lets everything pass, and keeps the deadline of writing.
    pub(crate) fn open(io: S, read: BytesMut, limits: Limits, link: Arc<Link>) -> Self {
        Self::new(io, read, State::Open, limits, link)
    }

    fn new(io: S, buffer: BytesMut, state: State, limits: Limits, link: Arc<Link>) -> Self {
        let (reading, writing) = (Deadline::default(), Deadline::default());
        Self {
            io,
            buffer,
            approved: 0,
            state,
            link,
            limits,
            reading,
            writing,
            lingered: None,
            waiting: None,
        }
    }

    /// Approves as much of the buffer as can be told by now.
    fn approve(&mut self) {
        while self.approved < self.buffer.len() {
            let fresh = &self.buffer[self.approved..];
            match &mut self.state {
                State::Open => self.approved = self.buffer.len(),
                State::Shut => return,
                State::Held => match self.link.verdict() {
                    None => return,
                    Some(upgraded) => {
                        self.state = if upgraded {
                            State::Open
                        } else {
                            State::Head { searched: 0 }
                        }
                    }
                },
                State::Body(left) => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(fresh.len());
                    *left -= here as u64;
                    self.approved += here;
                    if *left == 0 {
                        self.state = State::Head { searched: 0 };
                    }
                }
                State::Chunked(chunks) => match chunks.next(fresh) {
                    Ok(Chunk::More) => return,
                    Ok(Chunk::Framing(n) | Chunk::Data(n)) => self.approved += n,
                    Ok(Chunk::End(n)) => {
                        self.approved += n;
                        self.state = State::Head { searched: 0 };
                    }
                    Err(_) => self.spoil(),
                },
                // One head at a time: whether the next may pass can depend on what becomes of this one.
                State::Head { .. } if self.approved > 0 => return,
                State::Head { searched } => match Head::read(&mut self.buffer, searched, &self.limits) {
                    Ok(None) => return,
                    Ok(Some(head)) => self.pass(&head),
                    Err(fault) => self.shut(fault),
                },
            }
        }
    }

    fn pass(&mut self, head: &Head) {
        self.waiting = None;
        if let Some(place) = &head.odd_query {
            // hyper would refuse it. It decides nothing, so hyper gets another of that length.
            let query = &mut self.buffer[place.clone()];
            self.link.keep_query(query);
            query.fill(b'_');
        }
        self.link.head_passed();
        self.approved = head.bytes;
        self.state = match head.length {
            _ if head.upgrade => {
                self.link.hold();
                State::Held
            }
            Length::Bytes(0) | Length::Unsaid => State::Head { searched: 0 },
            Length::Bytes(length) => State::Body(length),
            Length::Chunked => State::Chunked(Chunks::default()),
        };
    }

    fn shut(&mut self, fault: Fault) {
        self.link.shut(fault, short_target(&self.buffer));
        self.waiting = None;
        // Not only cleared: a client that does not read the answer would keep the memory of its head.
        self.buffer = BytesMut::from(LAST_REQUEST);
        self.approved = LAST_REQUEST.len();
        self.state = State::Shut;
    }

    /// A body is malformed from here on. hyper is handed what it cannot read either, so that the service sees the body
    /// end with a fault, and can still answer; nothing after it passes.
    fn spoil(&mut self) {
        self.buffer.truncate(self.approved);
        self.buffer.extend_from_slice(NO_CHUNK);
        self.approved = self.buffer.len();
        self.state = State::Shut;
    }

    /// Nothing to read now: is somebody keeping us waiting for too long?
    fn poll_patience(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let State::Head { .. } = self.state else {
            return Poll::Pending;
        };
        if self.buffer.is_empty() {
            // While an answer is under way, the client owes us nothing.
            if self.link.is_busy() {
                self.reading.clear();
                return Poll::Pending;
            }
            ready!(self.reading.poll_waiting(self.limits.idle, cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.count_whole_buffer();
        let bytes = self.buffer.capacity();
        if !self.link.heads.wait(&mut self.waiting, bytes, cx.waker()) {
            self.shut(Fault::NoRoom);
            return Poll::Ready(Ok(()));
        }
        ready!(self.reading.poll_waiting(self.limits.head_time, cx));
        self.shut(Fault::HeadTimeout);
        Poll::Ready(Ok(()))
    }

    /// What was read off the buffer is a part of it still, though its capacity does not say so.
    fn count_whole_buffer(&mut self) {
        let free = self.buffer.capacity() - self.buffer.len();
        let _moved_to_the_front = self.buffer.try_reclaim(free + 1);
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let was_empty = self.buffer.is_empty();
        self.buffer.reserve(READ_BYTES);
        let read = ready!(poll_read_buf(Pin::new(&mut self.io), cx, &mut self.buffer))?;
        if was_empty {
            // The wait for a first byte is over; that for the rest of a head begins.
            self.reading.clear();
        }
        Poll::Ready(Ok(read))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> hyper::rt::Read for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut out: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        loop {
            this.approve();
            if this.approved > 0 {
                let pass = this.approved.min(out.remaining());
                out.put_slice(&this.buffer[..pass]);
                this.buffer.advance(pass);
                this.approved -= pass;
                if this.buffer.is_empty() {
                    this.count_whole_buffer();
                    if this.buffer.capacity() > MOST_KEPT {
                        // Of a long head: the connection may stay for hours.
                        this.buffer = BytesMut::new();
                    }
                }
                return Poll::Ready(Ok(()));
            }
            match this.state {
                State::Shut => return Poll::Pending,
                State::Held => {
                    if this.link.poll_verdict(cx).is_pending() {
                        return Poll::Pending;
                    }
                    if this.buffer.is_empty() {
                        this.state = match this.link.verdict() {
                            Some(true) => State::Open,
                            _ => State::Head { searched: 0 },
                        };
                    }
                    continue;
                }
                _ => {}
            }
            match this.poll_fill(cx) {
                Poll::Ready(read) => {
                    if read? == 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
                Poll::Pending => ready!(this.poll_patience(cx))?,
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    fn poll_writing<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.writing.clear();
            return outcome;
        }
        ready!(self.writing.poll_waiting(self.limits.write_stall, cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn poll_linger(&mut self, cx: &mut Context<'_>, already: usize) -> Poll<()> {
        let mut total = already;
        let mut sink = [0; 4096];
        while total < LINGER_BYTES {
            let mut room = ReadBuf::new(&mut sink);
            match Pin::new(&mut self.io).poll_read(cx, &mut room) {
                Poll::Ready(Ok(())) if !room.filled().is_empty() => total += room.filled().len(),
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => {
                    self.lingered = Some(total);
                    return self.reading.poll_waiting(LINGER, cx);
                }
            }
        }
        Poll::Ready(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> hyper::rt::Write for Guard<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.poll_writing(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.poll_writing(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(cx);
        self.poll_writing(cx, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The upstream has said all; what the client still says is the tunnel's, and goes on to it.
        if self.link.is_upgraded() {
            return Pin::new(&mut self.io).poll_shutdown(cx);
        }
        let already = match self.lingered {
            Some(already) => already,
            None => {
                ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
                self.reading.clear();
                0
            }
        };
        self.poll_linger(cx, already).map(Ok)
    }
}

#[cfg(test)]
mod tests;
