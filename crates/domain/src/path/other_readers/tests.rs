//! The rule for look-alikes, held against Unicode's own data: over every character, what NFKC makes of it.

use super::*;
use crate::{PathFault, StrictPath};
use proptest::prelude::*;
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = text.bytes().map(|byte| match byte {
        _ if is_plain(byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    each.collect()
}

fn fault(segments: &str) -> Option<PathFault> {
    StrictPath::parse_with_encoded_slashes(format!("/api/1/{segments}").as_bytes()).err()
}

fn scalars() -> impl Iterator<Item = char> {
    ('\0'..=char::MAX).filter(|sign| !sign.is_control())
}

/// Every character that NFKC turns into this text.
fn look_alikes(text: &str) -> &'static [char] {
    static TABLE: LazyLock<HashMap<String, Vec<char>>> = LazyLock::new(|| {
        let mut table: HashMap<String, Vec<char>> = HashMap::new();
        for sign in scalars().filter(|sign| !sign.is_ascii()) {
            let plain: String = sign.nfkc().collect();
            if plain.is_ascii() {
                table.entry(plain).or_default().push(sign);
            }
        }
        table
    });
    TABLE.get(text).map_or(&[], Vec::as_slice)
}

/// What a lenient reader drops, by Unicode's data.
fn dropped() -> &'static [char] {
    static TABLE: LazyLock<Vec<char>> = LazyLock::new(|| {
        let set = r"^[\p{Default_Ignorable_Code_Point}\p{Cf}\p{White_Space}\p{Noncharacter_Code_Point}]$";
        let set = Regex::new(set).unwrap();
        let is_in = |sign: &char| set.is_match(sign.encode_utf8(&mut [0; 4]));
        scalars().filter(|sign| !sign.is_ascii()).filter(is_in).collect()
    });
    &TABLE
}

#[test]
fn p1_all_that_unicode_calls_unseen_is_dropped() {
    assert!(dropped().len() > 4000);
    for sign in dropped() {
        assert!(is_unseen(*sign), "{sign:?}");
        for segment in [format!("..{sign}"), format!(".{sign}."), format!("{sign}..")] {
            let path = format!("{}/2", escaped(&segment));
            assert_eq!(fault(&path), Some(PathFault::DotSegment), "{path}");
        }
    }
    for sign in scalars().filter(|sign| is_dropped(*sign)) {
        assert!(dropped().contains(&sign), "{sign:?} is seen");
    }
}

#[test]
fn p2_whatever_folds_to_dots_and_an_end_is_refused() {
    for text in [".", "..", "..."] {
        assert!(!look_alikes(text).is_empty());
        for sign in look_alikes(text).iter().map(|sign| escaped(&sign.to_string())) {
            for path in [
                format!("{sign}/2"),
                format!("{sign}{sign}"),
                format!(".{sign}/2"),
                format!("{sign};x/2"),
            ] {
                assert_eq!(fault(&path), Some(PathFault::DotSegment), "{path}");
            }
        }
    }
    for text in [";", "?", "#", "/", "\\", "??", "?!"] {
        let alikes = look_alikes(text).iter().map(|sign| escaped(&sign.to_string()));
        // Nothing folds to a slash alone but the full-width one, which is no ASCII by itself everywhere.
        for sign in alikes {
            for path in [
                format!("..{sign}2"),
                format!(".{sign}x/2"),
                format!("%E2%80%8B..{sign}"),
            ] {
                assert_eq!(fault(&path), Some(PathFault::DotSegment), "{path}");
            }
            assert_eq!(fault(&format!("x{sign}y/2")), None, "{sign}");
        }
    }
}

#[test]
fn p6_what_folds_to_a_percent_sign_is_decoded_again() {
    let signs = look_alikes("%");
    assert!(signs.contains(&'\u{ff05}') && signs.contains(&'\u{fe6a}'));
    for sign in signs {
        let sign = escaped(&sign.to_string());
        for hidden in [
            "{}2e{}2e",
            "{}2E.",
            ".{}2e/2",
            "..{}2f2",
            "..{}5C2",
            "..{}3bx/2",
            "..{}3F",
            "..{}00/2",
            "..{}0d{}0a/2",
            "x{}2f..",
            "{}u002e{}u002e/2",
            "{}252e{}252e/2",
            "{}EF{}BC{}8E/2",
            "{}E2{}80{}A5/2",
            "{}c0{}ae{}c0{}ae/2",
            "..{}E2{}80{}8B/2",
            "{}%EF%BC%92e",
        ] {
            let path = hidden.replace("{}", &sign);
            assert_eq!(fault(&path), Some(PathFault::DotSegment), "{path}");
        }
        assert_eq!(
            fault(&format!("{sign}3bx/2")),
            Some(PathFault::EmptySegment),
            "{sign}"
        );
        for word in [
            "50{}", "{}", "100{}25", "50{}ad", "{}41", "5{}2e5", "{}zz", "{}u00", "{}/x",
        ] {
            let path = word.replace("{}", &sign);
            assert_eq!(fault(&path), None, "{path}");
        }
    }
}

