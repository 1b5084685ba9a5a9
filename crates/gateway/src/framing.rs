//! HTTP/1.1 framing, strictly: how long a body is, and where a chunk ends (RFC 9112, sections 6 and 7). One set of rules
//! for clients and upstreams; what two readers could read in two ways is a fault.

use http::HeaderMap;
use http::header::CONTENT_LENGTH;
use httparse::Header;
use memchr::memchr;

/// How the end of a body is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Length {
    /// After so many bytes.
    Bytes(u64),
    /// After the last chunk.
    Chunked,
    /// No field says; a response then ends with its connection, a request has no body.
    Unsaid,
}

/// Why framing is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FramingFault {
    /// Ambiguous or malformed.
    Malformed(&'static str),
    /// A transfer coding other than `chunked`.
    UnknownCoding,
}

/// Reads `Content-Length` and `Transfer-Encoding`: at most one of them, once, in its plain form.
pub(crate) fn body_length(headers: &[Header<'_>], http11: bool) -> Result<Length, FramingFault> {
    let mut length = None;
    let mut coding = None;
    for header in headers {
        if header.name.eq_ignore_ascii_case("content-length") && length.replace(header.value).is_some() {
            return Err(FramingFault::Malformed("more than one Content-Length"));
        }
        if header.name.eq_ignore_ascii_case("transfer-encoding") && coding.replace(header.value).is_some() {
            return Err(FramingFault::Malformed("more than one Transfer-Encoding"));
        }
    }
    match (length, coding) {
        (Some(_), Some(_)) => Err(FramingFault::Malformed(
            "both Content-Length and Transfer-Encoding",
        )),
        (None, Some(_)) if !http11 => Err(FramingFault::Malformed("Transfer-Encoding in HTTP/1.0")),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
        (None, Some(coding)) if is_single_token(coding) => Err(FramingFault::UnknownCoding),
        (None, Some(_)) => Err(FramingFault::Malformed(
            "a Transfer-Encoding other than `chunked`",
        )),
        (Some(length), None) => parse_length(length).map(Length::Bytes),
        (None, None) => Ok(Length::Unsaid),
    }
}

fn is_single_token(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Reads the value of a `Content-Length` in its plain form.
fn parse_length(value: &[u8]) -> Result<u64, FramingFault> {
    let fault = FramingFault::Malformed("a Content-Length that is no plain number");
    let plain = matches!(value, [b'0'] | [b'1'..=b'9', ..]) && value.iter().all(u8::is_ascii_digit);
    if !plain {
        return Err(fault);
    }
    let digits = str::from_utf8(value).map_err(|_| fault)?;
    digits
        .parse::<u64>()
        .ok()
        .filter(|length| *length < 1 << 63)
        .ok_or(fault)
}

/// Whether there is at most one `Content-Length`, and that in its plain form: for HTTP/2, whose library lets others pass.
pub(crate) fn has_plain_length(headers: &HeaderMap) -> bool {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    match (lengths.next(), lengths.next()) {
        (None, _) => true,
        (Some(length), None) => parse_length(length.as_bytes()).is_ok(),
        (Some(_), Some(_)) => false,
    }
}

/// Follows a chunked body, byte by byte as it comes.
#[derive(Debug)]
pub(crate) struct Chunks {
    state: ChunkState,
    trailer_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
enum ChunkState {
    Size,
    Data(u64),
    DataEnd,
    Trailer,
}

/// What stands next in a chunked body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Chunk {
    /// Not enough bytes to tell.
    More,
    /// So many bytes of framing.
    Framing(usize),
    /// So many bytes of content.
    Data(usize),
    /// So many bytes of framing, and the body is over.
    End(usize),
}

const MOST_LINE_BYTES: usize = 256;
const MOST_TRAILER_BYTES: usize = 8192;

impl Default for Chunks {
    fn default() -> Self {
        Self {
            state: ChunkState::Size,
            trailer_bytes: 0,
        }
    }
}

impl Chunks {
    /// Looks at the bytes that come next; the caller consumes as many as it is told.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Result<Chunk, FramingFault> {
        match self.state {
            ChunkState::Size => match line(bytes, MOST_LINE_BYTES)? {
                None => Ok(Chunk::More),
                Some(line) => {
                    self.state = match chunk_size(line)? {
                        0 => ChunkState::Trailer,
                        size => ChunkState::Data(size),
                    };
                    Ok(Chunk::Framing(line.len() + 2))
                }
            },
            ChunkState::Data(left) if !bytes.is_empty() => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let left = left - here as u64;
                self.state = if left == 0 {
                    ChunkState::DataEnd
                } else {
                    ChunkState::Data(left)
                };
                Ok(Chunk::Data(here))
            }
            ChunkState::Data(_) => Ok(Chunk::More),
            ChunkState::DataEnd => match bytes {
                [b'\r', b'\n', ..] => {
                    self.state = ChunkState::Size;
                    Ok(Chunk::Framing(2))
                }
                [] | [b'\r'] => Ok(Chunk::More),
                _ => Err(FramingFault::Malformed("a chunk that is not as long as it says")),
            },
            ChunkState::Trailer => match line(bytes, MOST_TRAILER_BYTES)? {
                None => Ok(Chunk::More),
                Some([]) => Ok(Chunk::End(2)),
                Some(line) => self.trailer(line),
            },
        }
    }

    fn trailer(&mut self, line: &[u8]) -> Result<Chunk, FramingFault> {
        self.trailer_bytes += line.len();
        let named =
            memchr(b':', line).is_some_and(|colon| colon > 0 && line[..colon].iter().all(|b| is_token(*b)));
        if !named || self.trailer_bytes > MOST_TRAILER_BYTES {
            return Err(FramingFault::Malformed("a malformed trailer"));
        }
        Ok(Chunk::Framing(line.len() + 2))
    }
}

