//! The summary over a form with errors.

use crate::pages::Answer;

impl Answer {
    /// The fields that the summary leads to. Fails unless they take the focus, in the order of the page; the form as a whole comes
    /// first.
    pub(crate) fn summary(&self) -> Vec<&str> {
        let (_, list) = self.body.split_once("data-errors>").unwrap();
        let (list, form) = list.split_once("</ul>").unwrap();
        let links = list.split("<a href=\"#").skip(1);
        let fields: Vec<&str> = links.filter_map(|link| link.split('"').next()).collect();
        let place = |field: &&str| {
            if *field == "form" {
                assert!(self.body.contains("id=\"form\">"), "nothing at #form: {form}");
                return 0;
            }
            let start = form.find(&format!(" id=\"{field}\" "));
            let start = start.unwrap_or_else(|| panic!("nothing at #{field}: {form}"));
            let kind = form[..start].rsplit('<').next().unwrap();
            let rest = form[start..].split('>').next().unwrap();
            assert!(
                kind.starts_with("input")
                    || kind.starts_with("textarea")
                    || rest.contains(" tabindex=\"-1\""),
                "#{field} is a {kind}{rest}"
            );
            start
        };
        let places: Vec<usize> = fields.iter().map(place).collect();
        assert!(places.is_sorted(), "{fields:?} is not the order of the page");
        fields
    }
}
