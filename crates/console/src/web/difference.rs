//! What a change changed, where the values are too long to be shown in full.

use serde_json::Value;

/// Two texts of at most so many characters each: cut around where they begin to differ.
pub(crate) fn around(before: &str, after: &str, most: usize) -> (String, String) {
    let is_long = |text: &str| text.chars().count() > most;
    if !is_long(before) && !is_long(after) {
        return (before.to_owned(), after.to_owned());
    }
    let alike = before.chars().zip(after.chars()).take_while(|(b, a)| b == a);
    // Some of what is alike says where one is.
    let start = alike.count().saturating_sub(most / 4);
    (part(before, start, most), part(after, start, most))
}

fn part(text: &str, start: usize, most: usize) -> String {
    let mut letters = text.chars().skip(start);
    let mut part: String = if start > 0 { "…" } else { "" }.into();
    part.extend(letters.by_ref().take(most));
    if letters.next().is_some() {
        part.push('…');
    }
    part
}

/// What is in the one list alone, and in the other alone.
pub(crate) fn of_lists<'v>(before: &'v [Value], after: &'v [Value]) -> (Vec<&'v Value>, Vec<&'v Value>) {
    let without = |list: &'v [Value], other: &[Value]| {
        let other: std::collections::HashSet<&Value> = other.iter().collect();
        list.iter().filter(|value| !other.contains(value)).collect()
    };
    (without(before, after), without(after, before))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_around_where_they_differ() {
        let (same, tail) = ("s".repeat(100), "t".repeat(100));
        let (before, after) = around(&format!("{same}old{tail}"), &format!("{same}new{tail}"), 20);
        assert_eq!(before, format!("…{}old{}…", "s".repeat(5), "t".repeat(12)));
        assert_eq!(after, format!("…{}new{}…", "s".repeat(5), "t".repeat(12)));
        assert_eq!(around("a", "b", 20), ("a".into(), "b".into()));
        let (before, after) = around(&same, &format!("{same}!"), 20);
        assert_eq!(
            (before, after),
            (format!("…{}", "s".repeat(5)), format!("…{}!", "s".repeat(5)))
        );
    }

    #[test]
    fn lists_differ_in_what_is_in_one_alone() {
        let list = |names: &[&str]| -> Vec<Value> { names.iter().map(|name| (*name).into()).collect() };
        let (before, after) = (list(&["a", "b", "c"]), list(&["c", "d"]));
        let (removed, added) = of_lists(&before, &after);
        assert_eq!((removed, added), (vec![&before[0], &before[1]], vec![&after[1]]));
    }
}
