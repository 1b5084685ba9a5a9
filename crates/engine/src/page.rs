//! Lists come in pages.

use crate::draft::Faults;
use crate::{Engine, EngineError, FieldFault};
use keyward_domain::UseCase;

/// Which page of a list is asked for; the same for every list.
#[derive(Clone, Debug, Default)]
pub struct PageAsk {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// How many at most: 1 to 200, else 50.
    pub limit: Option<u32>,
    /// Fields that were sent and could not be read: told together with what else is wrong, and nothing is done.
    pub misread: Vec<FieldFault>,
}

/// A page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to ask for the next page with; absent on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// Cuts the page that is asked for out of a whole list. `starts` says how many things stand before the page that a
    /// cursor begins, and nothing for what is no cursor; `cursor` is that of a thing that ends a page.
    pub(crate) fn of_whole(
        mut items: Vec<T>,
        ask: &PageAsk,
        starts: impl FnOnce(&[T], &str) -> Option<usize>,
        cursor: impl Fn(&T) -> String,
    ) -> Result<Self, EngineError> {
        let mut faults = Faults::of(&ask.misread);
        let most = page_size(ask.limit, &mut faults);
        let start = match &ask.cursor {
            None => Some(0),
            Some(text) => {
                let start = starts(&items, text).ok_or("is none that a page of this list has given");
                faults.take("cursor", start)
            }
        };
        faults.into_result()?;
        items.drain(..start.unwrap_or(0).min(items.len()));
        Ok(Self::cut(items, most, cursor))
    }

    /// Cuts a page of `most` out of a list that was asked for one more.
    pub(crate) fn cut(mut items: Vec<T>, most: u32, cursor: impl Fn(&T) -> String) -> Self {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let more = items.len() > most;
        items.truncate(most);
        let next = if more { items.last().map(cursor) } else { None };
        Self { items, next }
    }
}

impl Engine {
    /// Lists what keys may be for, as configured, a page of it.
    ///
    /// # Errors
    /// `Invalid` for a page that there cannot be.
    pub fn list_use_cases_page(&self, ask: &PageAsk) -> Result<Page<UseCase>, EngineError> {
        let all = self.catalogue.iter().cloned().collect();
        let starts = |all: &[UseCase], cursor: &str| {
            let last = all.iter().position(|use_case| use_case.name.as_str() == cursor)?;
            Some(last + 1)
        };
        Page::of_whole(all, ask, starts, |use_case| use_case.name.to_string())
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
