//! Asks before something is done that clients notice, and says what it does to them.

use super::words::isolated;
use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use askama::Template;
use std::borrow::Cow;

#[derive(Template)]
#[template(path = "admin/confirm.html")]
pub(super) struct ConfirmPage {
    pub(super) page: Page,
    pub(super) form: Form,
    pub(super) errors: Errors,
    pub(super) title: Cow<'static, str>,
    /// What happens.
    pub(super) points: Vec<Cow<'static, str>>,
    pub(super) button: Cow<'static, str>,
    /// Where no leads.
    pub(super) back: String,
    /// What has to be typed to show that it is meant.
    pub(super) typed: Option<String>,
}

impl ConfirmPage {
    /// A question; `name` is who or what it is about, `kind` the ids of its texts.
    pub(super) fn new(page: Page, kind: &str, name: &str, points: &[&str], back: String) -> Self {
        let text = |part: &str| page.t1(&format!("admin-{kind}-{part}"), "name", isolated(name));
        Self {
            title: text("title"),
            points: points.iter().map(|point| text(point)).collect(),
            button: text("button"),
            form: Form::default(),
            errors: Errors::default(),
            back,
            typed: None,
            page,
        }
    }
}
