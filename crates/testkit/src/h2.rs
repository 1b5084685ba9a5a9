//! HTTP/2: a client that keeps the rules, and a frame writer that breaks them.

#[cfg(test)]
mod tests;

use crate::raw::{Stream, shown};
use crate::wire::{GUARD, Reader};
use crate::{Certificate, RawClient, hpack};
use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A connection that keeps the rules of HTTP/2.
pub struct H2Client {
    sender: SendRequest<Full<Bytes>>,
    authority: String,
    scheme: &'static str,
}

/// An answer over HTTP/2.
#[derive(Clone, Debug)]
pub struct H2Response {
    /// Status code.
    pub status: u16,
    /// Header fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
    /// Trailer fields.
    pub trailers: HeaderMap,
}

/// A connection on which every frame is written by hand; it sends the preface and empty settings at once.
pub struct RawH2 {
    reader: Reader<Box<dyn Stream>>,
}

/// A frame (RFC 9113, section 4.1).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Type.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Stream id.
    pub stream: u32,
    /// Payload.
    pub payload: Vec<u8>,
}

/// What became of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum H2Outcome {
    /// A final answer with this status.
    Status(u16),
    /// RST_STREAM with this code.
    Reset(u32),
    /// GOAWAY with this code, other than a graceful one.
    GoAway(u32),
    /// The connection was closed.
    Closed,
}

impl H2Client {
    /// Connects with prior knowledge.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(RawClient::connect(address).await, "http").await
    }

    /// Connects over TLS with ALPN `h2`; trusts only `certificate`.
    pub async fn connect_tls(address: SocketAddr, name: &str, certificate: &Certificate) -> Self {
        let client = RawClient::connect_tls(address, name, certificate, &["h2"]).await;
        assert_eq!(
            client.alpn(),
            Some(&b"h2"[..]),
            "the server does not agree on HTTP/2"
        );
        Self::over(client, "https").await
    }

    async fn over(client: RawClient, scheme: &'static str) -> Self {
        let authority = client.peer_addr().to_string();
        let io = TokioIo::new(client.into_stream());
        let (sender, connection) = handshake(TokioExecutor::new(), io)
            .await
            .expect("HTTP/2 handshake");
        // How the connection ends is told to each request on it.
        tokio::spawn(async move { drop(connection.await) });
        Self {
            sender,
            authority,
            scheme,
        }
    }

    /// Sends a request to a path and reads the whole answer.
    pub async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> H2Response {
        let sent = self.try_send(method, path, headers, body).await;
        sent.unwrap_or_else(|e| panic!("{method} {path} over HTTP/2: {e:?}"))
    }

    /// Sends a request and reads the whole answer, or tells why there is none.
    pub async fn try_send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> hyper::Result<H2Response> {
        let uri = format!("{}://{}{path}", self.scheme, self.authority);
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.try_send_request(request.body(Full::new(body.into())).expect("a legal request"))
            .await
    }

    /// Sends a request made by the caller, absolute URI included.
    pub async fn try_send_request(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<H2Response> {
        let exchange = async {
            self.sender.ready().await?;
            let (head, body) = self.sender.send_request(request).await?.into_parts();
            let body = body.collect().await?;
            let trailers = body.trailers().cloned().unwrap_or_default();
            let (status, headers) = (head.status.as_u16(), head.headers);
            Ok(H2Response {
                status,
                headers,
                body: body.to_bytes(),
                trailers,
            })
        };
        tokio::time::timeout(GUARD, exchange)
            .await
            .unwrap_or_else(|_| panic!("no HTTP/2 answer in {GUARD:?}"))
    }

    /// A second handle to the same connection, for requests at the same time.
    pub fn share(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            authority: self.authority.clone(),
            scheme: self.scheme,
        }
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }
}

impl H2Response {
    /// The first value of a header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a header of visible characters"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("no JSON: {e}; {}", shown(&self.body)))
    }
}

