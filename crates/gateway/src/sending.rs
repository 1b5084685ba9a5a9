//! A request with a body on its way to an HTTP/1.1 upstream.

use crate::client_body::{ClientBody, ClientBodyFault};
use crate::deadline::Deadline;
use crate::judged::Judged;
use crate::upstream_connection::write_all;
use crate::upstream_fault::UpstreamFault;
use bytes::BytesMut;
use futures_util::FutureExt;
use http::header::CONTENT_LENGTH;
use http_body::Body;
use http_body_util::BodyExt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;
use tokio::net::tcp::OwnedWriteHalf;

/// A head, and the body that follows it.
pub(crate) struct Sending {
    /// What is to be written next: the head first.
    pending: BytesMut,
    body: ClientBody,
    chunked: bool,
    /// The end of the body stands in `pending`.
    has_end: bool,
    /// The system has taken something of it.
    begun: bool,
}

/// How sending ended.
pub(crate) enum End {
    All(OwnedWriteHalf),
    /// The client's body broke off or was too slow.
    ClientFault(UpstreamFault),
    /// The upstream takes no more; it may have answered.
    UpstreamClosed,
    /// The upstream had closed before the system took anything: it has seen nothing of the request.
    Unsent(Box<Sending>),
}

impl Sending {
    pub(crate) fn new(judged: &Judged, head: BytesMut, body: ClientBody) -> Self {
        Self {
            pending: head,
            body,
            chunked: !judged.parts.headers.contains_key(CONTENT_LENGTH),
            has_end: false,
            begun: false,
        }
    }

    /// Writes everything. `patience` is how long the upstream may take nothing.
    pub(crate) async fn run(mut self, mut writing: OwnedWriteHalf, patience: Duration) -> End {
        let mut deadline = Deadline::default();
        // What is there at once goes out with the head.
        while !self.has_end {
            let frame = match self.body.frame().now_or_never() {
                Some(frame) => frame,
                None => {
                    if let Err(end) = self.write(&mut writing, &mut deadline, patience).await {
                        return end.unwrap_or_else(|| End::Unsent(Box::new(self)));
                    }
                    poll_fn(|cx| Pin::new(&mut self.body).poll_frame(cx)).await
                }
            };
            match frame {
                Some(Ok(frame)) => self.append(&frame.into_data().unwrap_or_default()),
                Some(Err(ClientBodyFault(fault))) => return End::ClientFault(fault),
                None => self.end(),
            }
        }
        match self.write(&mut writing, &mut deadline, patience).await {
            Ok(()) => End::All(writing),
            Err(end) => end.unwrap_or_else(|| End::Unsent(Box::new(self))),
        }
    }

    /// Writes what is pending. A fault is `None` when nothing of the request was taken.
    async fn write(
        &mut self,
        writing: &mut OwnedWriteHalf,
        deadline: &mut Deadline,
        patience: Duration,
    ) -> Result<(), Option<End>> {
        let mut left = &self.pending[..];
        let written = write_all(writing, &mut left, deadline, patience).await;
        self.begun |= left.len() < self.pending.len();
        match written {
            Ok(()) => {
                self.pending.clear();
                Ok(())
            }
            Err(error) if !self.begun && error.kind() != std::io::ErrorKind::TimedOut => Err(None),
            Err(_) => Err(Some(End::UpstreamClosed)),
        }
    }

    fn append(&mut self, data: &[u8]) {
        if data.is_empty() {
            return;
        }
        if self.chunked {
            let size = format!("{:x}\r\n", data.len());
            self.pending.extend_from_slice(size.as_bytes());
        }
        self.pending.extend_from_slice(data);
        if self.chunked {
            self.pending.extend_from_slice(b"\r\n");
        }
    }

    fn end(&mut self) {
        self.has_end = true;
        if self.chunked {
            self.pending.extend_from_slice(b"0\r\n\r\n");
        }
    }
}
