//! `GET /design`: every component in all its states.

use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::{Page, Place, Viewer};
use crate::web::visit::Visit;
use askama::Template;
use keyward_domain::Timestamp;

#[derive(Template)]
#[template(path = "design.html")]
struct DesignPage {
    page: Page,
    form: Form,
    errors: Errors,
    none: Errors,
    soon: Timestamp,
}

pub(super) async fn show(visit: Visit) -> HtmlAnswer {
    let mut page = Page::new(&visit, Place::Outside, None);
    page.viewer = Some(Viewer {
        name: "Ada Lovelace".into(),
        email: "ada@example.com".into(),
        is_admin: true,
    });
    page.flash = Some(page.t("design-intro").into_owned());
    let mut errors = Errors::default();
    errors.add("wrong", page.t("form-errors"));
    HtmlAnswer::ok(&DesignPage {
        page,
        form: Form::with([
            ("right", "Ada".into()),
            ("wrong", "<script>".into()),
            ("lines", "192.0.2.0/24\n2001:db8::/32".into()),
        ]),
        errors,
        none: Errors::default(),
        soon: visit.now.plus_days(12),
    })
}
