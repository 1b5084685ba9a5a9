//! `/account/second-factor`: begin, confirm, renew the recovery codes, remove.

use super::qr::{Picture, draw};
use crate::app::App;
use crate::problem::Problem;
use crate::web::answer::HtmlAnswer;
use crate::web::form::Form;
use crate::web::page::{Page, Place};
use crate::web::pages::sign_in::{Faults, keep_session};
use crate::web::pages::{PageAnswer, done};
use crate::web::person::{OwnForm, Person};
use crate::web::visit::Visit;
use askama::Template;
use axum::extract::State as From;
use axum::response::{IntoResponse, Redirect, Response};
use keyward_engine::{AccountFault, EngineError, SecondFactorSetup};

const HERE: &str = "/account/second-factor";

#[derive(Template)]
#[template(path = "account/second_factor.html")]
struct FactorPage {
    page: Page,
    state: State,
    form: Form,
    faults: Faults,
}

/// How far it is.
enum State {
    Off,
    /// A key waits for its first code.
    Waiting(Setup),
    On,
}

/// What an app is told.
struct Setup {
    secret: String,
    uri: String,
    code: Picture,
    needs_password: bool,
}

impl Setup {
    fn new(setup: SecondFactorSetup) -> Result<Self, Problem> {
        let too_long = || {
            let status = http::StatusCode::INTERNAL_SERVER_ERROR;
            Problem::of_status(status).with_cause("the address of a second factor fits no QR code")
        };
        Ok(Self {
            code: draw(&setup.uri).ok_or_else(too_long)?,
            secret: setup.secret_base32,
            uri: setup.uri,
            needs_password: setup.needs_password,
        })
    }
}

async fn page(app: &App, visit: &Visit, person: &Person, faults: Faults) -> Result<FactorPage, Problem> {
    let session = &person.session;
    let state = if session.has_second_factor {
        State::On
    } else {
        match app.engine.pending_second_factor(session).await? {
            Some(setup) => State::Waiting(Setup::new(setup)?),
            None => State::Off,
        }
    };
    Ok(FactorPage {
        // Also under a code that was wrong, which was sent elsewhere.
        page: person.page(visit, Place::Account).back_to(HERE),
        state,
        form: Form::default(),
        faults,
    })
}

pub(super) async fn show(From(app): From<App>, visit: Visit, person: Person) -> PageAnswer {
    let template = page(&app, &visit, &person, Faults::default()).await?;
    Ok(HtmlAnswer::ok(&template).into_response())
}

pub(super) async fn begin(From(app): From<App>, person: Person, OwnForm(_): OwnForm) -> PageAnswer {
    match app.engine.begin_second_factor(&person.session).await {
        // It is on already: the page says so.
        Ok(_) | Err(EngineError::Conflict { .. }) => Ok(Redirect::to(HERE).into_response()),
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn confirm(
    From(app): From<App>,
    visit: Visit,
    person: Person,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    let (password, code) = (form.text("old"), form.text("code"));
    let confirmed = app
        .engine
        .confirm_second_factor(&person.session, password, code, &visit.visitor);
    match confirmed.await {
        Ok((signed_in, codes)) => {
            // Its forms are of the session that begins with it.
            let mut response = RecoveryPage::answer(&visit, &Person::signed_in(&signed_in), codes);
            keep_session(&visit, &signed_in, &mut response);
            Ok(response)
        }
        // The page was sent twice, or in another window.
        Err(AccountFault::Engine(EngineError::Conflict { .. } | EngineError::NotFound(_))) => {
            Ok(Redirect::to(HERE).into_response())
        }
        Err(fault) => {
            let faults = Faults::of_account(&person.page(&visit, Place::Account), fault)?;
            let template = page(&app, &visit, &person, faults).await?;
            Ok(template.faults.answer(&template))
        }
    }
}

/// The recovery codes, once.
#[derive(Template)]
#[template(path = "account/recovery.html")]
struct RecoveryPage {
    page: Page,
    codes: Vec<String>,
}

impl RecoveryPage {
    fn answer(visit: &Visit, person: &Person, codes: Vec<String>) -> Response {
        let page = person.page(visit, Place::Account).once();
        HtmlAnswer::ok(&Self { page, codes }).into_response()
    }
}

/// A change that asks for a code again.
#[derive(Template)]
#[template(path = "account/factor_form.html")]
struct FactorForm {
    page: Page,
    /// Whether the second factor is to be removed; else the recovery codes are renewed.
    removes: bool,
    form: Form,
    faults: Faults,
}

impl FactorForm {
    fn new(visit: &Visit, person: &Person, removes: bool) -> Self {
        Self {
            page: person.page(visit, Place::Account),
            removes,
            form: Form::default(),
            faults: Faults::default(),
        }
    }

    fn answer(mut self, fault: AccountFault) -> PageAnswer {
        match fault {
            AccountFault::Engine(EngineError::NotFound(_)) => Ok(Redirect::to(HERE).into_response()),
            fault => {
                self.faults = Faults::of_account(&self.page, fault)?;
                Ok(self.faults.answer(&self))
            }
        }
    }
}

pub(super) async fn show_renew(visit: Visit, person: Person) -> HtmlAnswer {
    HtmlAnswer::ok(&FactorForm::new(&visit, &person, false))
}

pub(super) async fn show_remove(visit: Visit, person: Person) -> HtmlAnswer {
    HtmlAnswer::ok(&FactorForm::new(&visit, &person, true))
}

pub(super) async fn renew(
    From(app): From<App>,
    visit: Visit,
    person: Person,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    let code = form.text("code");
    match app.engine.renew_recovery_codes(&person.session, code).await {
        Ok(codes) => Ok(RecoveryPage::answer(&visit, &person, codes)),
        Err(fault) => FactorForm::new(&visit, &person, false).answer(fault),
    }
}

pub(super) async fn remove(
    From(app): From<App>,
    visit: Visit,
    person: Person,
    OwnForm(form): OwnForm,
) -> PageAnswer {
    let (password, code) = (form.text("old"), form.text("code"));
    let removed = app.engine.remove_second_factor(&person.session, password, code);
    match removed.await {
        Ok(()) => Ok(done(&visit, "/account", "flash-factor-removed")),
        Err(fault) => FactorForm::new(&visit, &person, true).answer(fault),
    }
}
