//! The summary over a form with errors.

use crate::support::Answer;

impl Answer {
    /// The fields that the summary leads to. Fails unless they are fields, which take the focus, in the order of the page.
    pub(crate) fn summary(&self) -> Vec<&str> {
        let (_, list) = self.body.split_once("data-errors>").unwrap();
        let (list, form) = list.split_once("</ul>").unwrap();
        let links = list.split("<a href=\"#").skip(1);
        let fields: Vec<&str> = links.filter_map(|link| link.split('"').next()).collect();
        let place = |field: &&str| {
            let start = form.find(&format!(" id=\"{field}\" "));
            let start = start.unwrap_or_else(|| panic!("nothing at #{field}: {form}"));
            let tag = form[..start].rsplit('<').next().unwrap();
            assert!(
                tag.starts_with("input") || tag.starts_with("textarea"),
                "#{field} is a {tag}"
            );
            start
        };
        let places: Vec<usize> = fields.iter().map(place).collect();
        assert!(places.is_sorted(), "{fields:?} is not the order of the page");
        fields
    }
}
