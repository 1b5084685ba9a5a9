//! Pages: every list is asked in the same way, `?limit=` and `?cursor=`, and answers `items` and, unless it is the last, `next`.

use crate::body::NoQuery;
use crate::fields::{Decode, Fields};
use keyward_engine::PageAsk;
use utoipa::IntoParams;

/// What every list can be asked.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only described here")]
pub(crate) struct Paging {
    /// `next` of the page before.
    cursor: Option<String>,
    /// How many at most: 1 to 200, else 50.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// What a list is asked: its own filters, and the page.
pub(crate) struct Listed<T>(pub(crate) T, pub(crate) PageAsk);

impl<T: Decode> Decode for Listed<T> {
    const IMMUTABLE: &[&str] = T::IMMUTABLE;

    fn decode(fields: &mut Fields) -> Self {
        let filter = T::decode(fields);
        let page = PageAsk {
            cursor: fields.text("cursor"),
            limit: fields.query_number("limit"),
            misread: Vec::new(),
        };
        Self(filter, page)
    }
}

impl From<Listed<NoQuery>> for PageAsk {
    fn from(Listed(NoQuery, page): Listed<NoQuery>) -> Self {
        page
    }
}
