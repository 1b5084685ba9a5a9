//! What stands against a form of somebody who proves who they are, in their language.

use crate::problem::Problem;
use crate::web::answer::HtmlAnswer;
use crate::web::form::{Errors, Form};
use crate::web::page::Page;
use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use keyward_domain::{Email, Name, NewPassword, PasswordFault};
use keyward_engine::{AccountFault, EngineError, FieldFault, SignInFault};
use std::borrow::Cow;

/// What is wrong: at the fields, or over the form where it is not said at which.
#[derive(Default)]
pub(in crate::web::pages) struct Faults {
    pub(in crate::web::pages) errors: Errors,
    pub(in crate::web::pages) notice: Option<String>,
    /// Seconds until another try is looked at.
    wait: Option<u64>,
}

impl Faults {
    /// Something is wrong, and it is not said what.
    fn refused(text: Cow<'static, str>) -> Self {
        Self {
            notice: Some(text.into_owned()),
            ..Self::default()
        }
    }

    fn slowed(page: &Page, secs: u64) -> Self {
        Self {
            notice: Some(page.t1("sign-in-slowed", "seconds", secs).into_owned()),
            wait: Some(secs),
            ..Self::default()
        }
    }

    /// Why somebody is not let in.
    pub(super) fn of_sign_in(page: &Page, fault: SignInFault, refused: &str) -> Result<Self, Problem> {
        match fault {
            SignInFault::Refused => Ok(Self::refused(page.t(refused))),
            SignInFault::Slowed { retry_after_secs } => Ok(Self::slowed(page, retry_after_secs)),
            SignInFault::Engine(error) => Err(error.into()),
        }
    }

    /// Why what somebody signs in with was not changed. The fields are `old`, `password`, `code`, `email`, `name`.
    pub(in crate::web::pages) fn of_account(page: &Page, fault: AccountFault) -> Result<Self, Problem> {
        match fault {
            AccountFault::WrongPassword => Ok(Self::at("old", page.t("account-wrong-password"))),
            AccountFault::WrongCode => Ok(Self::at("code", page.t("account-wrong-code"))),
            AccountFault::Password(fault) => Ok(Self::at("password", of_password(page, fault))),
            AccountFault::LinkGone => Ok(Self::refused(page.t("link-gone"))),
            AccountFault::Slowed { retry_after_secs } => Ok(Self::slowed(page, retry_after_secs)),
            AccountFault::Engine(error) => Self::of_engine(page, error),
        }
    }

    fn of_engine(page: &Page, error: EngineError) -> Result<Self, Problem> {
        match error {
            EngineError::Invalid(faults) => Ok(Self::of_fields(page, &faults)),
            EngineError::Conflict {
                code: "email_taken", ..
            } => Ok(Self::at("email", page.t("account-email-taken"))),
            other => Err(other.into()),
        }
    }

    fn of_fields(page: &Page, faults: &[FieldFault]) -> Self {
        let mut shown = Self::default();
        for fault in faults {
            let text = match &*fault.field {
                "email" => page.t("account-email-fault"),
                "name" => page.t("account-name-fault"),
                _ => page.t("fault-bad-request-detail"),
            };
            shown.errors.add(fault.field.clone(), text);
        }
        shown
    }

    fn at(field: &str, text: Cow<'static, str>) -> Self {
        let mut faults = Self::default();
        faults.errors.add(field, text);
        faults
    }

    /// A new password is typed twice, so that a slip of a finger locks nobody out.
    pub(in crate::web::pages) fn of_repetition(page: &Page, form: &Form) -> Option<Self> {
        let is_same = form.text("password") == form.text("again");
        (!is_same).then(|| Self::at("again", page.t("password-differs")))
    }

    /// All that is wrong with a form of somebody new, so that no fault waits for another to be mended. What else the engine
    /// knows, it says afterwards.
    pub(super) fn of_new_person(page: &Page, form: &Form) -> Option<Self> {
        let mut faults = Self::of_repetition(page, form).unwrap_or_default();
        let email = Email::new(form.text("email").trim()).ok();
        let name = form.filled("name").map(|name| Name::new(name).ok());
        if email.is_none() {
            faults.errors.add("email", page.t("account-email-fault"));
        }
        if name == Some(None) {
            faults.errors.add("name", page.t("account-name-fault"));
        }
        // A password is looked at beside the person's address and name; without them, by itself.
        let email = email.or_else(|| Email::new("nobody@example.com").ok());
        let name = name.flatten().or_else(|| Name::new("Nobody").ok());
        if let (Some(email), Some(name)) = (email, name)
            && let Err(fault) = NewPassword::new(form.text("password"), &email, &name)
        {
            faults.errors.add("password", of_password(page, fault));
        }
        (!faults.errors.is_empty()).then_some(faults)
    }

    /// The form again, with what is wrong.
    pub(in crate::web::pages) fn answer(&self, template: &impl Template) -> Response {
        let Some(secs) = self.wait else {
            return HtmlAnswer::invalid(template).into_response();
        };
        let mut response = HtmlAnswer::with(StatusCode::TOO_MANY_REQUESTS, template).into_response();
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        response
    }
}

fn of_password(page: &Page, fault: PasswordFault) -> Cow<'static, str> {
    match fault {
        PasswordFault::TooShort => page.t("password-too-short"),
        PasswordFault::TooLong => page.t("password-too-long"),
        PasswordFault::Common => page.t("password-common"),
        PasswordFault::ContainsName => page.t("password-contains-name"),
    }
}
