//! Lists come in pages.

use crate::draft::Faults;

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for the next page with; absent on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts a page of `most` out of a list that was asked for one more.
    pub(crate) fn cut(mut items: Vec<T>, most: u32, cursor: impl Fn(&T) -> String) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}

pub(crate) fn page_size(asked: Option<u32>, faults: &mut Faults) -> u32 {
    match asked {
        None => 50,
        Some(size @ 1..=200) => size,
        Some(_) => {
            faults.add("limit", "must be 1 to 200");
            50
        }
    }
}