/// A line without its CR LF; `None` when it is not complete yet.
fn line(bytes: &[u8], most: usize) -> Result<Option<&[u8]>, FramingFault> {
    let Some(end) = memchr(b'\n', bytes) else {
        // The CR of a line that is as long as it may be comes before its LF.
        return if bytes.len() > most + 1 {
            Err(FramingFault::Malformed("a line that is too long"))
        } else {
            Ok(None)
        };
    };
    match &bytes[..end] {
        [line @ .., b'\r']
            if line.len() <= most && line.iter().all(|b| *b == b'\t' || (*b >= b' ' && *b != 0x7f)) =>
        {
            Ok(Some(line))
        }
        _ => Err(FramingFault::Malformed("a malformed line in a chunked body")),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, FramingFault> {
    let digits = line.split(|b| *b == b';').next().unwrap_or_default();
    let fault = FramingFault::Malformed("a malformed chunk size");
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(fault);
    }
    let digits = str::from_utf8(digits).map_err(|_| fault)?;
    u64::from_str_radix(digits, 16).map_err(|_| fault)
}

/// Whether a byte may stand in a field name or a method (RFC 9110, section 5.6.2).
pub(crate) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn length(fields: &[(&'static str, &'static str)]) -> Result<Length, FramingFault> {
        let headers: Vec<_> = fields
            .iter()
            .map(|(name, value)| Header {
                name,
                value: value.as_bytes(),
            })
            .collect();
        body_length(&headers, true)
    }

    #[test]
    fn f1_f2_f3_ambiguous_lengths_are_refused() {
        assert_eq!(length(&[]), Ok(Length::Unsaid));
        assert_eq!(length(&[("Content-Length", "0")]), Ok(Length::Bytes(0)));
        assert_eq!(length(&[("content-length", "42")]), Ok(Length::Bytes(42)));
        assert_eq!(length(&[("Transfer-Encoding", "Chunked")]), Ok(Length::Chunked));
        for value in ["xchunked", "gzip", "identity"] {
            assert_eq!(
                length(&[("transfer-encoding", value)]),
                Err(FramingFault::UnknownCoding),
                "{value}"
            );
        }
        for value in [
            "chunked, identity",
            "chunked,chunked",
            ",chunked",
            "chunked;q=1",
            "\u{b}chunked",
            "",
        ] {
            assert!(
                matches!(
                    length(&[("transfer-encoding", value)]),
                    Err(FramingFault::Malformed(_))
                ),
                "{value:?}"
            );
        }
        let big = "1".to_owned() + &"0".repeat(30);
        let lengths = [
            "+5",
            "-1",
            "5,5",
            "5,6",
            "0x5",
            "05",
            "5_0",
            "",
            " ",
            "9223372036854775808",
            "18446744073709551616",
        ];
        for value in lengths.into_iter().chain([&*big]) {
            let header = [Header {
                name: "content-length",
                value: value.as_bytes(),
            }];
            assert!(
                matches!(body_length(&header, true), Err(FramingFault::Malformed(_))),
                "{value:?}"
            );
        }
        for fields in [
            [("content-length", "5"), ("transfer-encoding", "chunked")],
            [("transfer-encoding", "chunked"), ("content-length", "5")],
            [("content-length", "5"), ("content-length", "5")],
            [("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        ] {
            assert!(
                matches!(length(&fields), Err(FramingFault::Malformed(_))),
                "{fields:?}"
            );
        }
        let chunked = [Header {
            name: "transfer-encoding",
            value: b"chunked",
        }];
        assert!(body_length(&chunked, false).is_err());
    }

    #[test]
    fn f3_a_length_over_http2_is_one_plain_number() {
        let plain = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_LENGTH, http::HeaderValue::from_static(value));
            }
            has_plain_length(&headers)
        };
        for good in [&[][..], &["0"], &["5"], &["10"]] {
            assert!(plain(good), "{good:?}");
        }
        for bad in [
            &["5", "5"][..],
            &["5", "6"],
            &["05"],
            &["+5"],
            &["5,5"],
            &[""],
            &["5 "],
        ] {
            assert!(!plain(bad), "{bad:?}");
        }
    }

    /// Follows a whole body that comes in pieces; gives its content and what is left over.
    fn follow(body: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>), FramingFault> {
        let (mut chunks, mut buffer, mut content) = (Chunks::default(), Vec::new(), Vec::new());
        let mut pieces = body.chunks(piece);
        loop {
            match chunks.next(&buffer)? {
                Chunk::More => match pieces.next() {
                    Some(more) => buffer.extend_from_slice(more),
                    None => return Err(FramingFault::Malformed("unfinished")),
                },
                Chunk::Framing(n) => drop(buffer.drain(..n)),
                Chunk::Data(n) => content.extend(buffer.drain(..n)),
                Chunk::End(n) => {
                    buffer.drain(..n);
                    buffer.extend(pieces.flatten());
                    return Ok((content, buffer));
                }
            }
        }
    }

    #[test]
    fn chunks_are_followed_to_the_byte() {
        let body = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nDigest: x\r\n\r\nGET / HTTP/1.1";
        for piece in 1..body.len() {
            let (content, rest) = follow(body, piece).unwrap();
            assert_eq!(
                (&content[..], &rest[..]),
                (&b"hello world"[..], &b"GET / HTTP/1.1"[..]),
                "{piece}"
            );
        }
    }

    #[test]
    fn malformed_chunks_are_faults() {
        for body in [
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5\r\nhelloX\r\n",
            "+5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "\r\n",
            "g\r\n",
            "ffffffffffffffff\r\n",
            "5;\u{1}\r\nhello\r\n",
            "0\r\n no-name\r\n\r\n",
            "0\r\nno colon\r\n\r\n",
            "-1\r\n",
        ] {
            assert!(follow(body.as_bytes(), 4096).is_err(), "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_run_ahead(bytes in proptest::collection::vec(any::<u8>(), 0..400), piece in 1usize..50) {
            let _ = follow(&bytes, piece);
        }
    }
}
