//! The service that the layer puts around another.

use crate::answer::Form;
use crate::authorizer::{Answer, Outcome, Question};
use crate::future::{Dress, ResponseFuture};
use crate::rules::{Rules, Way};
use crate::wire::credential;
use crate::{Authorizer, ResponseBody};
use http::request::Parts;
use http::{Request, Response};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// A service that only answers to requests with a good key. [`crate::KeywardLayer`] makes it.
#[derive(Clone)]
pub struct KeywardService<S, A> {
    inner: S,
    authorizer: A,
    rules: Arc<Rules>,
}

impl<S, A> KeywardService<S, A> {
    pub(crate) fn new(inner: S, authorizer: A, rules: Arc<Rules>) -> Self {
        Self {
            inner,
            authorizer,
            rules,
        }
    }
}

/// A request's decision, when it is not a refusal for another reason than its key.
enum Step {
    Open,
    Decided(Answer),
}

impl<S, A, B, R> Service<Request<B>> for KeywardService<S, A>
where
    A: Authorizer,
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let form = Form::of(&parts.headers);
        let step = match self.rules.way(&parts) {
            Ok(Way::Open) => Step::Open,
            Ok(Way::Keyed { path, site }) => Step::Decided(self.authorizer.decide(Question {
                credential: credential(&parts.headers),
                site,
                client: self.rules.client(&parts),
                method: parts.method.as_str(),
                path,
            })),
            Err(unfit) => return ResponseFuture::refused(form.unfit(&unfit)),
        };
        self.rules
            .clean(&mut parts.headers, matches!(step, Step::Decided(_)));
        match step {
            Step::Open => {
                // Nobody in front of the layer can lend an identity.
                parts.extensions.remove::<crate::KeyIdentity>();
                ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body)), Dress::Bare)
            }
            Step::Decided(Answer::Now(outcome)) => match form.of_outcome(&outcome, &self.rules.challenge) {
                Some(answer) => ResponseFuture::refused(answer),
                None => {
                    let dress = admit(&mut parts, outcome);
                    ResponseFuture::inner(self.inner.call(Request::from_parts(parts, body)), dress)
                }
            },
            Step::Decided(Answer::Later(decision)) => {
                // The one that was found ready is called; the clone will be asked anew.
                let clone = self.inner.clone();
                let mut inner = std::mem::replace(&mut self.inner, clone);
                let rules = Arc::clone(&self.rules);
                ResponseFuture::later(Box::pin(async move {
                    let outcome = decision.await;
                    if let Some(answer) = form.of_outcome(&outcome, &rules.challenge) {
                        return Ok(answer);
                    }
                    let dress = admit(&mut parts, outcome);
                    let answer = inner.call(Request::from_parts(parts, body)).await?;
                    Ok(dress.put_on(answer))
                }))
            }
        }
    }
}

/// Tells the service behind who calls.
fn admit(parts: &mut Parts, outcome: Outcome) -> Dress {
    match outcome {
        Outcome::Granted(identity, quota) => {
            parts.extensions.insert(identity);
            Dress::Keyed(quota)
        }
        // Those were answered.
        Outcome::Denied(..) | Outcome::Unavailable => Dress::Bare,
    }
}
