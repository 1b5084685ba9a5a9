//! The answers that the upstream can give.

use std::io::Result;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};

/// An answer.
#[derive(Clone, Debug)]
pub enum Reply {
    /// 200 with a JSON object: `method`, `target`, `headers` (lines in order), `body_length`, `body_sha256`
    /// (null when bodies are not recorded), `connection`.
    Echo,
    /// These bytes as they are; the connection stays open.
    Bytes(Vec<u8>),
    /// These bytes as they are, then a close.
    BytesThenClose(Vec<u8>),
    /// No answer; the connection stays open until the peer closes.
    Hang,
    /// 200 with a body in pieces and a pause before each.
    SlowBody {
        /// The pieces.
        pieces: Vec<Vec<u8>>,
        /// The pause before each piece.
        pause: Duration,
        /// Chunked, or else with a Content-Length.
        chunked: bool,
    },
    /// A well-formed answer; a Content-Length is added unless the headers say how the body ends.
    Http {
        /// Status code.
        status: u16,
        /// Header fields in order.
        headers: Vec<(String, String)>,
        /// Body.
        body: Vec<u8>,
    },
    /// 200 with so many bytes of filler under a Content-Length.
    Stream {
        /// The body's length.
        total_bytes: u64,
    },
    /// 101 to `websocket`, then every byte is sent back.
    Upgrade,
    /// A close in place of an answer.
    CloseWithoutAnswer,
    /// This answer at once, before the request's body is read.
    BeforeBody(Box<Reply>),
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The next request may come.
    KeepOpen,
    /// It is closed.
    Close,
    /// Nothing more is sent.
    Silence,
    /// Every byte is sent back.
    EchoBytes,
}

impl Reply {
    /// A well-formed answer with a body and no header of its own.
    pub fn http(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::Http {
            status,
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Writes every answer but `Echo`, which is made before.
    pub(super) async fn write(&self, to: &mut (impl AsyncWrite + Unpin), head_only: bool) -> Result<After> {
        match self {
            Self::Echo | Self::BeforeBody(_) => Ok(After::KeepOpen),
            Self::Bytes(bytes) => written(to, bytes, After::KeepOpen).await,
            Self::BytesThenClose(bytes) => written(to, bytes, After::Close).await,
            Self::Hang => Ok(After::Silence),
            Self::CloseWithoutAnswer => Ok(After::Close),
            Self::SlowBody {
                pieces,
                pause,
                chunked,
            } => write_slowly(to, pieces, *pause, *chunked, head_only).await,
            Self::Http {
                status,
                headers,
                body,
            } => {
                let body = if head_only { &[] } else { body.as_slice() };
                let mut bytes = head(*status, headers, self.content_length());
                bytes.extend_from_slice(body);
                written(to, &bytes, After::KeepOpen).await
            }
            Self::Stream { total_bytes } => {
                to.write_all(&head(200, &[], Some(*total_bytes))).await?;
                if !head_only {
                    write_filler(to, *total_bytes).await?;
                }
                Ok(After::KeepOpen)
            }
            Self::Upgrade => {
                let head =
                    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
                written(to, head, After::EchoBytes).await
            }
        }
    }

    fn content_length(&self) -> Option<u64> {
        let Self::Http {
            status,
            headers,
            body,
        } = self
        else {
            return None;
        };
        let said = headers.iter().any(|(name, _)| {
            name.eq_ignore_ascii_case("content-length") || name.eq_ignore_ascii_case("transfer-encoding")
        });
        let none = said || matches!(status, 100..=199 | 204 | 304);
        (!none).then_some(body.len() as u64)
    }
}

async fn written(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8], after: After) -> Result<After> {
    to.write_all(bytes).await?;
    Ok(after)
}

async fn write_slowly(
    to: &mut (impl AsyncWrite + Unpin),
    pieces: &[Vec<u8>],
    pause: Duration,
    chunked: bool,
    head_only: bool,
) -> Result<After> {
    let total: usize = pieces.iter().map(Vec::len).sum();
    let coding = [("Transfer-Encoding".to_owned(), "chunked".to_owned())];
    let head = if chunked {
        head(200, &coding, None)
    } else {
        head(200, &[], Some(total as u64))
    };
    to.write_all(&head).await?;
    if head_only {
        return Ok(After::KeepOpen);
    }
    for piece in pieces {
        tokio::time::sleep(pause).await;
        if chunked {
            let mut bytes = format!("{:x}\r\n", piece.len()).into_bytes();
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
            to.write_all(&bytes).await?;
        } else {
            to.write_all(piece).await?;
        }
    }
    written(to, if chunked { b"0\r\n\r\n" } else { b"" }, After::KeepOpen).await
}

async fn write_filler(to: &mut (impl AsyncWrite + Unpin), total: u64) -> Result<()> {
    let piece = vec![b'x'; 256 * 1024];
    let mut left = total;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        to.write_all(&piece[..count]).await?;
        left -= count as u64;
    }
    Ok(())
}

fn head(status: u16, headers: &[(String, String)], length: Option<u64>) -> Vec<u8> {
    let status = http::StatusCode::from_u16(status).expect("a status of three digits");
    let reason = status.canonical_reason().unwrap_or("Unnamed");
    let mut text = format!("HTTP/1.1 {} {reason}\r\n", status.as_str());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(length) = length {
        text.push_str(&format!("Content-Length: {length}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}
