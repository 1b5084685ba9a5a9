//! nginx's `map`: from a key to a name. A file holds whole blocks (`map $http_x_api_key $client { … }`), or the lines within
//! one, as nginx includes them.
//!
//! Only a block whose source is the header of keys holds keys: one of `$http_origin` or `$remote_addr` holds something else.
//! Whether its keys are those that pass, or those that are blocked, is for the reader of the note to know.
//!
//! What nginx refuses is no key: an entry with the value of `default`, or with one that its `if` takes for false.

mod words;

use super::{MOST_OF_A_ROW, Out, Row};
use crate::import::told::Told;
use words::{Piece, Pieces, Word};
use zeroize::Zeroizing;

/// The words of a statement that are kept: none has more than two that is good, and none that opens a block more than three.
const MOST_WORDS: usize = 4;

/// What is known of the block that is being read; also of a file without blocks.
#[derive(Default)]
struct Block {
    is_open: bool,
    /// Whether its entries are no keys; that is told once, and the entries are passed over.
    is_foreign: bool,
    /// The value of `default`, wherever in the block it stands.
    default: Option<String>,
    has_masks: bool,
}

pub(super) fn read(file: &str, out: &mut Out<'_>) {
    let mut pieces = Pieces::of(file);
    let mut block = Block::without_braces(&pieces);
    let mut words: Vec<Word> = Vec::new();
    while let Some((line, piece)) = pieces.next().filter(|_| out.wants_more()) {
        match piece {
            Piece::Word(word) if words.len() < MOST_WORDS => words.push(word),
            Piece::Word(_) => {}
            Piece::End => block.take_statement(std::mem::take(&mut words), out),
            Piece::Open if block.may_open(&words) => {
                let default = find_default(pieces.clone());
                block = Block::open(&std::mem::take(&mut words), default, &mut out.told);
            }
            Piece::Close if block.is_open && words.is_empty() => block = Block::without_braces(&pieces),
            Piece::Open | Piece::Close => {
                let message = "only blocks of `map`, or the lines within one, can be read: copy them to a file of their own";
                return out.told.fault(line, None, message);
            }
            Piece::Fault(message) => return out.told.fault(line, None, message),
        }
    }
    if !out.wants_more() {
        return;
    }
    if let Some(word) = words.first() {
        out.told.fault(word.line, None, "has no `;` at its end");
    } else if block.is_open {
        out.told.fault(1, None, "a block of `map` has no `}` at its end");
    }
}

/// The last `default` of the block that begins here.
fn find_default(pieces: Pieces<'_>) -> Option<String> {
    let mut default = None;
    let mut words: Vec<Word> = Vec::new();
    for (_, piece) in pieces {
        match piece {
            Piece::Word(word) if words.len() < MOST_WORDS => words.push(word),
            Piece::Word(_) => {}
            Piece::End => {
                if let Ok([word, value]) = <[Word; 2]>::try_from(std::mem::take(&mut words))
                    && word.text == "default"
                {
                    default = Some(value.text);
                }
            }
            Piece::Open | Piece::Close | Piece::Fault(_) => break,
        }
    }
    default
}

impl Block {
    /// What stands outside of blocks, or is included into one.
    fn without_braces(pieces: &Pieces<'_>) -> Self {
        Self {
            default: find_default(pieces.clone()),
            ..Self::default()
        }
    }

    /// Whether these words, followed by `{`, begin a block.
    fn may_open(&self, words: &[Word]) -> bool {
        let [map, _, variable] = words else { return false };
        !self.is_open && map.text == "map" && variable.text.starts_with('$')
    }

    /// Begins the block of `map`, source and variable.
    fn open(words: &[Word], default: Option<String>, told: &mut Told) -> Self {
        let is_foreign = !words.get(1).is_some_and(|source| is_header_of_keys(&source.text));
        if is_foreign {
            let line = words.first().map_or(1, |word| word.line);
            let message = "maps something else than $http_x_api_key, which alone holds keys of X-API-KEY: take this block out; if its entries are keys all the same, put its lines (without `map … {` and `}`) into a file of their own";
            told.fault(line, None, message);
        }
        Self {
            is_open: true,
            is_foreign,
            default,
            has_masks: false,
        }
    }

    fn take_statement(&mut self, words: Vec<Word>, out: &mut Out<'_>) {
        if self.is_foreign {
            return;
        }
        let told = &mut out.told;
        let Some(line) = words.first().map(|word| word.line) else {
            return told.fault(1, None, "a `;` stands alone");
        };
        let texts: Vec<String> = words.into_iter().map(|word| word.text).collect();
        match <[String; 2]>::try_from(texts) {
            Ok([word, _]) if word == "default" => {}
            Ok([word, _]) if word == "include" => told.note(
                line,
                None,
                "the entries of an included file are not in this one: import that file too",
            ),
            Ok([key, name]) => self.take_entry(line, &key, name, out),
            Err(words) => match words.as_slice() {
                [word] if word == "volatile" => {}
                [word] if word == "hostnames" => self.has_masks = true,
                _ => told.fault(line, None, "must be a key and a name, and `;`"),
            },
        }
    }

    fn take_entry(&self, line: u64, key: &str, name: String, out: &mut Out<'_>) {
        let told = &mut out.told;
        let is_mask = key.starts_with("*.") || key.starts_with('.') || key.ends_with(".*");
        if key.starts_with('~') {
            let message =
                "is a regular expression, which stands for no key: write each key that it stands for";
            return told.fault(line, Some("secret"), message);
        }
        if self.has_masks && is_mask {
            let message = "is a mask for host names, which stands for no key";
            return told.fault(line, Some("secret"), message);
        }
        if name.contains('$') {
            let message = "holds a variable of nginx: write the name itself";
            return told.fault(line, Some("name"), message);
        }
        if matches!(name.as_str(), "" | "0") || self.default.as_ref() == Some(&name) {
            let message =
                "has the value of what nginx refuses (that of `default`, 0 or an empty one): not imported";
            return told.note(line, None, message);
        }
        let message = "becomes an active key: check that this map is of keys that may pass, not of keys that are blocked";
        told.note(line, None, message);
        // nginx: a key that looks like one of the words above is written with a backslash in front.
        let key = key.strip_prefix('\\').unwrap_or(key).to_owned();
        let row = Row {
            name,
            secret: Some(Zeroizing::new(key)),
            ..Row::default()
        };
        out.give(line, row);
    }
}

/// nginx compares the names of variables without regard to case, and takes them in braces, too.
fn is_header_of_keys(source: &str) -> bool {
    let name = source.strip_prefix('$').unwrap_or_default();
    let braced = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
    braced.unwrap_or(name).eq_ignore_ascii_case("http_x_api_key")
}

#[cfg(test)]
mod tests;
