//! One request head, read strictly (RFC 9112, sections 2 to 6).

use super::line::{MOST_METHOD_BYTES, check_method, check_target, odd_query};
use crate::framing::{FramingFault, Length, body_length};
use bytes::{Buf, BytesMut};
use keyward_listener::TLS_BEGINS;
use memchr::memchr;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::time::Duration;

/// What a connection may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest head.
    pub(crate) head_bytes: usize,
    /// The most header fields.
    pub(crate) headers: usize,
    /// From the first byte of a head to its last.
    pub(crate) head_time: Duration,
    /// Between requests.
    pub(crate) idle: Duration,
    /// The longest time that a client takes nothing of an answer.
    pub(crate) write_stall: Duration,
}

/// The most header fields that are ever read: as many as can be configured, and what a proxy that asks adds.
pub(crate) const MOST_HEADERS: usize = 288;

/// Why a request is refused before it is one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// 400, with what is wrong.
    Malformed(&'static str),
    /// 501: a transfer coding that is not supported.
    UnknownCoding,
    /// 414: the target is too long.
    TargetTooLong,
    /// 431: the head is too long, or has too many fields.
    HeadTooLarge,
    /// 408: the head did not come in time.
    HeadTimeout,
    /// 503: unfinished heads hold too much, and this one has waited longest.
    NoRoom,
    /// 505: neither HTTP/1.0 nor HTTP/1.1.
    Version,
}

/// A head that is beyond doubt.
pub(super) struct Head {
    pub(super) bytes: usize,
    pub(super) length: Length,
    /// Asks to become a WebSocket.
    pub(super) upgrade: bool,
    /// Where the query stands, when it holds what hyper does not take.
    pub(super) odd_query: Option<Range<usize>>,
}

impl Head {
    /// Reads the head at the beginning of the buffer; `None` while it is incomplete. `searched` remembers how far its
    /// end was looked for, so that a slow sender costs no more than a quick one.
    pub(super) fn read(
        buffer: &mut BytesMut,
        searched: &mut usize,
        limits: &Limits,
    ) -> Result<Option<Self>, Fault> {
        if *searched == 0 {
            skip_empty_lines(buffer);
        }
        if buffer.first() == Some(&TLS_BEGINS) {
            let what = "the beginning of a TLS handshake, and this port speaks plain HTTP: use http://";
            return Err(Fault::Malformed(what));
        }
        match find_end(buffer, searched)? {
            Some(end) if end <= limits.head_bytes => parse(&buffer[..end], limits).map(Some),
            None if buffer.len() <= limits.head_bytes => Ok(None),
            _ => Err(too_large(buffer)),
        }
    }
}

/// The length of a head that comes in pieces of this length, and whether chunks follow it; `None` when it is refused, or not
/// whole.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn read_in_pieces(bytes: &[u8], piece: usize) -> Option<(usize, bool)> {
    let limits = Limits {
        head_bytes: 4096,
        headers: 16,
        head_time: Duration::MAX,
        idle: Duration::MAX,
        write_stall: Duration::MAX,
    };
    let (mut buffer, mut searched) = (BytesMut::new(), 0);
    for part in bytes.chunks(piece.max(1)) {
        buffer.extend_from_slice(part);
        if let Some(head) = Head::read(&mut buffer, &mut searched, &limits).ok()? {
            return Some((head.bytes, head.length == Length::Chunked));
        }
    }
    None
}

/// A client may send an empty line before a request (RFC 9112, section 2.2).
fn skip_empty_lines(buffer: &mut BytesMut) {
    while buffer.starts_with(b"\r\n") {
        buffer.advance(2);
    }
}

