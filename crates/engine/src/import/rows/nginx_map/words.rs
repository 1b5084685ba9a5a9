//! The words of nginx's configuration: quotes, backslashes, comments.

use super::MOST_OF_A_ROW;
use std::iter::Peekable;
use std::str::Chars;

const TOO_LONG: &str = "a word is longer than 64 KiB";

/// A piece of a configuration.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Word(Word),
    /// `;`
    End,
    /// `{`
    Open,
    /// `}`
    Close,
    /// Nothing can be read from here on, for this reason.
    Fault(&'static str),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) line: u64,
    pub(super) text: String,
}

/// The pieces of a text, each with its line.
#[derive(Clone)]
pub(super) struct Pieces<'a> {
    chars: Peekable<Chars<'a>>,
    line: u64,
}

impl Iterator for Pieces<'_> {
    type Item = (u64, Piece);

    fn next(&mut self) -> Option<(u64, Piece)> {
        self.skip_blanks();
        let line = self.line;
        let piece = match *self.chars.peek()? {
            ';' => self.sign(Piece::End),
            '{' => self.sign(Piece::Open),
            '}' => self.sign(Piece::Close),
            quote @ ('"' | '\'') => {
                self.take();
                self.quoted(line, quote)
            }
            _ => self.bare(line),
        };
        Some((line, piece))
    }
}

impl<'a> Pieces<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self {
            chars: text.chars().peekable(),
            line: 1,
        }
    }

    fn take(&mut self) -> Option<char> {
        let next = self.chars.next();
        if next == Some('\n') {
            self.line += 1;
        }
        next
    }

    fn sign(&mut self, piece: Piece) -> Piece {
        self.take();
        piece
    }

    /// Blanks, and comments to the end of their line.
    fn skip_blanks(&mut self) {
        while let Some(next) = self.chars.peek() {
            match next {
                '#' => {
                    while self.chars.peek().is_some_and(|next| *next != '\n') {
                        self.take();
                    }
                }
                ' ' | '\t' | '\r' | '\n' => {
                    self.take();
                }
                _ => return,
            }
        }
    }

    fn quoted(&mut self, line: u64, quote: char) -> Piece {
        let mut text = String::new();
        loop {
            if text.len() > MOST_OF_A_ROW {
                return Piece::Fault(TOO_LONG);
            }
            match self.take() {
                None => return Piece::Fault("a quoted text does not end"),
                Some('\\') => self.escaped(&mut text),
                Some(next) if next == quote => break,
                Some(next) => text.push(next),
            }
        }
        match self.chars.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | ';' | '{') => Piece::Word(Word { line, text }),
            Some(_) => Piece::Fault("after a quoted text must come a blank or `;`"),
        }
    }

    fn bare(&mut self, line: u64) -> Piece {
        let mut text = String::new();
        while let Some(next) = self.chars.peek() {
            if text.len() > MOST_OF_A_ROW {
                return Piece::Fault(TOO_LONG);
            }
            match next {
                ' ' | '\t' | '\r' | '\n' | ';' => break,
                '{' if !text.ends_with('$') => break,
                '\\' => {
                    self.take();
                    self.escaped(&mut text);
                }
                _ => text.extend(self.take()),
            }
        }
        Piece::Word(Word { line, text })
    }

    /// What follows a backslash. It stays where nginx keeps it.
    fn escaped(&mut self, text: &mut String) {
        match self.take() {
            Some(quoted @ ('"' | '\'' | '\\')) => text.push(quoted),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(other) => text.extend(['\\', other]),
            None => text.push('\\'),
        }
    }
}
