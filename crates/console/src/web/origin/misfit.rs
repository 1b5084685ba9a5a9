//! An address that people see, and that the settings do not know.

use crate::app::{App, OwnAddress};
use crate::public_url::PublicUrl;
use crate::web::answer::HtmlAnswer;
use crate::web::page::{Page, Place};
use crate::web::visit::Visit;
use askama::Template;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use keyward_engine::Remark;

const SETTING: &str = "console.public_url";

/// How the address of a page and the settings differ. Each has texts of its own, `misfit-…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Kind {
    /// A proxy speaks TLS, and no setting names the address.
    NotNamed,
    /// A setting names another address.
    Another,
    /// Nobody speaks TLS, and a proxy asks for another host than the browser does.
    HostRewritten,
    /// The console speaks TLS, and the page came without.
    WithoutTls,
    /// A provider would send the browser back to another address than that of the page.
    WayBack,
}

/// The address of a page that sent a change.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::web) struct Misfit {
    pub(super) kind: Kind,
    /// As the browser says it: scheme, host and port.
    pub(super) origin: String,
    /// Where the console is to be opened instead, when a setting says so.
    pub(super) known: Option<String>,
}

impl Misfit {
    /// `None` when the origin is no address of a page.
    pub(super) fn of(origin: &str, address: &OwnAddress<'_>) -> Option<Self> {
        let (scheme, host) = origin.split_once("://")?;
        let is_tls = scheme.eq_ignore_ascii_case("https");
        if !is_tls && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        if !is_host(host) {
            return None;
        }
        let (kind, known) = match address {
            OwnAddress::Known(url) => (Kind::Another, Some(url.as_str().to_owned())),
            OwnAddress::AsAsked { .. } if is_tls => (Kind::NotNamed, None),
            OwnAddress::AsAsked { scheme: "http://" } => (Kind::HostRewritten, None),
            OwnAddress::AsAsked { .. } => (Kind::WithoutTls, None),
        };
        Some(Self {
            kind,
            origin: origin.to_ascii_lowercase(),
            known,
        })
    }

    /// A sign-in at a provider that cannot come back to where it begins. With a setting that names the address, a proxy may ask
    /// for another host than the browser does, so nothing is known.
    pub(in crate::web) fn of_way_back(app: &App, host: &str) -> Option<Self> {
        let OwnAddress::AsAsked { scheme } = app.address() else {
            return None;
        };
        let origin = format!("{scheme}{host}").to_ascii_lowercase();
        (is_host(host) && origin != *app.origin).then(|| Self {
            kind: Kind::WayBack,
            origin,
            known: Some(app.origin.to_string()),
        })
    }

    /// The value that the setting needs, if this is where people reach the console.
    fn value(&self) -> Option<&str> {
        self.origin.starts_with("https://").then_some(&self.origin)
    }

    /// In the log, at most once a minute, and for `keyward doctor`.
    pub(in crate::web) fn tell_operator(&self, app: &App) {
        let origin = &self.origin;
        let what = match &self.known {
            Some(known) if self.kind == Kind::WayBack => {
                format!("a sign-in at the provider was begun at {origin}, and would come back to {known}")
            }
            None => {
                format!("a form from {origin} was refused: no setting says that the console is reached there")
            }
            Some(known) => format!("a form from {origin} was refused: the setting says {known}"),
        };
        let cure = match (self.kind, self.value()) {
            (_, Some(value)) => format!("set {SETTING} = \"{value}\" and restart"),
            (Kind::HostRewritten, None) => format!(
                "let the proxy in front pass the Host field on as it came (nginx: proxy_set_header Host $http_host), or let \
                 it speak TLS and set {SETTING}"
            ),
            (Kind::WayBack, None) => {
                format!(
                    "let a proxy in front speak TLS and set {SETTING}, or open the console at the second address"
                )
            }
            (_, None) => {
                "let them open it over https: the proxy in front must speak TLS to browsers".to_owned()
            }
        };
        let way_out =
            format!("if people reach the console there, {cure}; if they do not, another page sent the form");
        let remark = Remark {
            setting: SETTING,
            what,
            way_out,
        };
        if app
            .engine
            .remarks()
            .note(app.engine.clock().now(), remark.clone())
        {
            tracing::warn!(setting = SETTING, way_out = %remark.way_out, "{}", remark.what);
        }
    }

    /// The page that says so.
    pub(in crate::web) fn answer(&self, visit: &Visit) -> Response {
        let page = Page::new(visit, Place::Outside, None).back_to("/");
        let word = match self.kind {
            Kind::NotNamed => "not-named",
            Kind::Another => "another",
            Kind::HostRewritten => "host-rewritten",
            Kind::WithoutTls => "without-tls",
            Kind::WayBack => "way-back",
        };
        let origin = self.origin.as_str();
        let known = self.known.as_deref().unwrap_or_default();
        let detail = page.t2(
            &format!("misfit-{word}-detail"),
            ("origin", origin),
            ("known", known),
        );
        let template = MisfitPage {
            title: page.t(&format!("misfit-{word}")).into_owned(),
            detail: detail.into_owned(),
            operator: page
                .t1(&format!("misfit-{word}-operator"), "origin", origin)
                .into_owned(),
            lines: self
                .value()
                .map(|value| format!("[console]\npublic_url = \"{value}\"")),
            known: self.known.clone(),
            page,
        };
        HtmlAnswer::with(StatusCode::FORBIDDEN, &template).into_response()
    }
}

/// What goes onto a page and into the log must be a host, perhaps with a port, and nothing else.
fn is_host(text: &str) -> bool {
    !text.contains('/') && PublicUrl::new(&format!("https://{text}")).is_ok()
}

#[derive(Template)]
#[template(path = "misfit.html")]
struct MisfitPage {
    page: Page,
    title: String,
    detail: String,
    /// What whoever runs the console has to do.
    operator: String,
    /// The lines of the configuration that do it.
    lines: Option<String>,
    known: Option<String>,
}
