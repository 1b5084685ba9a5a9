//! TLS where plain HTTP is spoken, and plain HTTP where TLS is: an answer that says so, and a line in the log.

use crate::told::Told;
use crate::{Tls, date};
use http::{HeaderMap, StatusCode, header};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

/// What a handshake of TLS begins with; no request does.
pub const TLS_BEGINS: u8 = 0x16;

const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: u64 = 64 * 1024;

/// The answer to a request in plain HTTP. It needs no name of a request: there was none.
const ANSWER: &str = "{\"type\":\"about:blank\",\"title\":\"TLS is spoken here\",\"status\":400,\"code\":\"tls_required\",\
    \"detail\":\"This port speaks TLS, and the request came in plain HTTP. Write https:// in place of http://.\"}";

/// Shakes hands. Whoever speaks plain HTTP is told that this port speaks TLS. None when there is no connection to be had in
/// this time; that is the client's affair.
pub async fn accept_tls(tls: &Tls, stream: TcpStream, patience: Duration) -> Option<TlsStream<TcpStream>> {
    let accepting = async {
        let mut first = [0];
        let read = stream.peek(&mut first).await.ok()?;
        // A method, or the empty line that may stand before one.
        if read == 1 && (first[0].is_ascii_alphabetic() || first[0] == b'\r') {
            refuse_plain(stream).await;
            return None;
        }
        tls.acceptor().accept(stream).await.ok()
    };
    timeout(patience, accepting).await.ok()?
}

async fn refuse_plain(mut stream: TcpStream) {
    let status = StatusCode::BAD_REQUEST;
    let mut fields = HeaderMap::new();
    date(&mut fields);
    let now = fields.get(header::DATE).and_then(|now| now.to_str().ok());
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\ndate: {}\r\n\
         connection: close\r\n\r\n{ANSWER}",
        ANSWER.len(),
        now.unwrap_or_default()
    );
    let told = async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        // Unread bytes would make a reset of the end, and the answer be lost.
        tokio::io::copy(&mut stream.take(LINGER_BYTES), &mut tokio::io::sink()).await
    };
    let _ = timeout(LINGER, told).await;
}

/// Tells the operator once of each address that speaks TLS to a port which does not.
pub fn tell_of_tls(plane: &str, peer: SocketAddr) {
    static TOLD: Told = Told::new();
    if TOLD.is_news(peer.ip().to_canonical()) {
        tracing::warn!(
            peer = %peer.ip().to_canonical(),
            "{plane}: a client speaks TLS to this port, which speaks plain HTTP: it has to use http://, or a certificate has to be set"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_a_document() {
        assert!(ANSWER.starts_with('{') && ANSWER.ends_with('}') && ANSWER.matches('"').count() == 18);
        assert!(!ANSWER.contains("  "), "{ANSWER}");
    }
}
