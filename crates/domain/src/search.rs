//! Searching what people wrote: neither case nor accents matter. `reactivation` finds `Réactivation`, and `Œuvre` is found by
//! `oeuvre`.
//!
//! What is looked for becomes classes of signs, one for each letter, in the language of each database: a text is found where it
//! stands, and no second, folded copy of it has to be kept in step.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// More than this is not looked at: patterns of databases are bounded, and no name is as long.
const LONGEST: usize = 200;
/// Letters that stand for two, in both cases, and the two.
const JOINED: [(&str, &str); 3] = [("æÆ", "ae"), ("œŒ", "oe"), ("ßẞ", "ss")];
/// So many places of a text may be written with such a letter; in further ones only the two are looked for.
const MOST_JOINED: usize = 3;
/// Letters with a sign of their own that Unicode takes for no accent.
const STROKED: [(char, char); 7] = [
    ('ø', 'o'),
    ('ł', 'l'),
    ('đ', 'd'),
    ('ħ', 'h'),
    ('ŧ', 't'),
    ('ı', 'i'),
    ('ς', 'σ'),
];
/// Where letters with accents, and those of both cases, stand: Latin, Greek, Cyrillic, Armenian, further Latin and Greek.
const BLOCKS: [(u32, u32); 3] = [(0x80, 0x58f), (0x1e00, 0x1fff), (0x2c60, 0x2c7f)];

/// All signs that fold to one, besides itself.
static ALIKE: LazyLock<BTreeMap<char, String>> = LazyLock::new(|| {
    let mut alike: BTreeMap<char, String> = BTreeMap::new();
    let signs = BLOCKS.iter().flat_map(|(first, last)| *first..=*last);
    for sign in (0x41..=0x5a).chain(signs).filter_map(char::from_u32) {
        let mut folded = folded_signs(sign);
        if let (Some(one), None) = (folded.next(), folded.next())
            && one != sign
        {
            alike.entry(one).or_default().push(sign);
        }
    }
    alike
});

/// A text in which neither case nor accents matter any more.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(folded_signs).collect()
}

fn folded_signs(sign: char) -> impl Iterator<Item = char> {
    let base = std::iter::once(sign)
        .nfd()
        .filter(|part| !is_combining_mark(*part));
    base.flat_map(char::to_lowercase).flat_map(|lower| {
        let joined = JOINED.iter().find(|(one, _)| one.starts_with(lower));
        let stroked = STROKED.iter().find(|(one, _)| *one == lower);
        let one = stroked.map_or(lower, |(_, plain)| *plain);
        let two = joined.map(|(_, two)| *two).unwrap_or_default();
        // A joined letter is its two; everything else is itself.
        let itself = joined.is_none().then_some(one);
        two.chars().chain(itself).filter(|part| !is_combining_mark(*part))
    })
}

/// What somebody looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    /// Ways in which it may be written; in each, the signs that may stand at each place.
    ways: Vec<Vec<String>>,
    folded: String,
}

impl Search {
    /// Looks for a text wherever it stands.
    pub fn new(text: &str) -> Self {
        let folded: Vec<char> = fold(text).chars().take(LONGEST).collect();
        let mut joined: Vec<(usize, &str)> = Vec::new();
        for (place, pair) in folded.windows(2).enumerate() {
            let pair: String = pair.iter().collect();
            let is_free = joined.last().is_none_or(|(last, _)| last + 1 < place);
            if let Some((one, _)) = JOINED.iter().find(|(_, two)| *two == pair)
                && is_free
                && joined.len() < MOST_JOINED
            {
                joined.push((place, one));
            }
        }
        let ways = (0..1_usize << joined.len()).map(|chosen| {
            let chosen = |n: usize| (chosen >> n) & 1 == 1;
            way(&folded, &joined, chosen)
        });
        Self {
            ways: ways.collect(),
            folded: folded.iter().collect(),
        }
    }

    /// Of texts of ASCII alone, those are found that hold this in their lower-case form, and no others: to look for it is far
    /// quicker than a pattern. `None` when such texts are not found at all, or when it holds control characters.
    pub fn plain(&self) -> Option<&str> {
        let is_plain = |byte: u8| byte.is_ascii() && !byte.is_ascii_control();
        self.folded.bytes().all(is_plain).then_some(self.folded.as_str())
    }

    /// As patterns of SQLite's `GLOB`; a text is found when one of them fits.
    pub fn globs(&self) -> Vec<String> {
        self.patterns("*", |signs| match signs {
            "*" | "?" | "[" => format!("[{signs}]"),
            one if one.chars().count() == 1 => one.to_owned(),
            several => format!("[{several}]"),
        })
    }

    /// As regular expressions of PostgreSQL; a text is found when one of them fits.
    pub fn expressions(&self) -> Vec<String> {
        // `***=` and its like at the beginning would be directives.
        self.patterns("", |signs| match signs.chars().next() {
            Some(one) if signs.len() == 1 && !one.is_ascii_alphanumeric() && !one.is_ascii_control() => {
                format!("\\{one}")
            }
            Some(_) if signs.chars().count() == 1 => signs.to_owned(),
            _ => format!("[{signs}]"),
        })
    }