/// The end of the head: the first empty line. Every line feed must follow a carriage return.
fn find_end(buffer: &[u8], searched: &mut usize) -> Result<Option<usize>, Fault> {
    while let Some(found) = memchr(b'\n', &buffer[*searched..]) {
        let at = *searched + found;
        if at == 0 || buffer[at - 1] != b'\r' {
            return Err(Fault::Malformed("a line that ends with LF alone"));
        }
        let line_was_empty = at >= 3 && buffer[at - 2] == b'\n';
        *searched = at + 1;
        if line_was_empty {
            return Ok(Some(at + 1));
        }
    }
    *searched = buffer.len();
    Ok(None)
}

fn too_large(buffer: &[u8]) -> Fault {
    let in_request_line = memchr(b'\n', buffer).is_none_or(|end| end > buffer.len() / 2);
    let has_method = memchr(b' ', &buffer[..buffer.len().min(MOST_METHOD_BYTES + 1)]).is_some();
    if in_request_line && has_method {
        Fault::TargetTooLong
    } else {
        Fault::HeadTooLarge
    }
}

fn parse(bytes: &[u8], limits: &Limits) -> Result<Head, Fault> {
    let mut storage = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let fields = &mut storage[..limits.headers.min(MOST_HEADERS)];
    match request.parse_with_uninit_headers(bytes, fields) {
        Ok(httparse::Status::Complete(read)) if read == bytes.len() => {}
        Ok(_) => return Err(Fault::Malformed("a malformed request")),
        Err(httparse::Error::TooManyHeaders) => return Err(Fault::HeadTooLarge),
        Err(httparse::Error::Version) if asks_for_other_version(bytes) => return Err(Fault::Version),
        Err(httparse::Error::HeaderName) => return Err(Fault::Malformed("a malformed header name")),
        Err(httparse::Error::HeaderValue) => return Err(Fault::Malformed("a malformed header value")),
        Err(_) => return Err(Fault::Malformed("a malformed request line")),
    }
    let http11 = request.version == Some(1);
    let method = request.method.unwrap_or_default();
    check_method(method)?;
    let target = request.path.unwrap_or_default();
    check_target(method, target)?;
    let odd_query = odd_query(target).map(|query| {
        let at = query.as_ptr().addr() - bytes.as_ptr().addr();
        at..at + query.len()
    });
    check_host(request.headers)?;
    let length = body_length(request.headers, http11).map_err(|fault| match fault {
        FramingFault::Malformed(what) => Fault::Malformed(what),
        FramingFault::UnknownCoding => Fault::UnknownCoding,
    })?;
    let upgrade = http11 && method == "GET" && wants_websocket(request.headers);
    if upgrade && !matches!(length, Length::Unsaid | Length::Bytes(0)) {
        return Err(Fault::Malformed("a body in a request to upgrade"));
    }
    Ok(Head {
        bytes: bytes.len(),
        length,
        upgrade,
        odd_query,
    })
}

/// Whether the request line is whole, and only its version is not ours.
fn asks_for_other_version(bytes: &[u8]) -> bool {
    let line = bytes.split(|b| *b == b'\r').next().unwrap_or_default();
    let parts: Vec<&[u8]> = line.split(|b| *b == b' ').collect();
    matches!(parts[..], [_, _, version] if version.starts_with(b"HTTP/"))
}

fn check_host(headers: &[httparse::Header<'_>]) -> Result<(), Fault> {
    let mut hosts = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("host"));
    match (hosts.next(), hosts.next()) {
        (Some(_), None) => Ok(()),
        (None, _) => Err(Fault::Malformed("no Host")),
        (Some(_), Some(_)) => Err(Fault::Malformed("more than one Host")),
    }
}

fn wants_websocket(headers: &[httparse::Header<'_>]) -> bool {
    let mut protocols = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("upgrade"));
    let only_websocket = matches!(
        (protocols.next(), protocols.next()),
        (Some(only), None) if only.value.eq_ignore_ascii_case(b"websocket")
    );
    let asks = |header: &httparse::Header<'_>| {
        header.name.eq_ignore_ascii_case("connection")
            && header
                .value
                .split(|b| *b == b',')
                .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    };
    only_websocket && headers.iter().any(asks)
}
