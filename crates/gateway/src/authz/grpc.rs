//! Envoy's ext_authz over gRPC: one call, `Check`. `read` makes a request of what Envoy says, `write` makes of the decision
//! what Envoy understands. Whatever goes wrong on the way is a status of gRPC that is not OK, which Envoy refuses by.

mod read;
mod write;

use super::decide::{Decider, Decision};
use crate::answer::{Answer, AnswerBody, guarded, no_question};
use crate::guard::Fault;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use keyward_envoy::{CheckRequest, CheckResponse};
use keyward_listener::RequestBody;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::timeout;
use tonic::codegen::BoxFuture;
use tonic::server::{Grpc, UnaryService};
use tonic_prost::ProstCodec;

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
    let server = Grpc::new(ProstCodec::default());
    let mut server = server.apply_max_message_size_config(Some(MOST_QUESTION_BYTES), None);
    let (parts, body) = server.unary(Call(check), request).await.into_parts();
    let whole = body.collect().await.ok()?;
    let trailers = whole.trailers().cloned();
    let body = AnswerBody::trailed(whole.to_bytes(), trailers);
    Some(Answer::from_parts(parts, body))
}

struct Call(Arc<Check>);

impl UnaryService<CheckRequest> for Call {
    type Response = CheckResponse;
    type Future = BoxFuture<tonic::Response<CheckResponse>, tonic::Status>;

    fn call(&mut self, request: tonic::Request<CheckRequest>) -> Self::Future {
        let check = Arc::clone(&self.0);
        Box::pin(async move { Ok(tonic::Response::new(check.answer(request.into_inner()).await)) })
    }
}

impl Check {
    async fn answer(&self, asked: CheckRequest) -> CheckResponse {
        let decider = &self.decider;
        let (decision, response) = match read::original(asked) {
            Ok(original) => {
                let decision = decider.decide(&original).await;
                write::response(&decider.rules, &original, decision)
            }
            Err(misread) => write::refused(Decision::refused(misread.outcome(decider.id))),
        };
        let mut place = self.decision.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(decision);
        response
    }
}
