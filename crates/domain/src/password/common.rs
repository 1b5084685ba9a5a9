//! What guessers try first: lists of leaked passwords, and how people make a short one long.

/// Whole passwords of 15 characters and more that stand in lists of leaked ones, in lower case.
const WHOLE: &str = include_str!("common.txt");
/// Words that long passwords of such lists are made of, in lower case.
const WORDS: &str = include_str!("words.txt");

/// The longest piece whose repetition is looked for.
const LONGEST_PIECE: usize = 10;
/// Fewer different characters than this are no password, however many there are.
const FEWEST_DIFFERENT: usize = 5;
/// So many common words or fewer, with digits and signs around them, are a common password.
const WORDS_TOO_FEW: usize = 2;

/// Whether a password (in lower case) is among the first that are tried.
pub(super) fn is_common(folded: &str) -> bool {
    let chars: Vec<char> = folded.chars().collect();
    let plain: Vec<char> = chars.iter().copied().filter(|c| c.is_alphanumeric()).collect();
    let squeezed: String = plain.iter().collect();
    is_listed(folded)
        || is_listed(&squeezed)
        || has_few_different(&chars)
        || is_repetition(&chars)
        || is_sequence(&chars)
        || is_of_few_words(chars.iter().copied())
        // `p4ssw0rd` and its like: read as letters what stands for one, but for the digits and signs at the end.
        || is_of_few_words(folded.trim_end_matches(|c: char| !c.is_alphabetic()).chars().map(letter_of))
}

fn is_listed(text: &str) -> bool {
    WHOLE.lines().any(|line| line == text)
}

fn has_few_different(chars: &[char]) -> bool {
    let mut different = chars.to_vec();
    different.sort_unstable();
    different.dedup();
    different.len() < FEWEST_DIFFERENT
}

/// Whether it is a short piece over and over (the last time perhaps cut short).
fn is_repetition(chars: &[char]) -> bool {
    let longest = LONGEST_PIECE.min(chars.len() / 2);
    (1..=longest).any(|period| chars.iter().zip(&chars[period..]).all(|(one, next)| one == next))
}

/// Whether nearly every character is the neighbour of the one before: `abcdefgh…`, `98765432…`.
fn is_sequence(chars: &[char]) -> bool {
    let is_next = |pair: &[char]| {
        let (one, next) = (u32::from(pair[0]), u32::from(pair[1]));
        one.abs_diff(next) == 1 || matches!((pair[0], pair[1]), ('9', '0') | ('0', '9') | ('z', 'a'))
    };
    let next = chars.windows(2).filter(|pair| is_next(pair)).count();
    // One jump: `123456789abcdefg`.
    next + 2 >= chars.len()
}

/// Whether its letters are one or two common words, and the rest digits and signs.
fn is_of_few_words(chars: impl Iterator<Item = char>) -> bool {
    let letters: String = chars.filter(|c| c.is_alphabetic()).collect();
    // Mostly digits and signs: then it is not for its words that it could be guessed.
    if letters.chars().count() < 4 {
        return false;
    }
    // The fewest words that the first so many bytes can be read as.
    let mut fewest: Vec<Option<usize>> = vec![None; letters.len() + 1];
    fewest[0] = Some(0);
    for start in 0..letters.len() {
        let Some(words) = fewest[start].filter(|words| *words < WORDS_TOO_FEW) else {
            continue;
        };
        for word in WORDS.lines().filter(|word| letters[start..].starts_with(word)) {
            let end = start + word.len();
            if fewest[end].is_none_or(|known| known > words + 1) {
                fewest[end] = Some(words + 1);
            }
        }
    }
    fewest[letters.len()].is_some()
}

fn letter_of(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}
