//! What the address of the list says: filters, order, page.

use super::words::encode;
use crate::web::form::Form;
use keyward_engine::{HealthMark, KeyFilter, KeyOrder};

/// Keys on one page.
pub(super) const PAGE: u64 = 50;
/// Where the list is.
const PATH: &str = "/integrations/keys";
/// The fields that choose keys.
const FILTERS: [&str; 6] = ["q", "status", "use_case", "site", "owner", "mark"];
/// The order when none is asked for.
const NEWEST: &str = "-created";

/// What the address of the list says. What it says wrongly is left out.
pub(super) struct ListQuery {
    pub(super) form: Form,
    /// The code of the order.
    pub(super) sort: &'static str,
    order: KeyOrder,
    /// From 1.
    pub(super) number: u64,
}

impl ListQuery {
    pub(super) fn read(query: Option<&str>) -> Self {
        let form = Form::of_query(query);
        let (order, sort) = KeyOrder::ALL
            .into_iter()
            .find(|(_, code)| *code == form.text("sort"))
            .unwrap_or((KeyOrder::default(), NEWEST));
        let number = form.text("page").parse().unwrap_or(1);
        Self {
            sort,
            order,
            number: number.max(1),
            form,
        }
    }

    /// The filter of the engine.
    pub(super) fn filter(&self) -> KeyFilter {
        let given = |name| self.form.filled(name).map(str::to_owned);
        KeyFilter {
            owner: given("owner"),
            status: given("status"),
            site: given("site"),
            use_case: given("use_case"),
            text: given("q"),
            text_in_owner: true,
            health: self.form.filled("mark").and_then(HealthMark::from_code),
            order: self.order,
            ..KeyFilter::default()
        }
    }

    /// Whether every key is asked for.
    pub(super) fn is_bare(&self) -> bool {
        FILTERS.iter().all(|name| self.form.filled(name).is_none())
    }

    /// The same list at another page.
    pub(super) fn at_page(&self, number: u64) -> String {
        self.link(self.sort, number)
    }

    /// The same keys in the order of a column; the other way round when they are in it already.
    pub(super) fn by(&self, column: &str) -> String {
        let turned = format!("-{column}");
        let (first, second) = match column {
            // The latest is what one looks for.
            "created" | "last_used" => (turned.as_str(), column),
            _ => (column, turned.as_str()),
        };
        let sort = if self.sort == first { second } else { first };
        self.link(sort, 1)
    }

    /// How the list is ordered by a column (`aria-sort`).
    pub(super) fn sorted(&self, column: &str) -> &'static str {
        match self.sort.strip_prefix('-') {
            Some(sort) if sort == column => "descending",
            None if self.sort == column => "ascending",
            _ => "none",
        }
    }

    fn link(&self, sort: &str, number: u64) -> String {
        let mut parts: Vec<String> = FILTERS
            .iter()
            .filter_map(|name| Some(format!("{name}={}", encode(self.form.filled(name)?))))
            .collect();
        if sort != NEWEST {
            parts.push(format!("sort={sort}"));
        }
        if number > 1 {
            parts.push(format!("page={number}"));
        }
        if parts.is_empty() {
            return PATH.into();
        }
        format!("{PATH}?{}", parts.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_filters_and_nothing_else() {
        let query = ListQuery::read(Some("q=a%26b+c&status=&evil=1&sort=name&page=3"));
        assert_eq!(
            query.at_page(4),
            "/integrations/keys?q=a%26b%20c&sort=name&page=4"
        );
        assert_eq!(query.by("name"), "/integrations/keys?q=a%26b%20c&sort=-name");
        assert_eq!(query.by("created"), "/integrations/keys?q=a%26b%20c");
        assert_eq!(
            (query.sorted("name"), query.sorted("created")),
            ("ascending", "none")
        );
    }

    #[test]
    fn what_cannot_be_read_is_the_usual_list() {
        for bad in [
            "page=0",
            "page=-1",
            "page=99999999999999999999",
            "sort=secret",
            "%zz",
        ] {
            let query = ListQuery::read(Some(bad));
            assert_eq!((query.at_page(1).as_str(), query.number), (PATH, 1), "{bad}");
            assert!(query.is_bare());
        }
    }

    #[test]
    fn a_column_turns_round_when_it_is_chosen_again() {
        let by = |sort: &str, column| ListQuery::read(Some(&format!("sort={sort}"))).by(column);
        assert_eq!(by("-created", "created"), "/integrations/keys?sort=created");
        assert_eq!(by("created", "created"), "/integrations/keys");
        assert_eq!(by("-created", "name"), "/integrations/keys?sort=name");
        assert_eq!(by("name", "name"), "/integrations/keys?sort=-name");
        assert_eq!(by("-name", "name"), "/integrations/keys?sort=name");
        assert_eq!(by("name", "last_used"), "/integrations/keys?sort=-last_used");
        assert_eq!(by("-last_used", "last_used"), "/integrations/keys?sort=last_used");
    }
}
