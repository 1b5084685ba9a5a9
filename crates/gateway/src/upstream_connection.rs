//! One HTTP/1.1 connection to an upstream: a request goes out, the head of an answer comes in.
//!
//! Written by hand for two reasons (see `docs/adr`): an answer that can be read in two ways must be refused, and hyper's
//! client repairs some of them silently; and every request through hyper's client pays for a channel and a second task.

use crate::deadline::Deadline;
use crate::framing::{Length, body_length};
use crate::upstream_fault::UpstreamFault;
use bytes::{Bytes, BytesMut};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use memchr::memchr;
use socket2::SockRef;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio_util::io::poll_read_buf;

const MOST_HEAD_BYTES: usize = 64 * 1024;
const MOST_HEADERS: usize = 128;
const MOST_INTERIM: usize = 16;
/// Room for one read: little for a head (its buffer lives on in the answer's fields), more within a body.
const HEAD_READ_BYTES: usize = 2 * 1024;
pub(crate) const BODY_READ_BYTES: usize = 16 * 1024;

/// A connection to an upstream.
pub(crate) struct Connection {
    io: Io,
    pub(crate) buffer: BytesMut,
    deadline: Deadline,
}

enum Io {
    Whole(TcpStream),
    /// The other half is still sending a request's body.
    Reading(OwnedReadHalf),
}

/// The head of an upstream's answer.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Length,
    /// Whether the connection can be used again once the body is read.
    pub(crate) reusable: bool,
}

/// Why an exchange failed, and whether it may be tried again on another connection.
pub(crate) struct Failed {
    pub(crate) fault: UpstreamFault,
    /// Nothing of an answer was seen.
    pub(crate) silent: bool,
    /// Nothing of the request was given to the system: the upstream has not seen it; or it says that it has not processed it.
    pub(crate) unsent: bool,
}

impl Failed {
    /// Whether the request may go out once more, on a new connection: when the upstream has not seen it; or when it ended the
    /// connection without a byte of an answer, and two of this request do what one does (RFC 9110, section 9.2.2). That the
    /// connection was used before, and that there is no body, is for the caller to know.
    pub(crate) fn may_be_repeated(&self, method: &Method) -> bool {
        let is_idempotent = matches!(
            *method,
            Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
        );
        self.fault == UpstreamFault::Unreachable && (self.unsent || self.silent && is_idempotent)
    }
}