impl RawH2 {
    /// Frame type DATA.
    pub const DATA: u8 = 0;
    /// Frame type HEADERS.
    pub const HEADERS: u8 = 1;
    /// Frame type RST_STREAM.
    pub const RST_STREAM: u8 = 3;
    /// Frame type SETTINGS.
    pub const SETTINGS: u8 = 4;
    /// Frame type PING.
    pub const PING: u8 = 6;
    /// Frame type GOAWAY.
    pub const GOAWAY: u8 = 7;
    /// Frame type WINDOW_UPDATE.
    pub const WINDOW_UPDATE: u8 = 8;
    /// Frame type CONTINUATION.
    pub const CONTINUATION: u8 = 9;
    /// Flag of SETTINGS and PING.
    pub const ACK: u8 = 1;
    /// Flag of DATA and HEADERS.
    pub const END_STREAM: u8 = 1;
    /// Flag of HEADERS and CONTINUATION.
    pub const END_HEADERS: u8 = 4;

    /// Connects with prior knowledge.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::over(RawClient::connect(address).await).await
    }

    /// Connects over TLS with ALPN `h2`; trusts only `certificate`.
    pub async fn connect_tls(address: SocketAddr, name: &str, certificate: &Certificate) -> Self {
        Self::over(RawClient::connect_tls(address, name, certificate, &["h2"]).await).await
    }

    /// Sends the preface and waits until the server knows that answers must use no dynamic table.
    async fn over(client: RawClient) -> Self {
        let mut h2 = Self {
            reader: Reader::new(client.into_stream(), Some(GUARD)),
        };
        h2.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        // SETTINGS_HEADER_TABLE_SIZE = 0
        h2.frame(Self::SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]).await;
        loop {
            match h2.read_frame().await {
                Some(frame) if frame.kind == Self::SETTINGS && frame.flags & Self::ACK != 0 => return h2,
                Some(_) => {}
                None => panic!(
                    "the server speaks no HTTP/2: it closed; read: {}",
                    shown(&h2.reader.buffer)
                ),
            }
        }
    }

    /// Takes a connection as a server does: reads the preface and sends empty settings.
    pub async fn accept(stream: TcpStream) -> Self {
        let mut h2 = Self {
            reader: Reader::new(Box::new(stream), Some(GUARD)),
        };
        h2.reader.take(24).await.expect("the preface of HTTP/2");
        h2.frame(Self::SETTINGS, 0, 0, &[]).await;
        h2
    }

    /// Writes bytes as they are; an error of the peer's shows in the next read.
    pub async fn raw(&mut self, bytes: impl AsRef<[u8]>) {
        let stream = &mut self.reader.stream;
        if stream.write_all(bytes.as_ref()).await.is_ok() {
            drop(stream.flush().await);
        }
    }

    /// Writes a frame.
    pub async fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len())
            .expect("a payload under 16 MiB")
            .to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags];
        bytes.extend_from_slice(&stream.to_be_bytes());
        bytes.extend_from_slice(payload);
        self.raw(bytes).await;
    }

    /// Writes HEADERS with these fields exactly, pseudo-header fields included; over 16 KiB CONTINUATION follows.
    pub async fn headers(
        &mut self,
        stream: u32,
        fields: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)],
        end_stream: bool,
    ) {
        let fields: Vec<(&[u8], &[u8])> = fields.iter().map(|(n, v)| (n.as_ref(), v.as_ref())).collect();
        let block = hpack::encode(&fields);
        let pieces: Vec<&[u8]> = block.chunks(16_384).collect();
        for (index, piece) in pieces.iter().enumerate() {
            let kind = if index == 0 {
                Self::HEADERS
            } else {
                Self::CONTINUATION
            };
            let mut flags = if index + 1 == pieces.len() {
                Self::END_HEADERS
            } else {
                0
            };
            if index == 0 && end_stream {
                flags |= Self::END_STREAM;
            }
            self.frame(kind, flags, stream, piece).await;
        }
    }

    /// Writes HEADERS of a whole GET request: the four pseudo-header fields, then these fields.
    pub async fn get(&mut self, stream: u32, path: &str, fields: &[(&str, &str)]) {
        let pseudo = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", path),
        ];
        let all: Vec<(&str, &str)> = pseudo.iter().chain(fields).copied().collect();
        self.headers(stream, &all, true).await;
    }

    /// Writes DATA.
    pub async fn data(&mut self, stream: u32, bytes: impl AsRef<[u8]>, end_stream: bool) {
        let flags = if end_stream { Self::END_STREAM } else { 0 };
        self.frame(Self::DATA, flags, stream, bytes.as_ref()).await;
    }

    /// Writes RST_STREAM.
    pub async fn reset(&mut self, stream: u32, code: u32) {
        self.frame(Self::RST_STREAM, 0, stream, &code.to_be_bytes()).await;
    }

    /// Writes GOAWAY: no stream after `last` was or is processed.
    pub async fn go_away(&mut self, last: u32, code: u32) {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        self.frame(Self::GOAWAY, 0, 0, &payload).await;
    }

    /// Reads a frame; `None` when the connection is closed. Settings and pings are acknowledged by themselves.
    pub async fn read_frame(&mut self) -> Option<Frame> {
        let frame = match self.take_frame().await {
            Ok(frame) => frame,
            Err(e) if e.kind() == ErrorKind::TimedOut => panic!("no HTTP/2 frame: {e}"),
            Err(_) => return None,
        };
        if matches!(frame.kind, Self::SETTINGS | Self::PING) && frame.flags & Self::ACK == 0 {
            let payload = if frame.kind == Self::PING {
                frame.payload.as_slice()
            } else {
                &[]
            };
            self.frame(frame.kind, Self::ACK, 0, payload).await;
        }
        Some(frame)
    }

    /// Reads until this stream has its final status or is refused. Frames of other streams are dropped.
    pub async fn outcome(&mut self, stream: u32) -> H2Outcome {
        loop {
            let Some(frame) = self.read_frame().await else {
                return H2Outcome::Closed;
            };
            match frame.kind {
                Self::HEADERS if frame.stream == stream => match frame.status() {
                    Some(status) if status < 200 => {}
                    Some(status) => return H2Outcome::Status(status),
                    None => panic!("a header block without a status: {}", shown(&frame.payload)),
                },
                Self::RST_STREAM if frame.stream == stream => return H2Outcome::Reset(frame.code_at(0)),
                Self::GOAWAY if frame.code_at(4) != 0 => return H2Outcome::GoAway(frame.code_at(4)),
                _ => {}
            }
        }
    }

    /// Reads the body of this stream to its end; `None` when it is reset or the connection closes.
    pub async fn body(&mut self, stream: u32) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let frame = self.read_frame().await?;
            if frame.stream != stream {
                continue;
            }
            match frame.kind {
                Self::DATA => body.extend_from_slice(&frame.payload),
                Self::RST_STREAM => return None,
                _ => {}
            }
            if matches!(frame.kind, Self::DATA | Self::HEADERS) && frame.flags & Self::END_STREAM != 0 {
                return Some(body);
            }
        }
    }

    /// Whether the peer closes within this time; frames that come before are dropped.
    pub async fn is_closed_within(&mut self, time: Duration) -> bool {
        let closed = async { while self.read_frame().await.is_some() {} };
        tokio::time::timeout(time, closed).await.is_ok()
    }

    async fn take_frame(&mut self) -> Result<Frame> {
        let head = self.reader.take(9).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let payload = self.reader.take(length as usize).await?;
        Ok(Frame {
            kind: head[3],
            flags: head[4],
            stream,
            payload,
        })
    }
}

impl Frame {
    /// The status of a HEADERS frame without padding or priority.
    pub fn status(&self) -> Option<u16> {
        (self.kind == RawH2::HEADERS)
            .then(|| hpack::status(&self.payload))
            .flatten()
    }

    fn code_at(&self, at: usize) -> u32 {
        self.payload
            .get(at..at + 4)
            .map_or(0, |code| u32::from_be_bytes(code.try_into().expect("four bytes")))
    }
}
