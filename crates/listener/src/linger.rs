//! The end of a connection whose client may still be sending: what comes is read for a while and thrown away, so that the last
//! answer is not lost to a reset.

use crate::activity::Activity;
use crate::{TLS_BEGINS, tell_of_tls};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

const LINGER_BYTES: usize = 64 * 1024;
const LINGER: Duration = Duration::from_secs(1);

/// A client's socket.
pub(crate) struct Lingering<S> {
    io: S,
    activity: Arc<Activity>,
    /// Until the first byte of a connection without TLS.
    plain: Option<Plain>,
    /// What was thrown away by now, and when it is enough.
    lingered: Option<(usize, Pin<Box<Sleep>>)>,
}

/// A connection without TLS: to which plane, and whose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    pub(crate) plane: &'static str,
    pub(crate) peer: SocketAddr,
}

impl<S> Lingering<S> {
    pub(crate) fn new(io: S, activity: Arc<Activity>, plain: Option<Plain>) -> Self {
        Self {
            io,
            activity,
            plain,
            lingered: None,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lingering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, out);
        if let Some(first) = out.filled().get(before)
            && let Some(plain) = self.plain.take()
            && *first == TLS_BEGINS
        {
            tell_of_tls(plain.plane, plain.peer);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Lingering<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingered.is_none() {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
            if !this.activity.was_cut_short() {
                return Poll::Ready(Ok(()));
            }
        }
        let (total, enough) = this.lingered.get_or_insert_with(|| (0, Box::pin(sleep(LINGER))));
        let mut sink = [0; 4096];
        while *total < LINGER_BYTES {
            let mut room = ReadBuf::new(&mut sink);
            match Pin::new(&mut this.io).poll_read(cx, &mut room) {
                Poll::Ready(Ok(())) if !room.filled().is_empty() => *total += room.filled().len(),
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => return enough.as_mut().poll(cx).map(Ok),
            }
        }
        Poll::Ready(Ok(()))
    }
}