/// What a connection has to say before a request goes out on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    /// It is open, and nothing has come.
    Nothing,
    /// The upstream has closed it, with a word of farewell (408) or without.
    End,
    /// Bytes that nobody asked for.
    Something,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            io: Io::Whole(stream),
            buffer: BytesMut::new(),
            deadline: Deadline::default(),
        }
    }

    pub(crate) fn reading(half: OwnedReadHalf) -> Self {
        Self {
            io: Io::Reading(half),
            buffer: BytesMut::new(),
            deadline: Deadline::default(),
        }
    }

    /// Takes the connection apart into its stream and what was read ahead; `None` while a body is still being sent.
    pub(crate) fn into_parts(self) -> Option<(TcpStream, BytesMut)> {
        match self.io {
            Io::Whole(stream) => Some((stream, self.buffer)),
            Io::Reading(_) => None,
        }
    }

    /// Gives the reading half back its other half.
    pub(crate) fn reunite(self, writing: tokio::net::tcp::OwnedWriteHalf) -> Option<Self> {
        match self.io {
            Io::Reading(half) => {
                let io = Io::Whole(half.reunite(writing).ok()?);
                Some(Self {
                    io,
                    buffer: self.buffer,
                    deadline: self.deadline,
                })
            }
            Io::Whole(_) => None,
        }
    }

    /// What the upstream has said since its last answer.
    pub(crate) fn said(&self) -> Said {
        match &self.io {
            Io::Whole(stream) if self.buffer.is_empty() => said(stream),
            _ => Said::Something,
        }
    }

    /// Sends a whole request.
    pub(crate) async fn send(&mut self, bytes: &[u8], patience: Duration) -> Result<(), Failed> {
        let Self {
            io: Io::Whole(stream),
            deadline,
            ..
        } = self
        else {
            return Err(Failed {
                fault: UpstreamFault::Unreachable,
                silent: false,
                unsent: false,
            });
        };
        let mut left = bytes;
        let sent = write_all(stream, &mut left, deadline, patience).await;
        sent.map_err(|error| Failed {
            fault: fault_of(&error),
            silent: true,
            unsent: left.len() == bytes.len(),
        })
    }

    /// Waits for the head of the answer, past interim ones.
    pub(crate) async fn receive(&mut self, method: &Method, patience: Duration) -> Result<Head, Failed> {
        let mut seen_any = !self.buffer.is_empty();
        self.deadline.clear();
        for _ in 0..MOST_INTERIM {
            let end = loop {
                let end = find_end(&self.buffer);
                if end.unwrap_or(self.buffer.len()) > MOST_HEAD_BYTES {
                    return Err(bad("a head that is too long"));
                }
                if let Some(end) = end {
                    break end;
                }
                let read = poll_fn(|cx| self.poll_fill(HEAD_READ_BYTES, patience, cx)).await;
                match read {
                    Ok(0) => {
                        return Err(Failed {
                            fault: UpstreamFault::Unreachable,
                            silent: !seen_any,
                            unsent: false,
                        });
                    }
                    Ok(_) => seen_any = true,
                    Err(error) => {
                        return Err(Failed {
                            fault: fault_of(&error),
                            silent: !seen_any,
                            unsent: false,
                        });
                    }
                }
            };
            self.deadline.clear();
            let head = parse(&self.buffer.split_to(end).freeze(), method)?;
            if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS {
                return Ok(head);
            }
        }
        Err(bad("too many interim answers"))
    }

    /// The wait that [`Connection::poll_fill`] measures is over; the next one starts anew.
    pub(crate) fn progressed(&mut self) {
        self.deadline.clear();
    }

    /// Reads more into the buffer; 0 at the end of the stream, `TimedOut` when too much time has gone by since
    /// [`Connection::progressed`].
    pub(crate) fn poll_fill(
        &mut self,
        room: usize,
        patience: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.buffer.reserve(room);
        match poll_read_buf(Pin::new(&mut self.io), cx, &mut self.buffer) {
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => {
                ready!(self.deadline.poll_waiting(patience, cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Whole(stream) => Pin::new(stream).poll_read(cx, out),
            Self::Reading(half) => Pin::new(half).poll_read(cx, out),
        }
    }
}

/// What has come on a connection that waits for a request. The system is asked, since the runtime hears of it later.
pub(crate) fn said(stream: &TcpStream) -> Said {
    const FAREWELL: [&[u8]; 2] = [b"HTTP/1.1 408", b"HTTP/1.0 408"];
    let mut here = [MaybeUninit::new(0); 12];
    match SockRef::from(stream).peek(&mut here) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Said::Nothing,
        Ok(0) | Err(_) => Said::End,
        Ok(_) => {
            let mut bytes = [0; 12];
            match stream.try_read(&mut bytes) {
                Ok(read) if FAREWELL.contains(&&bytes[..read]) => Said::End,
                _ => Said::Something,
            }
        }
    }
}

/// Writes everything, and takes away from `bytes` what is written; `TimedOut` when nothing is taken for too long.
pub(crate) async fn write_all(
    io: &mut (impl AsyncWrite + Unpin),
    bytes: &mut &[u8],
    deadline: &mut Deadline,
    patience: Duration,
) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = poll_fn(|cx| match Pin::new(&mut *io).poll_write(cx, bytes) {
            Poll::Ready(outcome) => Poll::Ready(outcome),
            Poll::Pending => {
                ready!(deadline.poll_waiting(patience, cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        })
        .await?;
        deadline.clear();
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        *bytes = &bytes[written..];
    }
    Ok(())
}

fn fault_of(error: &io::Error) -> UpstreamFault {
    match error.kind() {
        io::ErrorKind::TimedOut => UpstreamFault::Timeout,
        _ => UpstreamFault::Unreachable,
    }
}

fn bad(what: &'static str) -> Failed {
    Failed {
        fault: UpstreamFault::BadAnswer(what),
        silent: false,
        unsent: false,
    }
}

/// The end of a head: an empty line, whether its lines end with CR LF or with LF alone.
fn find_end(buffer: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr(b'\n', &buffer[at..])? + 1;
        match &buffer[at..] {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

fn parse(bytes: &Bytes, method: &Method) -> Result<Head, Failed> {
    let mut storage = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut storage);
    if !matches!(parsed, Ok(httparse::Status::Complete(read)) if read == bytes.len()) {
        return Err(bad("a malformed head"));
    }
    let http11 = response.version == Some(1);
    let status = response
        .code
        .and_then(status)
        .ok_or(bad("a status that is none"))?;
    let said = body_length(response.headers, http11).map_err(|_| bad("an ambiguous length"))?;
    let headers = header_map(bytes, response.headers)?;
    if status == StatusCode::SWITCHING_PROTOCOLS && !is_websocket(response.headers) {
        return Err(bad("an upgrade to another protocol than WebSocket"));
    }
    let closes = connection_says(response.headers, b"close");
    let body = if has_no_body(method, status) {
        Length::Bytes(0)
    } else {
        said
    };
    let reusable = http11 && !closes && body != Length::Unsaid && status != StatusCode::SWITCHING_PROTOCOLS;
    Ok(Head {
        status,
        headers,
        body,
        reusable,
    })
}

/// A status, in one of the five classes that there are (RFC 9110, section 15).
pub(crate) fn status(code: u16) -> Option<StatusCode> {
    StatusCode::from_u16(code).ok().filter(|_| code < 600)
}

/// Whether an answer has no body, whatever its fields say (RFC 9112, section 6.3).
pub(crate) fn has_no_body(method: &Method, status: StatusCode) -> bool {
    *method == Method::HEAD || matches!(status.as_u16(), 100..=199 | 204 | 304)
}

/// The fields that go on to the client: all but those of the connection itself.
fn header_map(bytes: &Bytes, fields: &[httparse::Header<'_>]) -> Result<HeaderMap, Failed> {
    let mut headers = HeaderMap::with_capacity(fields.len() + 6);
    let lists_more = fields.iter().any(|field| {
        field.name.eq_ignore_ascii_case("connection")
            && ![&b"keep-alive"[..], b"close"]
                .iter()
                .any(|usual| field.value.eq_ignore_ascii_case(usual))
    });
    for field in fields {
        let name =
            HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| bad("a malformed header name"))?;
        if is_hop_by_hop(&name) || (lists_more && connection_says(fields, name.as_str().as_bytes())) {
            continue;
        }
        let value = HeaderValue::from_maybe_shared(bytes.slice_ref(field.value));
        headers.append(name, value.map_err(|_| bad("a malformed header value"))?);
    }
    Ok(headers)
}

/// Whether exactly one `Upgrade` field names exactly WebSocket: the only protocol that a tunnel is opened for.
fn is_websocket(fields: &[httparse::Header<'_>]) -> bool {
    let mut protocols = fields
        .iter()
        .filter(|field| field.name.eq_ignore_ascii_case("upgrade"));
    matches!(
        (protocols.next(), protocols.next()),
        (Some(only), None) if only.value.eq_ignore_ascii_case(b"websocket")
    )
}

fn connection_says(fields: &[httparse::Header<'_>], token: &[u8]) -> bool {
    fields.iter().any(|field| {
        field.name.eq_ignore_ascii_case("connection")
            && field
                .value
                .split(|b| *b == b',')
                .any(|said| said.trim_ascii().eq_ignore_ascii_case(token))
    })
}

/// Fields that speak of one connection only (RFC 9110, section 7.6.1).
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}
