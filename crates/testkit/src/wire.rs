//! Reading HTTP/1.1 off a stream: what the raw client and the echo upstream share.

use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The longest silence that a test waits through: as long as for anything else.
pub(crate) const GUARD: Duration = crate::WAIT_TIMEOUT;

const PIECE: usize = 64 * 1024;

/// How the end of a body is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks, then a trailer section.
    Chunked,
    /// Until the peer closes.
    UntilClose,
}

/// What a body is made of, told piece by piece.
pub(crate) enum Part<'a> {
    /// Content.
    Content(&'a [u8]),
    /// Chunk sizes and line ends.
    Framing(&'a [u8]),
    /// The trailer section without the empty line at its end.
    Trailers(&'a [u8]),
}

/// A stream with the bytes that were read too far.
pub(crate) struct Reader<S> {
    pub(crate) stream: S,
    pub(crate) buffer: Vec<u8>,
    silence: Option<Duration>,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    /// Wraps a stream; a silence longer than `silence` is a `TimedOut` error.
    pub(crate) fn new(stream: S, silence: Option<Duration>) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
            silence,
        }
    }

    /// Reads once into the buffer; 0 means that the peer closed.
    pub(crate) async fn fill(&mut self) -> Result<usize> {
        self.buffer.reserve(PIECE);
        let read = self.stream.read_buf(&mut self.buffer);
        match self.silence {
            None => read.await,
            Some(limit) => tokio::time::timeout(limit, read)
                .await
                .unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, format!("nothing for {limit:?}")))),
        }
    }

    /// Takes exactly `count` bytes.
    pub(crate) async fn take(&mut self, count: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < count {
            self.fill_or_end().await?;
        }
        Ok(self.buffer.drain(..count).collect())
    }

    /// Takes a head with the empty line at its end; `None` when the peer closed before its first byte.
    pub(crate) async fn take_head(&mut self) -> Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.buffer[searched..], b"\r\n\r\n") {
                return Ok(Some(self.buffer.drain(..searched + at + 4).collect()));
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.fill().await? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(cut_short())
                };
            }
        }
    }

    /// Reads a body and tells its parts; nothing is kept.
    pub(crate) async fn read_body(&mut self, framing: Framing, mut see: impl FnMut(Part<'_>)) -> Result<()> {
        match framing {
            Framing::Length(length) => self.read_content(length, &mut see).await,
            Framing::Chunked => self.read_chunks(&mut see).await,
            Framing::UntilClose => loop {
                see(Part::Content(&self.buffer));
                self.buffer.clear();
                if self.fill().await? == 0 {
                    return Ok(());
                }
            },
        }
    }

    async fn read_content(&mut self, mut left: u64, see: &mut impl FnMut(Part<'_>)) -> Result<()> {
        while left > 0 {
            if self.buffer.is_empty() {
                self.fill_or_end().await?;
            }
            let count = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            see(Part::Content(&self.buffer[..count]));
            self.buffer.drain(..count);
            left -= count as u64;
        }
        Ok(())
    }

    async fn read_chunks(&mut self, see: &mut impl FnMut(Part<'_>)) -> Result<()> {
        loop {
            let line = self.take_line().await?;
            see(Part::Framing(&line));
            let size = chunk_size(&line)?;
            if size == 0 {
                return self.read_trailers(see).await;
            }
            self.read_content(size, see).await?;
            let end = self.take(2).await?;
            see(Part::Framing(&end));
            if end != b"\r\n" {
                return Err(bad("a chunk is longer than its size says"));
            }
        }
    }

    async fn read_trailers(&mut self, see: &mut impl FnMut(Part<'_>)) -> Result<()> {
        loop {
            let line = self.take_line().await?;
            if line == b"\r\n" {
                see(Part::Framing(&line));
                return Ok(());
            }
            see(Part::Trailers(&line));
        }
    }

    async fn take_line(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n") {
                return Ok(self.buffer.drain(..at + 2).collect());
            }
            self.fill_or_end().await?;
        }
    }

    async fn fill_or_end(&mut self) -> Result<()> {
        if self.fill().await? == 0 {
            Err(cut_short())
        } else {
            Ok(())
        }
    }
}

/// The position of `wanted` in `bytes`.
pub(crate) fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The first line of a head, without its end.
pub(crate) fn first_line(head: &[u8]) -> String {
    let end = find(head, b"\r\n").unwrap_or(head.len());
    String::from_utf8_lossy(&head[..end]).into_owned()
}

/// The header lines of a head in order, without their ends.
pub(crate) fn header_lines(head: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(head);
    text.split("\r\n")
        .skip(1)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Names as sent and values without outer blanks, in order.
pub(crate) fn headers(lines: &[u8]) -> Vec<(String, String)> {
    header_lines(lines)
        .iter()
        .map(|line| line.split_once(':').unwrap_or((line, "")))
        .map(|(name, value)| (name.to_owned(), value.trim_matches([' ', '\t']).to_owned()))
        .collect()
}

/// Every value of a header, in order.
pub(crate) fn values<'a>(headers: &'a [(String, String)], name: &str) -> Vec<&'a str> {
    headers
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.as_str())
        .collect()
}

/// What a head says about its body, or `None` when it says nothing.
pub(crate) fn framing(headers: &[(String, String)]) -> Result<Option<Framing>> {
    let codings = values(headers, "transfer-encoding");
    let lengths = values(headers, "content-length");
    match (codings.as_slice(), lengths.as_slice()) {
        ([], []) => Ok(None),
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => Ok(Some(Framing::Chunked)),
        ([], [length]) if length.bytes().all(|b| b.is_ascii_digit()) => length
            .parse()
            .map(|length| Some(Framing::Length(length)))
            .map_err(|_| bad("Content-Length is no number")),
        _ => Err(bad("the framing is ambiguous")),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64> {
    let text = String::from_utf8_lossy(line);
    let digits = text.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(digits, 16).map_err(|_| bad("a chunk size is no number"))
}

pub(crate) fn bad(text: &str) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

fn cut_short() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the peer closed in the middle")
}
