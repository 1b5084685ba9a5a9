//! The rules for a request path: judged on the exact bytes that are forwarded, and refused where two readers could
//! read two things into it. Nothing is cleaned up.

mod other_readers;

pub(crate) use other_readers::Segment;

/// The longest path, in bytes.
const MAX_PATH_BYTES: usize = 8192;

/// Why a path is refused. Every fault is a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// Does not begin with `/`.
    #[error("the path must begin with /")]
    NotAbsolute,
    /// Over 8192 bytes.
    #[error("the path is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// A byte that is no visible ASCII.
    #[error("the path contains a space, a control byte or a byte that is not ASCII: percent-encode it")]
    RawByte,
    /// A backslash, raw or percent-encoded.
    #[error("the path contains a backslash")]
    Backslash,
    /// A fragment, or a `?` where only a path stands.
    #[error("the path contains # or ?")]
    Delimiter,
    /// Two slashes in a row, or with nothing between them but blanks and parameters.
    #[error("the path contains an empty segment (//)")]
    EmptySegment,
    /// `.` or `..`, in any spelling, with nothing behind it but what some reader drops or cuts off.
    #[error("the path contains a dot segment")]
    DotSegment,
    /// A `%` that is not followed by two hexadecimal digits.
    #[error("the path contains a % that is not followed by two hexadecimal digits")]
    BadEscape,
    /// `%2F`, where the route does not allow it.
    #[error("the path contains an encoded slash")]
    EscapedSlash,
    /// An encoded control character.
    #[error("the path contains an encoded control character")]
    EscapedControl,
    /// An encoded letter, digit, hyphen, dot, underscore or tilde (the unreserved characters of RFC 3986).
    #[error("the path encodes a character that needs no encoding: send it as it is")]
    NeedlessEscape,
    /// An encoded percent sign that would make another escape when decoded once more.
    #[error("the path is percent-encoded twice")]
    DoubleEscape,
    /// Encoded bytes that are not UTF-8.
    #[error("the path's encoded bytes are not valid UTF-8")]
    NotUtf8,
    /// A site that is not 1 to 64 of `A-Za-z0-9._-`, or a parameter or an escape before the site.
    #[error("the path's deciding segments may hold only A-Z a-z 0-9 . _ - (a site at most 64 of them)")]
    DecidingSegment,
}

/// A path that kept all the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StrictPath<'a> {
    text: &'a str,
    encoded_slash: Option<usize>,
}

impl<'a> StrictPath<'a> {
    /// Reads a path without its query. Encoded slashes are refused.
    pub fn parse(raw: &'a [u8]) -> Result<Self, PathFault> {
        let path = Self::parse_with_encoded_slashes(raw)?;
        if path.encoded_slash.is_some() {
            Err(PathFault::EscapedSlash)
        } else {
            Ok(path)
        }
    }

    /// Reads a path in which slashes may be encoded; a [`crate::Template`] then decides whether they may stand
    /// where they stand.
    pub fn parse_with_encoded_slashes(raw: &'a [u8]) -> Result<Self, PathFault> {
        if raw.first() != Some(&b'/') {
            return Err(PathFault::NotAbsolute);
        }
        if raw.len() > MAX_PATH_BYTES {
            return Err(PathFault::TooLong);
        }
        let mut escaped = false;
        for byte in raw {
            match byte {
                b'\\' => return Err(PathFault::Backslash),
                b'#' | b'?' => return Err(PathFault::Delimiter),
                b'%' => escaped = true,
                0x21..=0x7e => {}
                _ => return Err(PathFault::RawByte),
            }
        }
        let encoded_slash = if escaped { check_escapes(raw)? } else { None };
        check_segments(raw)?;
        let text = str::from_utf8(raw).map_err(|_| PathFault::RawByte)?;
        Ok(Self { text, encoded_slash })
    }

    /// The path, byte for byte as it was sent.
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// Where the first encoded slash stands.
    pub const fn encoded_slash(&self) -> Option<usize> {
        self.encoded_slash
    }