    fn patterns(&self, around: &str, class: impl Fn(&str) -> String) -> Vec<String> {
        let pattern = |way: &Vec<String>| {
            let inner: String = way.iter().map(|signs| class(signs)).collect();
            format!("{around}{inner}{around}")
        };
        self.ways.iter().map(pattern).collect()
    }
}

/// One way to write it: where it is chosen, with the joined letter in place of the two.
fn way(folded: &[char], joined: &[(usize, &str)], chosen: impl Fn(usize) -> bool) -> Vec<String> {
    let mut places = Vec::with_capacity(folded.len());
    let mut skip = false;
    for (place, sign) in folded.iter().enumerate() {
        if std::mem::take(&mut skip) {
            continue;
        }
        let here = joined.iter().position(|(at, _)| *at == place);
        match here.filter(|n| chosen(*n)).and_then(|n| joined.get(n)) {
            Some((_, one)) => {
                skip = true;
                places.push((*one).to_owned());
            }
            None => {
                let others = ALIKE.get(sign).map(String::as_str).unwrap_or_default();
                places.push(format!("{sign}{others}"));
            }
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn neither_case_nor_accents_matter() {
        for (text, folded) in [
            ("Réactivation", "reactivation"),
            ("ŒUVRE Straße Æsop", "oeuvre strasse aesop"),
            ("Łódź Ångström Đà Nẵng", "lodz angstrom da nang"),
            ("ΆΘΗΝΑ Ёлка", "αθηνα елка"),
            ("e\u{301}", "e"),
            ("naïve façade", "naive facade"),
            ("İstanbul ıslak", "istanbul islak"),
            ("日本 123 %_*[", "日本 123 %_*["),
        ] {
            assert_eq!(fold(text), folded);
            assert_eq!(fold(folded), folded);
        }
    }

    /// `GLOB` as SQLite does it, for the few forms that are made here.
    fn fits(pattern: &[char], text: &[char]) -> bool {
        match pattern {
            [] => text.is_empty(),
            ['*', rest @ ..] => (0..=text.len()).any(|skip| fits(rest, &text[skip..])),
            ['[', rest @ ..] => {
                // A bracket that stands first is one of the signs.
                let end = 1 + rest[1..].iter().position(|sign| *sign == ']').unwrap();
                text.first().is_some_and(|sign| rest[..end].contains(sign))
                    && fits(&rest[end + 1..], &text[1..])
            }
            [one, rest @ ..] => text.first() == Some(one) && fits(rest, &text[1..]),
        }
    }

    fn finds(search: &Search, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let mut globs = search.globs().into_iter();
        globs.any(|glob| fits(&glob.chars().collect::<Vec<_>>(), &text))
    }

    #[test]
    fn what_is_alike_is_found() {
        for (sought, text, found) in [
            ("reactivation", "Réactivation des clés", true),
            ("RÉACTIVATION", "reactivation", true),
            ("oeuvre", "Œuvre", true),
            ("œuvre", "OEUVRE", true),
            ("coeur de boeuf", "cœur de bœuf", true),
            ("coeur de boeuf", "coeur de bœuf", true),
            ("strasse", "Straße", true),
            ("a*b", "a*b", true),
            ("a*b", "axb", false),
            ("[a]", "x[A]y", true),
            ("a?", "ab", false),
            ("a-z", "a-z", true),
            ("a-z", "m", false),
            ("^a", "^a", true),
            ("", "anything", true),
            ("marc", "jean-marc@example.com", true),
            ("marc", "Mark", false),
        ] {
            assert_eq!(finds(&Search::new(sought), text), found, "{sought} in {text}");
        }
    }

    #[test]
    fn patterns_are_bounded() {
        let longest = Search::new(&"oea".repeat(10_000));
        for pattern in longest.globs().iter().chain(&longest.expressions()) {
            assert!(pattern.len() < 50_000, "{}", pattern.len());
        }
        assert!(longest.globs().len() <= 8);
    }

    proptest! {
        #[test]
        fn a_text_is_found_as_its_folded_forms_say(text in "[a-fA-Fé-ïØøÀ-ÅŁłαΆ *?\\[\\]^.-]{0,12}", sought in "[a-fé-ïøłα *?\\[\\]^.-]{0,3}") {
            let search = Search::new(&sought);
            let has = |plain: &str| text.to_ascii_lowercase().contains(plain);
            if text.is_ascii() {
                prop_assert_eq!(search.plain().is_some_and(has), fold(&text).contains(&fold(&sought)));
            } else if search.plain().is_some_and(has) {
                prop_assert!(finds(&search, &text));
            }
            prop_assert_eq!(finds(&search, &text), fold(&text).contains(&fold(&sought)));
        }
    }
}
