//! Routes that only keys of some use cases may call.

use crate::answer::Form;
use crate::future::{Dress, ResponseFuture};
use crate::wire::Refusal;
use crate::{KeyIdentity, ResponseBody};
use http::{HeaderValue, Request, Response};
use keyward_domain::Reason;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Lets only requests pass whose key is of one of these use cases; others are 403 `use_case_forbidden`. It stands inside of
/// [`crate::KeywardLayer`]: a request without an identity never passes.
#[derive(Clone, Debug)]
pub struct RequireUseCase {
    names: Arc<[String]>,
}

/// The service that [`RequireUseCase`] puts around another.
#[derive(Clone, Debug)]
pub struct RequireUseCaseService<S> {
    inner: S,
    names: Arc<[String]>,
}

impl RequireUseCase {
    /// Asks for a use case.
    pub fn of(name: impl Into<String>) -> Self {
        Self::any([name])
    }

    /// Asks for any of some use cases.
    pub fn any(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
        }
    }
}

impl<S> Layer<S> for RequireUseCase {
    type Service = RequireUseCaseService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireUseCaseService {
            inner,
            names: Arc::clone(&self.names),
        }
    }
}

impl<S, B, R> Service<Request<B>> for RequireUseCaseService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let identity = KeyIdentity::of(request.extensions());
        if identity.is_some_and(|identity| self.names.iter().any(|name| name == identity.use_case())) {
            return ResponseFuture::inner(self.inner.call(request), Dress::Bare);
        }
        let refusal = Refusal::new(Reason::UseCaseForbidden, None);
        // A 403 challenges nobody.
        let no_challenge = HeaderValue::from_static("");
        let answer = Form::of(request.headers()).answer(&refusal.problem(), |headers| {
            refusal.headers_with_wait(&no_challenge, None, headers);
        });
        ResponseFuture::refused(answer)
    }
}