    /// Whether the path is `prefix` or lies below it by whole segments, with nothing in the part below that another
    /// reader could decode or cut off.
    pub fn is_plainly_under(&self, prefix: &str) -> bool {
        match self.text.strip_prefix(prefix.trim_end_matches('/')) {
            Some(rest) => (rest.is_empty() || rest.starts_with('/')) && !rest.contains(['%', ';']),
            None => false,
        }
    }
}

fn check_segments(raw: &[u8]) -> Result<(), PathFault> {
    let mut segments = raw[1..].split(|byte| *byte == b'/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        let segment = Segment::new(segment);
        if !is_last && segment.vanishes() {
            return Err(PathFault::EmptySegment);
        }
        if segment.is_dots() {
            return Err(PathFault::DotSegment);
        }
    }
    if raw.starts_with(b"//") {
        Err(PathFault::EmptySegment)
    } else {
        Ok(())
    }
}

fn check_escapes(raw: &[u8]) -> Result<Option<usize>, PathFault> {
    let mut first_slash = None;
    let mut at = 0;
    while at < raw.len() {
        if raw[at] != b'%' {
            at += 1;
            continue;
        }
        let byte = escape_at(raw, at)?;
        match byte {
            b'/' => first_slash = first_slash.or(Some(at)),
            b'\\' => return Err(PathFault::Backslash),
            0..=0x1f | 0x7f => return Err(PathFault::EscapedControl),
            b'-' | b'.' | b'_' | b'~' => return Err(PathFault::NeedlessEscape),
            _ if byte.is_ascii_alphanumeric() => return Err(PathFault::NeedlessEscape),
            b'%' if starts_escape(&raw[at + 3..]) => return Err(PathFault::DoubleEscape),
            0x80.. => {
                at = check_utf8(raw, at, byte)?;
                continue;
            }
            _ => {}
        }
        at += 3;
    }
    Ok(first_slash)
}

/// Whether what follows an encoded `%` would make an escape of it when decoded again: `41`, or Microsoft's `u0041`. In
/// `100%25%20of` the sign stands for itself.
fn starts_escape(after: &[u8]) -> bool {
    match after {
        [b'u' | b'U', ..] => true,
        _ => after_digit(after).and_then(after_digit).is_some(),
    }
}

/// What follows a hexadecimal digit, or what some reader could fold to one: whatever is not ASCII.
fn after_digit(text: &[u8]) -> Option<&[u8]> {
    match text {
        [b'%', high, low, rest @ ..] => {
            let byte = hex(*high)? << 4 | hex(*low)?;
            (!byte.is_ascii() || byte.is_ascii_hexdigit()).then_some(rest)
        }
        [digit, rest @ ..] => digit.is_ascii_hexdigit().then_some(rest),
        [] => None,
    }
}

fn check_utf8(raw: &[u8], at: usize, lead: u8) -> Result<usize, PathFault> {
    let length = utf8_length(lead).ok_or(PathFault::NotUtf8)?;
    let mut bytes = [0u8; 4];
    for (index, byte) in bytes.iter_mut().take(length).enumerate() {
        *byte = escape_at(raw, at + index * 3).map_err(|_| PathFault::NotUtf8)?;
    }
    let decoded = str::from_utf8(&bytes[..length]).map_err(|_| PathFault::NotUtf8)?;
    if decoded.contains(char::is_control) {
        return Err(PathFault::EscapedControl);
    }
    Ok(at + length * 3)
}

/// How many bytes a character has that is more than one and begins with this.
fn utf8_length(lead: u8) -> Option<usize> {
    match lead {
        0xc2..=0xdf => Some(2),
        0xe0..=0xef => Some(3),
        0xf0..=0xf4 => Some(4),
        _ => None,
    }
}

fn escape_at(raw: &[u8], at: usize) -> Result<u8, PathFault> {
    match raw.get(at..at + 3) {
        Some([b'%', high, low]) => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => Ok(high << 4 | low),
            _ => Err(PathFault::BadEscape),
        },
        _ => Err(PathFault::BadEscape),
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests;