#[test]
fn p2_a_segment_whose_ascii_part_is_dots_is_refused() {
    for segment in [
        "..é",
        "é..",
        ".é.",
        "何.",
        ".何;x",
        "..\u{301}",
        "..🔑",
        "\u{10ffff}..",
        "．\u{301}．",
        "。。",
        "｡",
        "︰",
        "︙",
        "‥",
        "…",
        "⒈\u{200b}/..é",
    ] {
        let path = segment.split('/').map(escaped).collect::<Vec<_>>().join("/");
        assert_eq!(
            fault(&format!("{path}/2")),
            Some(PathFault::DotSegment),
            "{segment}"
        );
    }
}

#[test]
fn ordinary_words_pass() {
    for word in [
        "何？",
        "50％",
        "100％",
        "５０％ＯＦＦ",
        "本当？！",
        "wait…",
        "…wait",
        "何…",
        "何。",
        "１．２",
        "１／２",
        "½",
        "℅",
        "№5",
        "ﷺ",
        "Zürich",
        "naïve",
        "Ελλάδα;x",
        "Привет",
        "שלום",
        "مرحبا",
        "नमस्ते",
        "สวัสดี",
        "你好",
        "안녕하세요",
        "こんにちは",
        "ՀԱՅ",
        "ქართული",
        "አማርኛ",
        "தமிழ்",
        "বাংলা",
        "ខ្មែរ",
        "བོད",
        "𝒳",
        "👩\u{200d}👧",
        "a\u{301}",
        "❤\u{fe0f}",
        "5¥",
        "￦5",
        "ﬁn",
        "Ⅷ",
        "㎏",
        "١٫٥",
        "a.é",
        "é.txt",
        "a;b",
        "v1.2é",
        "...and",
        "…and",
        "\u{feff}x",
        "x ",
        "a⁄b",
        "？",
        "#1",
    ] {
        assert_eq!(fault(&escaped(word)), None, "{word}");
        assert_eq!(fault(&format!("{}/x", escaped(word))), None, "{word}");
    }
}

/// A piece that a lenient reader takes for nothing.
fn nothing() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        proptest::sample::select(dropped()).prop_map(String::from)
    ]
}

/// Dots, in some dress.
fn dot() -> impl Strategy<Value = String> {
    let alike = |text| proptest::sample::select(look_alikes(text)).prop_map(String::from);
    let escape = (
        alike("%"),
        proptest::sample::select(vec!["2e", "2E", "u002e", "252e"]),
    );
    prop_oneof![
        Just(".".to_owned()),
        alike("."),
        alike(".."),
        alike("..."),
        escape.prop_map(|(percent, rest)| percent + rest),
    ]
}

/// An end of a segment, in some dress, and what may follow.
fn end() -> impl Strategy<Value = String> {
    let alike = proptest::sample::select(vec![";", "?", "#", "\\"])
        .prop_flat_map(|text| proptest::sample::select(look_alikes(text)));
    let escape = (
        proptest::sample::select(look_alikes("%")),
        proptest::sample::select(vec!["3b", "3F", "23", "2f", "5c", "00", "0a"]),
    );
    prop_oneof![
        Just(String::new()),
        (alike, "[a-z]{0,3}").prop_map(|(sign, rest)| format!("{sign}{rest}")),
        (escape, "[a-z]{0,3}").prop_map(|((percent, code), rest)| format!("{percent}{code}{rest}")),
    ]
}

/// Whether a reader sees something of it: not what is dropped, nor a letter that is a blank and a mark in its plain form (`ͺ`).
fn is_seen(letter: char) -> bool {
    !is_dropped(letter)
        && std::iter::once(letter)
            .nfkc()
            .any(|sign| !is_unseen(sign) && !is_combining_mark(sign))
}

#[test]
fn a_letter_before_dots_is_a_word_when_it_is_seen() {
    let letters = ('\u{80}'..=char::MAX).filter(|sign| sign.is_alphabetic() && !is_combining_mark(*sign));
    for letter in letters {
        let path = escaped(&format!("{letter}…"));
        assert_eq!(fault(&path).is_none(), is_seen(letter), "{letter:?}");
    }
    assert!(!is_seen('ͺ') && is_seen('…'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn p2_no_dress_hides_a_dot_segment(
        parts in proptest::collection::vec((nothing(), dot(), nothing()), 1..4), end in end(),
    ) {
        let mut segment: String = parts.into_iter().map(|(before, dot, after)| before + &dot + &after).collect();
        segment.push_str(&end);
        let path = escaped(&segment);
        prop_assert_eq!(fault(&format!("{path}/2")), Some(PathFault::DotSegment), "{}", path);
        prop_assert_eq!(fault(&path), Some(PathFault::DotSegment), "{}", path);
    }

    #[test]
    fn words_of_letters_pass_whatever_stands_after_them(
        word in r"\p{L}{1,8}", tail in proptest::sample::select(vec!["", "？", "％", "…", "！", ".", "．txt"]),
    ) {
        // A letter that nobody sees, or a word that is none but its dot, is another matter.
        prop_assume!(word.chars().any(is_seen));
        prop_assume!(tail != "." || !word.chars().all(|sign| !sign.is_ascii()));
        // Some letters fold to what is no letter (`℀`), none of them to a dot segment.
        let path = escaped(&format!("{word}{tail}"));
        prop_assert_eq!(fault(&path), None, "{}", path);
    }
}
