//! What lenient readers make of a segment. Some drop what is not shown, or all that is not ASCII; some fold Unicode to its plain
//! form (NFKC, or a code page's "best fit"); some decode once more what they have decoded. A path is refused where one of them
//! would see another path.

use super::hex;
use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// How often a segment is folded and decoded again. Each time takes bytes away, so there is an end to it; this keeps it near.
const MOST_ROUNDS: usize = 3;

/// A segment, as it stands in a path whose escapes are well formed.
pub(crate) struct Segment<'a> {
    raw: &'a [u8],
    /// Decoded once; none when it is the raw text.
    once: Option<String>,
}

impl<'a> Segment<'a> {
    pub(crate) fn new(raw: &'a [u8]) -> Self {
        let once = raw.contains(&b'%').then(|| decode(raw));
        Self { raw, once }
    }

    /// Dots alone, or dots up to what ends a segment: a slash, parameters, what a URL has after its path.
    pub(super) fn is_dots(&self) -> bool {
        match &self.once {
            // Of what is visible ASCII, nothing is dropped or folded.
            None => self.raw.contains(&b'.') && dots(self.raw.iter().map(|byte| char::from(*byte))),
            Some(once) => {
                dots(once.chars().filter(char::is_ascii)) || (is_foldable(once) && dots(fold(once).chars()))
            }
        }
    }

    /// Whether nothing is left of it for a reader that cuts off parameters and drops what is not shown.
    pub(super) fn vanishes(&self) -> bool {
        match &self.once {
            None => matches!(self.raw, [] | [b';', ..]),
            Some(_) => matches!(undressed(&self.folded()).chars().next(), None | Some(';')),
        }
    }

    /// Whether it is this literal for such a reader.
    pub(crate) fn is_dressed(&self, literal: &str) -> bool {
        let folded = self.folded();
        let rest = undressed(&folded).strip_prefix(literal);
        rest.is_some_and(|rest| {
            rest.chars()
                .next()
                .is_none_or(|sign| is_slash(sign) || is_end(sign) || is_unseen(sign))
        })
    }

    fn folded(&self) -> Cow<'_, str> {
        match &self.once {
            None => String::from_utf8_lossy(self.raw),
            Some(once) if is_foldable(once) => Cow::Owned(fold(once)),
            Some(once) => Cow::Borrowed(once),
        }
    }
}

/// What stands after the signs at the beginning that readers do not see.
fn undressed(text: &str) -> &str {
    text.trim_start_matches(is_unseen)
}

/// Whether [`fold`] could change it.
fn is_foldable(once: &str) -> bool {
    !once.is_ascii() || once.contains('%')
}

/// In its plain form, decoded again.
fn fold(once: &str) -> String {
    let mut text = plain(once);
    for _ in 0..MOST_ROUNDS {
        let Some(again) = decode_again(&text) else {
            break;
        };
        text = plain(&again);
    }
    text
}

/// NFKC of what is seen. A blank stays: it is cut off at the ends alone.
fn plain(text: &str) -> String {
    text.chars().filter(|sign| !is_dropped(*sign)).nfkc().collect()
}

/// Whether this reads as dots alone, between its ends or those of a slash.
fn dots(signs: impl Iterator<Item = char>) -> bool {
    let (mut dots, mut other) = (false, false);
    for sign in signs {
        match sign {
            _ if is_slash(sign) => {
                if dots && !other {
                    return true;
                }
                (dots, other) = (false, false);
            }
            _ if is_end(sign) && dots && !other => return true,
            // The second is the full stop of Chinese and Japanese, a dot to readers of domain names.
            '.' | '\u{3002}' => dots = true,
            // A mark alone makes no letter of a dot.
            _ if is_unseen(sign) || is_combining_mark(sign) => {}
            _ => other = true,
        }
    }
    dots && !other
}

/// A slash or a backslash, or what code pages fold to one, which NFKC leaves. In those of Japan and Korea, the signs of the yen and
/// the won are the backslash.
fn is_slash(sign: char) -> bool {
    matches!(
        sign,
        '/' | '\\'
            | '\u{2044}'
            | '\u{2215}'
            | '\u{29f8}'
            | '\u{2216}'
            | '\u{29f5}'
            | '\u{29f9}'
            | '\u{a5}'
            | '\u{20a9}'
    )
}

/// What ends a segment: its parameters begin, or what a URL has after its path, or a text ends for its reader.
fn is_end(sign: char) -> bool {
    matches!(sign, ';' | '?' | '#') || sign.is_control()
}

/// What readers trim, or drop.
fn is_unseen(sign: char) -> bool {
    sign.is_whitespace() || sign.is_control() || is_dropped(sign)
}

/// What is not shown, and dropped by readers that compare what is: Unicode's `Default_Ignorable_Code_Point`, its format
/// characters (`Cf`), and what is no character.
fn is_dropped(sign: char) -> bool {
    matches!(
        sign,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    ) || u32::from(sign) & 0xfffe == 0xfffe
}

/// Takes the escapes off, once.
fn decode(raw: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let [first, after @ ..] = rest {
        let (byte, after) = escape(rest).unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_default()
}

/// Takes off what escapes are in a text that was decoded before, those of Microsoft's too (`%u002e`); none when there are none.
fn decode_again(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut found = false;
    while let [first, after @ ..] = rest {
        if let Some((byte, after)) = escape(rest) {
            (rest, found) = (after, true);
            bytes.push(byte);
        } else if let Some((sign, after)) = wide_escape(rest) {
            (rest, found) = (after, true);
            bytes.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
        } else {
            rest = after;
            bytes.push(*first);
        }
    }
    // Overlong forms and their like: nobody knows what a reader that takes them makes of them. A dot, at worst.
    found.then(|| String::from_utf8_lossy(&bytes).replace(char::REPLACEMENT_CHARACTER, "."))
}

fn escape(bytes: &[u8]) -> Option<(u8, &[u8])> {
    match bytes {
        [b'%', high, low, rest @ ..] => Some((hex(*high)? << 4 | hex(*low)?, rest)),
        _ => None,
    }
}

fn wide_escape(bytes: &[u8]) -> Option<(char, &[u8])> {
    let [b'%', b'u' | b'U', digits @ ..] = bytes else {
        return None;
    };
    let (digits, rest) = digits.split_at_checked(4)?;
    let number = digits
        .iter()
        .try_fold(0, |number, digit| Some(number << 4 | u32::from(hex(*digit)?)));
    Some((char::from_u32(number?).unwrap_or('.'), rest))
}

#[cfg(test)]
mod tests;
