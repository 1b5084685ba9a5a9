//! `GET /admin/use-cases`: what keys may be for, as the configuration says.

use super::Admin;
use crate::app::App;
use crate::web::answer::HtmlAnswer;
use crate::web::page::{Page, Place};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State;
use keyward_domain::UseCase;

#[derive(Template)]
#[template(path = "admin/use_cases.html")]
struct UseCasesPage {
    page: Page,
    rows: Vec<UseCaseRow>,
}

/// A use case, as people read it.
struct UseCaseRow {
    name: String,
    title: String,
    /// What it opens, in words, where that is no list.
    opens: Option<String>,
    routes: Vec<RouteLine>,
}

struct RouteLine {
    methods: String,
    path: String,
}

impl UseCaseRow {
    fn new(page: &Page, use_case: &UseCase) -> Self {
        let is_management = use_case.name.is_management();
        let opens = match use_case.routes.as_deref() {
            _ if is_management => Some(page.t("admin-use-case-management-opens")),
            None => Some(page.t("admin-use-case-opens-all")),
            Some([]) => Some(page.t("admin-use-case-opens-none")),
            Some(_) => None,
        };
        let title = if is_management {
            page.t("admin-use-case-management").into_owned()
        } else {
            page.use_case_title(use_case)
        };
        let line = |route: &keyward_domain::RoutePattern| RouteLine {
            methods: if route.methods.is_empty() {
                page.t("admin-use-case-any-method").into_owned()
            } else {
                route.methods.join(", ")
            },
            path: route.path.to_string(),
        };
        Self {
            name: use_case.name.to_string(),
            title,
            opens: opens.map(std::borrow::Cow::into_owned),
            routes: use_case.routes.iter().flatten().map(line).collect(),
        }
    }
}

pub(super) async fn show(State(app): State<App>, visit: Visit, Admin(person): Admin) -> HtmlAnswer {
    let page = person.page(&visit, Place::UseCases);
    let use_cases = app.engine.catalogue().iter();
    HtmlAnswer::ok(&UseCasesPage {
        rows: use_cases
            .map(|use_case| UseCaseRow::new(&page, use_case))
            .collect(),
        page,
    })
}
