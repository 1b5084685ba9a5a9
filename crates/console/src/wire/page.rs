//! Pages of lists.

use keyward_engine::Page;
use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Page)]
pub struct PageWire<T: ToSchema> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T: ToSchema> PageWire<T> {
    /// A page of the engine's.
    pub fn of<V>(page: &Page<V>) -> Self
    where
        T: for<'a> From<&'a V>,
    {
        Self {
            items: page.items.iter().map(T::from).collect(),
            next: page.next.clone(),
        }
    }

    /// A list that has one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}
