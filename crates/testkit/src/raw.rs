//! A client that sends exactly the bytes it is given and reads answers without forgiving anything.

use crate::Certificate;
use crate::wire::{self, Framing, GUARD, Part, Reader};
use serde_json::Value;
use std::io::{Error, ErrorKind, Result};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// Bytes both ways: TCP or TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One connection.
pub struct RawClient {
    reader: Reader<Box<dyn Stream>>,
    local: SocketAddr,
    peer: SocketAddr,
    alpn: Option<Vec<u8>>,
}

/// An answer as it came.
#[derive(Clone, Debug, Default)]
pub struct RawResponse {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// The head's exact bytes, empty line included.
    pub head: Vec<u8>,
    /// Names as sent and values, in order.
    pub headers: Vec<(String, String)>,
    /// The content, unchunked; empty when it was only counted.
    pub body: Vec<u8>,
    /// The content's length in bytes.
    pub body_len: u64,
    /// The trailer fields of a chunked body.
    pub trailers: Vec<(String, String)>,
    /// The heads of the 1xx answers that came before, 101 excepted.
    pub interim: Vec<Vec<u8>>,
}

impl RawClient {
    /// Connects over TCP.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address)
            .await
            .unwrap_or_else(|e| panic!("connect to {address}: {e}"))
    }

    /// Connects over TCP, or tells why not.
    pub async fn try_connect(address: SocketAddr) -> Result<Self> {
        Self::over_tcp(guarded("connect", TcpStream::connect(address)).await?)
    }

    /// Connects from a given local address such as 127.0.0.2.
    pub async fn connect_from(local: IpAddr, address: SocketAddr) -> Self {
        let socket = if local.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }
        .expect("make a socket");
        socket
            .bind(SocketAddr::new(local, 0))
            .unwrap_or_else(|e| panic!("bind {local}: {e}"));
        let connected = guarded("connect", socket.connect(address)).await;
        Self::over_tcp(connected.unwrap_or_else(|e| panic!("connect to {address}: {e}"))).expect("addresses")
    }

    /// Connects over TLS and trusts only `certificate`; offers the ALPN protocols, none when empty.
    pub async fn connect_tls(
        address: SocketAddr,
        name: &str,
        certificate: &Certificate,
        alpn: &[&str],
    ) -> Self {
        Self::try_connect_tls(address, name, certificate, alpn)
            .await
            .unwrap_or_else(|e| panic!("connect to {address} over TLS: {e}"))
    }

    /// Connects over TLS, or tells why not.
    pub async fn try_connect_tls(
        address: SocketAddr,
        name: &str,
        certificate: &Certificate,
        alpn: &[&str],
    ) -> Result<Self> {
        let tcp = guarded("connect", TcpStream::connect(address)).await?;
        let (local, peer) = (tcp.local_addr()?, tcp.peer_addr()?);
        let name = rustls::pki_types::ServerName::try_from(name.to_owned()).map_err(Error::other)?;
        let connector = tokio_rustls::TlsConnector::from(certificate.client_config(alpn));
        let tls = guarded("TLS handshake", connector.connect(name, tcp)).await?;
        let alpn = tls.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        Ok(Self {
            reader: Reader::new(Box::new(tls), Some(GUARD)),
            local,
            peer,
            alpn,
        })
    }

    fn over_tcp(tcp: TcpStream) -> Result<Self> {
        tcp.set_nodelay(true)?;
        let (local, peer) = (tcp.local_addr()?, tcp.peer_addr()?);
        Ok(Self {
            reader: Reader::new(Box::new(tcp), Some(GUARD)),
            local,
            peer,
            alpn: None,
        })
    }

    /// This end's address.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// The other end's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.peer
    }

    /// The protocol that TLS agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// Sends bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = self.try_send(bytes).await;
        sent.unwrap_or_else(|e| {
            panic!(
                "send: {e}; received and not yet read: {}",
                shown(&self.reader.buffer)
            )
        });
    }

    /// Sends bytes, or tells that the peer takes none.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        let stream = &mut self.reader.stream;
        guarded("send", async {
            stream.write_all(bytes.as_ref()).await?;
            stream.flush().await
        })
        .await
    }

    /// Sends one byte at a time with a pause after each.
    pub async fn send_slowly(&mut self, bytes: impl AsRef<[u8]>, pause: Duration) {
        for byte in bytes.as_ref() {
            self.send([*byte]).await;
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends so many bytes of filler without holding them, or tells that the peer takes no more.
    pub async fn try_send_filler(&mut self, total: u64) -> Result<()> {
        let piece = [b'x'; 64 * 1024];
        let mut left = total;
        while left > 0 {
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            self.try_send(&piece[..count]).await?;
            left -= count as u64;
        }
        Ok(())
    }

    /// Ends this end's stream; answers can still be read.
    pub async fn finish_sending(&mut self) {
        self.reader.stream.shutdown().await.expect("end the stream");
    }

    /// Reads the answer to a request that was not `HEAD`.
    pub async fn read_response(&mut self) -> RawResponse {
        self.read_response_to("GET").await
    }

    /// Reads the answer to a request with this method (an answer to `HEAD` has no body).
    pub async fn read_response_to(&mut self, method: &str) -> RawResponse {
        self.read_with(method, true)
            .await
            .unwrap_or_else(|(e, seen)| panic!("no whole answer: {e}; {seen}"))
    }

    /// Reads an answer and counts its body without keeping it.
    pub async fn read_response_counting(&mut self) -> RawResponse {
        self.read_with("GET", false)
            .await
            .unwrap_or_else(|(e, seen)| panic!("no whole answer: {e}; {seen}"))
    }

    /// Reads the answer to a request with this method, or tells why there is none (a close is `UnexpectedEof`).
    pub async fn try_read_response(&mut self, method: &str) -> Result<RawResponse> {
        self.read_with(method, true)
            .await
            .map_err(|(e, seen)| Error::new(e.kind(), format!("{e}; {seen}")))
    }

    async fn read_with(
        &mut self,
        method: &str,
        keep: bool,
    ) -> std::result::Result<RawResponse, (Error, String)> {
        let mut response = RawResponse::default();
        match self.read_into(&mut response, method, keep).await {
            Ok(()) => Ok(response),
            Err(e) => {
                let left = shown(&self.reader.buffer);
                let seen = format!(
                    "interim: {:?}, head: {}, body ({} bytes): {}, unread: {left}",
                    response
                        .interim
                        .iter()
                        .map(|head| shown(head))
                        .collect::<Vec<_>>(),
                    shown(&response.head),
                    response.body_len,
                    shown(&response.body),
                );
                Err((e, seen))
            }
        }
    }

    async fn read_into(&mut self, response: &mut RawResponse, method: &str, keep: bool) -> Result<()> {
        loop {
            let head = self.reader.take_head().await?;
            let head =
                head.ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "closed without an answer"))?;
            let (status, reason) = status_line(&head)?;
            if (100..200).contains(&status) && status != 101 {
                response.interim.push(head);
                continue;
            }
            (response.status, response.reason) = (status, reason);
            response.headers = wire::headers(&head);
            response.head = head;
            break;
        }
        if method == "HEAD" || matches!(response.status, 101 | 204 | 304) {
            return Ok(());
        }
        let framing = wire::framing(&response.headers)?.unwrap_or(Framing::UntilClose);
        let mut trailers = b"\r\n".to_vec();
        let (body, count) = (&mut response.body, &mut response.body_len);
        let read = self.reader.read_body(framing, |part| match part {
            Part::Content(bytes) => {
                *count += bytes.len() as u64;
                if keep {
                    body.extend_from_slice(bytes);
                }
            }
            Part::Trailers(line) => trailers.extend_from_slice(line),
            Part::Framing(_) => {}
        });
        read.await?;
        response.trailers = wire::headers(&trailers);
        Ok(())
    }

    /// Reads exactly so many bytes, whatever they are.
    pub async fn read_exact(&mut self, count: usize) -> Vec<u8> {
        let read = self.reader.take(count).await;
        read.unwrap_or_else(|e| {
            panic!(
                "{count} bytes wanted: {e}; received: {}",
                shown(&self.reader.buffer)
            )
        })
    }

    /// Reads what comes next, whatever it is; empty when the peer closed.
    pub async fn read_some(&mut self) -> Vec<u8> {
        if self.reader.buffer.is_empty() {
            self.reader.fill().await.unwrap_or_else(|e| panic!("read: {e}"));
        }
        std::mem::take(&mut self.reader.buffer)
    }

    /// Reads until the peer closes or resets.
    pub async fn read_to_end(&mut self) -> Vec<u8> {
        loop {
            match self.reader.fill().await {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::TimedOut => {
                    panic!("still open: {e}; received: {}", shown(&self.reader.buffer))
                }
                Err(_) => break,
            }
        }
        std::mem::take(&mut self.reader.buffer)
    }

    /// Whether the peer closes or resets within this time; what comes before that stays to be read.
    pub async fn is_closed_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.reader.fill()).await {
                Err(_) => return false,
                Ok(Ok(0)) => return true,
                Ok(Ok(_)) => {}
                Ok(Err(e)) => return e.kind() != ErrorKind::TimedOut,
            }
        }
    }

    /// What was received and not read.
    pub fn unread(&self) -> &[u8] {
        &self.reader.buffer
    }

    pub(crate) fn into_stream(self) -> Box<dyn Stream> {
        self.reader.stream
    }
}

