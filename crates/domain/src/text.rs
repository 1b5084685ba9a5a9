//! Texts that people write: stored as sent, bounded, never empty where they name something.
//!
//! What is new is checked (`new`). What is stored is not (`stored`): it was checked when it was taken, perhaps by other rules,
//! and a rule that came later must not make it unreadable.

use std::fmt;
use unicode_normalization::UnicodeNormalization;

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
            /// A text that was taken once, as it stands; nothing is checked.
            pub fn stored(text: &str) -> Self {
                Self(text.to_owned())
            }

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
    /// The most code points of an address.
    const MAX: usize = 254;
    /// The most bytes before the `@` (RFC 5321).
    const MAX_LOCAL: usize = 64;

    /// Checks and takes an address, in lower case and in the one form that Unicode has for equal texts (NFC): two that look the
    /// same letter by letter are the same. Whether it receives mail is not known here.
    pub fn new(text: &str) -> Result<Self, TextFault> {
        let Self(sent) = Self::as_sent(text)?;
        let composed: String = sent.nfc().collect();
        // Letters that are others in another dress (full-width ones, ligatures) would look like those. Some signs turn into
        // others of ASCII even in this form.
        let is_plain = composed.nfkc().eq(composed.chars()) && !sent.chars().any(composes_to_ascii);
        let local = composed.split('@').next().unwrap_or_default();
        // Lower case may take more bytes than what was sent, so it is measured, not that.
        if !is_plain || local.len() > Self::MAX_LOCAL {
            return Err(TextFault::NotEmail);
        }
        bounded(&composed, Self::MAX, false)?;
        Ok(Self(composed))
    }

    /// Under which addresses a user may be known who is meant by a text: as it would be taken now, and as it may have been
    /// taken before there was one form for equal texts. None for what is no address; of ASCII, one.
    pub fn spellings(text: &str) -> Vec<Self> {
        let now = Self::new(text).ok();
        let apart = now.as_ref().map(|email| Self(email.0.nfd().collect()));
        let mut all: Vec<Self> = [now, Self::as_sent(text).ok(), apart]
            .into_iter()
            .flatten()
            .collect();
        all.dedup();
        all
    }

    /// An address in lower case, and else as it was sent: everything in it can be seen, and it has the shape of one.
    fn as_sent(text: &str) -> Result<Self, TextFault> {
        if text.is_empty() {
            return Err(TextFault::Empty);
        }
        if text.chars().any(is_invisible) {
            return Err(TextFault::Invisible);
        }
        bounded(text, Self::MAX, false)?;
        if is_shaped(text) {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(TextFault::NotEmail)
        }
    }
}

fn is_shaped(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    // The full stop of Chinese and Japanese is one to those who look a host up.
    !local.is_empty()
        && !host.is_empty()
        && !host.contains(['@', '\u{3002}'])
        && !host.starts_with('.')
        && !host.ends_with('.')
        && !host.contains("..")
        && !text
            .chars()
            .any(|c| c.is_whitespace() || "<>()[],;:\\\"".contains(c) || folds_to_ascii(c))
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

/// The same in the one form of equal texts, as the question mark of Greek does.
fn composes_to_ascii(c: char) -> bool {
    !c.is_ascii() && std::iter::once(c).nfc().any(|composed| composed.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            // Letters of full width, and full stops that hosts are looked up by.
            "\u{ff4d}\u{ff41}@b.c",
            "ma@b\u{3002}c",
            "ma@b\u{ff0e}c",
            "ma\u{37e}@b.c",
            "ma\u{1fef}@b.c",
            "\u{fb01}n@b.c",
            // 32 letters of two bytes each, of three in lower case.
            &format!("{}@b.c", "\u{23a}".repeat(32)),
            &format!("{}\u{23a}@b.c", "a".repeat(62)),
            &format!("{}@b.c", "a".repeat(65)),
        ] {
            assert!(Email::new(bad).is_err(), "{bad}");
        }
        assert!(Email::new(&format!("{}\u{23a}@b.c", "a".repeat(61))).is_ok());
    }

    #[test]
    fn addresses_that_are_equal_to_the_eye_are_one() {
        let composed = Email::new("\u{c9}lise@example.com").unwrap();
        assert_eq!(Email::new("E\u{301}lise@example.com").as_ref(), Ok(&composed));
        assert_eq!(Email::new("e\u{301}lise@Example.com").as_ref(), Ok(&composed));
        // Who was taken before there was one form is found by each of them.
        let apart = Email::stored("e\u{301}lise@example.com");
        for typed in ["\u{c9}lise@example.com", "E\u{301}lise@example.com"] {
            assert_eq!(Email::spellings(typed), [composed.clone(), apart.clone()]);
        }
        let wide = Email::stored("\u{ff4d}a@b.c");
        assert_eq!(Email::spellings("\u{ff2d}a@b.c"), [wide]);
        assert_eq!(Email::spellings("Ada@b.c"), [Email::stored("ada@b.c")]);
        assert_eq!(Email::spellings("no address").len(), 0);
        assert_eq!(Email::spellings("a\0@b.c").len(), 0);
    }

    proptest! {
        #[test]
        fn what_was_taken_is_read_as_it_was_taken(
            text in prop_oneof![".{0,70}", "[\u{c0}-\u{24f}\u{370}-\u{3ff}\u{300}-\u{340}\u{13a0}-\u{13f5}\u{1e00}-\u{1fff}a-zA-Z]{1,40}@[a-z\u{c0}-\u{ff}\u{300}-\u{310}]{1,9}\\.de"],
        ) {
            if let Ok(name) = Name::new(&text) {
                prop_assert_eq!(Name::stored(name.as_str()), name);
            }
            if let Ok(description) = Description::new(&text) {
                prop_assert_eq!(Description::stored(description.as_str()), description);
            }
            if let Ok(email) = Email::new(&text) {
                prop_assert_eq!(&Email::stored(email.as_str()), &email);
                // It is found by what was sent and by what is shown, and taking it again gives no other.
                prop_assert!(Email::spellings(&text).contains(&email));
                prop_assert_eq!(Email::new(email.as_str()), Ok(email));
            }
        }
    }
}
