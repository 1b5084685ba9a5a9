//! Envoy's ext_authz over gRPC: one call, `Check`. `read` makes a request of what Envoy says, `write` makes of the decision
//! what Envoy understands. Whatever goes wrong on the way is a status of gRPC that is not OK, which Envoy refuses by.

mod read;
mod write;

use super::decide::{Decider, Decision};
use crate::answer::{Answer, AnswerBody, guarded, no_question};
use crate::guard::Fault;
use envoy_types::ext_authz::v3::pb::{Authorization, AuthorizationServer, CheckRequest, CheckResponse};
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use keyward_listener::RequestBody;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::timeout;
use tonic::codegen::Service;

/// Where Envoy asks.
pub(super) const PATH: &str = "/envoy.service.auth.v3.Authorization/Check";
/// A question holds a head, and of a body only what a proxy was told to send along.
const MOST_QUESTION_BYTES: usize = 1024 * 1024;

/// One call.
struct Check {
    decider: Decider,
    /// What came of it, for the log.
    decision: Mutex<Option<Decision>>,
}

/// Answers a call.
pub(super) async fn answer(decider: Decider, request: Request<RequestBody>) -> (Decision, Answer) {
    let id = decider.id;
    let is_grpc = |kind: &http::HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
    if request.method() != Method::POST || !request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
        return Decision::not_taken("no_question", no_question(id));
    }
    let patience = decider.shared.settings.timeouts.body_stall;
    let check = Arc::new(Check {
        decider,
        decision: Mutex::default(),
    });
    let calling = call(Arc::clone(&check), request);
    let Ok(answer) = timeout(patience, calling).await else {
        return Decision::not_taken("malformed", guarded(Fault::HeadTimeout, id));
    };
    let decision = check
        .decision
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    match (decision, answer) {
        (Some(decision), Some(answer)) => (decision, answer),
        // A status of gRPC says what was wrong with the call.
        (None, Some(answer)) => (Decision::unread(StatusCode::BAD_REQUEST), answer),
        (_, None) => Decision::not_taken("malformed", guarded(Fault::Malformed("a broken call"), id)),
    }
}

async fn call(check: Arc<Check>, request: Request<RequestBody>) -> Option<Answer> {
    let server = AuthorizationServer::from_arc(check);
    let mut server = server.max_decoding_message_size(MOST_QUESTION_BYTES);
    let Ok(answer) = server.call(request).await;
    let (parts, body) = answer.into_parts();
    let whole = body.collect().await.ok()?;
    let trailers = whole.trailers().cloned();
    let body = AnswerBody::trailed(whole.to_bytes(), trailers);
    Some(Answer::from_parts(parts, body))
}

#[tonic::async_trait]
impl Authorization for Check {
    async fn check(
        &self,
        request: tonic::Request<CheckRequest>,
    ) -> Result<tonic::Response<CheckResponse>, tonic::Status> {
        let decider = &self.decider;
        let (decision, response) = match read::original(request.into_inner()) {
            Ok(original) => {
                let decision = decider.decide(&original).await;
                write::response(&decider.rules, &original, decision)
            }
            Err(misread) => write::refused(Decision::refused(misread.outcome(decider.id))),
        };
        let mut place = self.decision.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(decision);
        Ok(tonic::Response::new(response))
    }
}
