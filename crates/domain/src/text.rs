//! Texts that people write: stored as sent, bounded, never empty where they name something.

use std::fmt;

/// Why a text cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextFault {
    /// Nothing but white space.
    #[error("must not be empty")]
    Empty,
    /// More code points than allowed.
    #[error("must be at most {max} characters, has {found}")]
    TooLong {
        /// The most code points allowed.
        max: usize,
        /// The code points found.
        found: usize,
    },
    /// NUL or another control character.
    #[error("must not contain control characters")]
    Control,
    /// Letters that cannot be seen, or that turn others round, where nobody could tell two addresses apart.
    #[error("must not contain invisible characters")]
    Invisible,
    /// Not the form of an e-mail address.
    #[error("must be an e-mail address such as ada@example.com")]
    NotEmail,
}

fn bounded(text: &str, max: usize, line_breaks: bool) -> Result<(), TextFault> {
    let found = text.chars().count();
    if found > max {
        return Err(TextFault::TooLong { max, found });
    }
    let allowed = |c: char| !c.is_control() || (line_breaks && matches!(c, '\n' | '\t'));
    if text.chars().all(allowed) {
        Ok(())
    } else {
        Err(TextFault::Control)
    }
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(String);

        impl $name {
            /// The text as it was sent.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_type!(
    /// A name of a key or a person: 1 to 64 code points, no control characters.
    Name
);
text_type!(
    /// A description: 0 to 500 code points; line breaks and tabs are the only control characters.
    Description
);
text_type!(
    /// An e-mail address in lower case; the name by which people know a user.
    Email
);

impl Name {
    /// The most code points of a name.
    pub const MAX: usize = 64;

    /// Checks and takes a name: there is something to be seen in it.
    pub fn new(text: &str) -> Result<Self, TextFault> {
        if text.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
            return Err(TextFault::Empty);
        }
        Self::stored(text)
    }

    /// A name that was taken once, perhaps when more was.
    pub fn stored(text: &str) -> Result<Self, TextFault> {
        if text.trim().is_empty() {
            return Err(TextFault::Empty);
        }
        bounded(text, Self::MAX, false)?;
        Ok(Self(text.to_owned()))
    }
}

impl Description {
    /// The most code points of a description.
    pub const MAX: usize = 500;

    /// Checks and takes a description.
    pub fn new(text: &str) -> Result<Self, TextFault> {
        bounded(text, Self::MAX, true)?;
        Ok(Self(text.to_owned()))
    }
}

impl Email {
    /// Checks and takes an address: everything in it can be seen. Whether it receives mail is not known here.
    pub fn new(text: &str) -> Result<Self, TextFault> {
        if text.chars().any(is_invisible) {
            return Err(TextFault::Invisible);
        }
        Self::stored(text)
    }

    /// An address that was taken once, perhaps when more was. Only the shape is checked.
    pub fn stored(text: &str) -> Result<Self, TextFault> {
        if text.is_empty() {
            return Err(TextFault::Empty);
        }
        bounded(text, 254, false)?;
        let shaped = match text.split_once('@') {
            Some((local, host)) => {
                !local.is_empty()
                    && local.len() <= 64
                    && !host.is_empty()
                    && !host.contains('@')
                    && !host.starts_with('.')
                    && !host.ends_with('.')
                    && !host.contains("..")
                    && !text
                        .chars()
                        .any(|c| c.is_whitespace() || "<>()[],;:\\\"".contains(c) || folds_to_ascii(c))
            }
            None => false,
        };
        if shaped {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(TextFault::NotEmail)
        }
    }
}

/// Whether a character shows nothing by itself: Unicode's `Default_Ignorable_Code_Point`, the other format characters without a
/// shape of their own (Unicode Character Database, `DerivedCoreProperties.txt`), and the blank of braille.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a letter of another script turns into one of ASCII in lower case, as the sign of the kelvin does: with it one address
/// could be written as another.
fn folds_to_ascii(c: char) -> bool {
    !c.is_ascii() && c.to_lowercase().any(|lower| lower.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a7_names_have_1_to_64_code_points_and_no_control_characters() {
        for good in ["a", &"é".repeat(64), "مفتاح", "🔑", "<b>x</b>", "=cmd()"] {
            assert_eq!(
                Name::new(good).map(|n| n.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        assert_eq!(Name::new(""), Err(TextFault::Empty));
        for unseen in ["  ", "\u{200b}", "\u{202e} \u{feff}", "\u{3164}", "\u{2800}"] {
            assert_eq!(Name::new(unseen), Err(TextFault::Empty), "{unseen:?}");
        }
        // What joins letters that are seen belongs to the writing of some languages, and to emoji.
        for seen in ["\u{645}\u{6cc}\u{200c}\u{62e}", "👩\u{200d}💻"] {
            assert!(Name::new(seen).is_ok());
        }
        assert!(Name::stored("\u{200b}").is_ok(), "what is stored can be read");
        assert_eq!(
            Name::new(&"é".repeat(65)),
            Err(TextFault::TooLong { max: 64, found: 65 })
        );
        for bad in ["a\0", "a\r\nb", "\u{1b}[31m"] {
            assert_eq!(Name::new(bad), Err(TextFault::Control));
        }
    }

    #[test]
    fn an_email_is_kept_in_lower_case() {
        assert_eq!(
            Email::new("Ada@Example.com").map(|e| e.to_string()),
            Ok("ada@example.com".into())
        );
        assert_eq!(
            Email::new("\u{c9}lise@Example.com").map(|e| e.to_string()),
            Ok("\u{e9}lise@example.com".into())
        );
        for bad in [
            "",
            "ada",
            "@x",
            "ada@",
            "a b@c.d",
            "a@b@c",
            "a@.b",
            "a@b..c",
            "<a>@b.c",
            "fran\u{212a}@b.c",
            "\u{130}da@b.c",
            "ada\u{202e}@b.c",
            "ada@b\u{200b}.c",
            "a\u{ad}da@b.c",
        ] {
            assert!(Email::new(bad).is_err(), "{bad}");
        }
    }
}
