//! What an edit began with. The form carries it, so that only what a person has changed is changed: whoever gives a key another
//! name neither narrows it to the sites that they may choose of themselves, nor undoes what somebody else has changed.

use super::super::words::encode;
use crate::web::form::Form;
use keyward_domain::RateLimit;
use keyward_engine::KeyView;

/// What may be changed, by the fields of the form that make it.
pub(super) const PARTS: [(&str, &[&str]); 5] = [
    ("name", &["name"]),
    ("description", &["description"]),
    ("sites", &["sites-rule", "sites", "site-names"]),
    ("addresses", &["addresses-rule", "addresses"]),
    ("limit", &["limit"]),
];
/// Fields whose lines are a list in any order, by the name under which they are compared.
const LISTS: [(&str, &str); 3] = [
    ("sites", "sites"),
    ("site-names", "sites"),
    ("addresses", "addresses"),
];

/// What a form was filled with; nothing when that is not known.
pub(super) struct Start(Option<Form>);

impl Start {
    /// A form of the key as it is.
    pub(super) fn of(view: &KeyView, has_boxes: bool) -> Self {
        Self(Some(filled(view, has_boxes)))
    }

    /// What a form that was sent had been filled with: what it says, or the key as it is when it has not changed since.
    pub(super) fn read(form: &Form, view: &KeyView, is_current: bool) -> Self {
        match form.filled("was") {
            Some(was) => Self(Some(Form::of_query(Some(was)))),
            None if is_current => Self::of(view, true),
            None => Self(None),
        }
    }

    /// As the form carries it.
    pub(super) fn text(&self) -> String {
        let Some(form) = &self.0 else {
            return String::new();
        };
        let pairs = fields_of(form, &PARTS.map(|(_, names)| names).concat());
        let pairs = pairs.into_iter();
        let texts: Vec<String> = pairs
            .map(|(name, value)| format!("{name}={}", encode(&value)))
            .collect();
        texts.join("&")
    }

    /// The parts in which a form is not what it was filled with; all of them when that is not known.
    pub(super) fn changed_in(&self, form: &Form) -> Vec<&'static str> {
        let is_changed = |names: &[&'static str]| {
            let before = self.0.as_ref().map(|before| meant(before, names));
            before != Some(meant(form, names))
        };
        let changed = PARTS.into_iter().filter(|(_, names)| is_changed(names));
        changed.map(|(part, _)| part).collect()
    }

    /// The parts of the key that somebody else has changed since.
    pub(super) fn changed_by_others(&self, now: &Self) -> Vec<&'static str> {
        match (&self.0, &now.0) {
            (Some(_), Some(now)) => self.changed_in(now),
            _ => Vec::new(),
        }
    }

    /// What was sent, put on the key as it is now: what this person has changed stays as they typed it.
    pub(super) fn rebased(&self, form: &Form, now: &Self) -> Form {
        let changed = self.changed_in(form);
        let now = now.0.as_ref().unwrap_or(form);
        let fields = PARTS.into_iter().flat_map(|(part, names)| {
            let from = if changed.contains(&part) { form } else { now };
            fields_of(from, names)
        });
        Form::with(fields)
    }

    pub(super) fn into_form(self) -> Form {
        self.0.unwrap_or_default()
    }
}

fn fields_of(form: &Form, names: &[&'static str]) -> Vec<(&'static str, String)> {
    let values = |name: &'static str| form.all(name).map(move |value| (name, value.to_owned()));
    names.iter().flat_map(|name| values(name)).collect()
}

/// What fields mean: blanks around them and the order of a list are nothing.
fn meant(form: &Form, names: &[&'static str]) -> Vec<(&'static str, String)> {
    let mut meant = Vec::new();
    for (name, value) in fields_of(form, names) {
        match LISTS.iter().find(|(list, _)| *list == name) {
            Some((_, list)) => meant.extend(value.lines().map(|line| (*list, line.trim().to_owned()))),
            None => meant.push((name, value.trim().to_owned())),
        }
    }
    meant.retain(|(_, value)| !value.is_empty());
    meant.sort();
    meant
}

/// The form of a key as it is.
fn filled(view: &KeyView, has_boxes: bool) -> Form {
    let key = &view.key;
    let rule = |is_any: bool| if is_any { "any" } else { "listed" }.to_owned();
    let lines = |texts: Vec<String>| texts.join("\n");
    let sites: Vec<String> = view.sites.iter().flatten().map(ToString::to_string).collect();
    let networks = key.addresses.nets().unwrap_or_default();
    let mut fields = vec![
        ("name", key.name.to_string()),
        ("description", key.description.to_string()),
        ("sites-rule", rule(view.sites.is_none())),
        ("addresses-rule", rule(key.addresses.nets().is_none())),
        (
            "addresses",
            lines(networks.iter().map(ToString::to_string).collect()),
        ),
        (
            "limit",
            key.limit
                .map(RateLimit::per_minute)
                .map_or_else(String::new, |n| n.to_string()),
        ),
    ];
    if has_boxes {
        fields.extend(sites.into_iter().map(|site| ("sites", site)));
    } else {
        fields.push(("site-names", lines(sites)));
    }
    Form::with(fields)
}