impl RawResponse {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.header_all(name).first().copied()
    }

    /// Every value of a header, in order.
    pub fn header_all(&self, name: &str) -> Vec<&str> {
        wire::values(&self.headers, name)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| {
            panic!(
                "no JSON: {e}; head: {}, body: {}",
                shown(&self.head),
                shown(&self.body)
            )
        })
    }
}

/// Connects, sends the bytes, reads one answer and closes; a request line that begins with `HEAD ` is understood.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> RawResponse {
    exchange_on(RawClient::connect(address).await, bytes.as_ref()).await
}

/// Like [`exchange`], from a given local address such as 127.0.0.2.
pub async fn exchange_from(local: IpAddr, address: SocketAddr, bytes: impl AsRef<[u8]>) -> RawResponse {
    exchange_on(RawClient::connect_from(local, address).await, bytes.as_ref()).await
}

/// The bytes of a well-formed request: `Host` is `localhost`, a body that is not empty gets a `Content-Length`.
pub fn request(method: &str, target: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        head.push_str("Host: localhost\r\n");
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

async fn exchange_on(mut client: RawClient, bytes: &[u8]) -> RawResponse {
    let method = if bytes.starts_with(b"HEAD ") {
        "HEAD"
    } else {
        "GET"
    };
    // A server may answer and close before it has taken every byte: the answer is what counts.
    let sent = client.try_send(bytes).await;
    let answer = client.try_read_response(method).await;
    answer.unwrap_or_else(|e| panic!("no answer: {e}; sending: {sent:?}; request: {}", shown(bytes)))
}

fn status_line(head: &[u8]) -> Result<(u16, String)> {
    let line = wire::first_line(head);
    let mut parts = line.splitn(3, ' ');
    let version = parts.next().unwrap_or_default();
    let status = parts.next().and_then(|text| text.parse().ok());
    match status {
        Some(status) if version.starts_with("HTTP/1.") => {
            Ok((status, parts.next().unwrap_or_default().to_owned()))
        }
        _ => Err(wire::bad(&format!("no status line: {line:?}"))),
    }
}

async fn guarded<T>(what: &str, doing: impl Future<Output = Result<T>>) -> Result<T> {
    match tokio::time::timeout(GUARD, doing).await {
        Ok(done) => done,
        Err(_) => Err(Error::new(
            ErrorKind::TimedOut,
            format!("{what}: not done in {GUARD:?}"),
        )),
    }
}

/// Bytes for a panic message, cut at 2 KiB.
pub(crate) fn shown(bytes: &[u8]) -> String {
    let cut = &bytes[..bytes.len().min(2048)];
    format!(
        "\"{}\"{}",
        cut.escape_ascii(),
        if cut.len() < bytes.len() { "…" } else { "" }
    )
}
