//! `GET /sign-in/oidc` and what follows: signing in at a provider of OpenID Connect.
//!
//! 1. `/sign-in/oidc` sends the browser to the provider, and lets it keep the flow in a cookie.
//! 2. `/sign-in/oidc/callback` is where the provider sends it back to. That request comes from another site, so no cookie of
//!    ours comes with it (all are `SameSite=Strict`): it answers with a page that goes on by itself, as a page of this host.
//! 3. `/sign-in/oidc/finish` has the cookies again, and lets the person in.
//!
//! The way begins with a link and not with a form: `form-action 'self'` of our policy holds for the redirects that follow a
//! form too (Chromium checks them), so a form could not lead to the provider. That another page cannot begin a sign-in in its
//! visitor's name is kept by `Sec-Fetch-Site` in place of the `Origin` that forms have.

use super::entry::go_on;
use super::outcome::Outcome;
use crate::app::{App, asked_host};
use crate::problem::Problem;
use crate::web::cookies::Cookie;
use crate::web::landing;
use crate::web::origin::Misfit;
use crate::web::pages::PageAnswer;
use crate::web::said::single;
use crate::web::visit::Visit;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderMap, StatusCode, Uri};
use keyward_engine::{ProvenIdentity, SignInFault};
use keyward_oidc::{Answer, Fault, Flow, Identity, Provider};

/// Where the provider sends browsers back to.
pub const CALLBACK: &str = "/sign-in/oidc/callback";

pub(super) async fn begin(State(app): State<App>, visit: Visit, headers: HeaderMap, uri: Uri) -> PageAnswer {
    let provider = provider_of(&app)?;
    if !is_asked_for_here(&headers) {
        return Ok(Redirect::to("/sign-in").into_response());
    }
    let host = asked_host(&headers, &uri);
    if let Some(misfit) = host.and_then(|host| Misfit::of_way_back(&app, host)) {
        misfit.tell_operator(&app);
        return Ok(misfit.answer(&visit));
    }
    match provider.begin().await {
        Ok(begun) => {
            let mut response = Redirect::to(&begun.to).into_response();
            Cookie::Flow.set(&begun.flow, response.headers_mut(), &visit.jar);
            Ok(response)
        }
        Err(fault) => Ok(fail(&visit, provider, &fault)),
    }
}

pub(super) async fn land(State(app): State<App>, visit: Visit, RawQuery(query): RawQuery) -> PageAnswer {
    provider_of(&app)?;
    let next = format!("/sign-in/oidc/finish?{}", query.unwrap_or_default());
    Ok(landing::land(&visit, next))
}

pub(super) async fn finish(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> PageAnswer {
    let provider = provider_of(&app)?;
    let kept = Cookie::Flow.read(&headers, &visit.jar);
    let flow = kept.and_then(|kept| provider.read_flow(kept));
    let answer = Answer::read(query.as_deref().unwrap_or_default());
    let (flow, answer) = match (flow, answer) {
        (Some(flow), Some(answer)) if answer.belongs_to(&flow) => (flow, answer),
        (flow, _) => return Ok(astray(&visit, provider, flow.is_none())),
    };
    let answer = match prove(&app, &visit, &headers, &flow, &answer).await {
        Ok(identity) => let_in(&app, &visit, &headers, identity).await,
        Err(Unproved::Slowed(secs)) => Ok(Outcome::slowed(&visit, secs)),
        Err(Unproved::Fault(fault)) => Ok(fail(&visit, provider, &fault)),
        Err(Unproved::Problem(problem)) => Err(problem),
    };
    // A flow is good once, whatever comes of it.
    match answer {
        Ok(mut response) => {
            Cookie::Flow.clear(response.headers_mut(), &visit.jar);
            Ok(response)
        }
        Err(mut problem) => {
            Cookie::Flow.clear(&mut problem.0.headers, &visit.jar);
            Err(problem)
        }
    }
}

/// Somebody comes with an answer to nothing that this browser waits for. Another page can send its visitor here, so it ends
/// nothing that waits, and anybody can, so the log does not fill with it.
fn astray(visit: &Visit, provider: &Provider, nothing_waits: bool) -> Response {
    let fault = Fault::Refused("no sign-in of this browser waits for it".into());
    tracing::debug!(%fault, "a sign-in with OpenID Connect failed");
    let mut response = Outcome::of_fault(visit, provider.name(), &fault);
    if nothing_waits {
        Cookie::Flow.clear(response.headers_mut(), &visit.jar);
    }
    response
}

/// Why nobody is proved to be anybody.
enum Unproved {
    Slowed(u64),
    Fault(Fault),
    Problem(Problem),
}

async fn prove(
    app: &App,
    visit: &Visit,
    headers: &HeaderMap,
    flow: &Flow,
    answer: &Answer,
) -> Result<Identity, Unproved> {
    let provider = provider_of(app).map_err(Unproved::Problem)?;
    let device = Cookie::Device.read(headers, &visit.jar);
    let exchange = match app.engine.begin_exchange(&visit.visitor, device).await {
        Ok(exchange) => exchange,
        Err(SignInFault::Slowed { retry_after_secs }) => return Err(Unproved::Slowed(retry_after_secs)),
        Err(SignInFault::Refused) => {
            return Err(Unproved::Problem(Problem::of_status(StatusCode::FORBIDDEN)));
        }
        Err(SignInFault::Engine(error)) => return Err(Unproved::Problem(error.into())),
    };
    let proved = provider.finish(flow, answer).await;
    if !matches!(proved, Err(Fault::Refused(_))) {
        app.engine.take_back_exchange(&exchange);
    }
    proved.map_err(Unproved::Fault)
}

async fn let_in(
    app: &App,
    visit: &Visit,
    headers: &HeaderMap,
    identity: Identity,
) -> Result<Response, Problem> {
    let provider = provider_of(app)?;
    let proven = ProvenIdentity {
        issuer: identity.issuer,
        subject: identity.subject,
        email: identity.email,
    };
    let device = Cookie::Device.read(headers, &visit.jar);
    let entered = app.engine.sign_in_with_identity(&proven, &visit.visitor, device);
    match entered.await {
        Ok(sign_in) => Ok(go_on(visit, &sign_in)),
        Err(SignInFault::Refused) => Ok(Outcome::nobody(visit, provider.name(), proven.email.as_deref())),
        Err(SignInFault::Slowed { retry_after_secs }) => Ok(Outcome::slowed(visit, retry_after_secs)),
        Err(SignInFault::Engine(error)) => Err(error.into()),
    }
}

fn fail(visit: &Visit, provider: &Provider, fault: &Fault) -> Response {
    tracing::warn!(%fault, "a sign-in with OpenID Connect failed");
    Outcome::of_fault(visit, provider.name(), fault)
}

fn provider_of(app: &App) -> Result<&Provider, Problem> {
    let nothing = || Problem::of_status(StatusCode::NOT_FOUND);
    app.provider.as_deref().ok_or_else(nothing)
}

/// Whether a browser says that one of our pages, or the person, asked; browsers that do not say it are believed.
fn is_asked_for_here(headers: &HeaderMap) -> bool {
    single(headers, "sec-fetch-site")
        .is_ok_and(|site| site.is_none_or(|site| site == "same-origin" || site == "none"))
}
