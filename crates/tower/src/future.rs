//! What the service gives: the answer to come.

use crate::ResponseBody;
use crate::wire::rate_limit_headers;
use http::header::VARY;
use http::{HeaderValue, Response};
use keyward_domain::Quota;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A decision that is waited for, and then the inner service.
type Later<R, E> = Pin<Box<dyn Future<Output = Result<Response<ResponseBody<R>>, E>> + Send>>;

/// What is added to an answer of the inner service.
#[derive(Clone, Copy)]
pub(crate) enum Dress {
    /// Nothing: no key was looked at.
    Bare,
    /// That it depends on the key, and what is left of its limit.
    Keyed(Option<Quota>),
}

impl Dress {
    pub(crate) fn put_on<R>(self, answer: Response<R>) -> Response<ResponseBody<R>> {
        let mut answer = answer.map(ResponseBody::of_service);
        if let Self::Keyed(quota) = self {
            let headers = answer.headers_mut();
            // At once for all four, so that the table does not grow again and again.
            headers.reserve(4);
            headers.append(VARY, HeaderValue::from_static("X-API-KEY"));
            if let Some(quota) = quota {
                rate_limit_headers(quota, headers);
            }
        }
        answer
    }
}

pin_project! {
    /// The answer to come: the inner service's, or a refusal.
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        kind: Kind<F, R, E>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<F, R, E> {
        Inner { #[pin] inner: F, dress: Dress },
        Refused { answer: Option<Response<ResponseBody<R>>> },
        Later { later: Later<R, E> },
    }
}

impl<F, R, E> ResponseFuture<F, R, E> {
    pub(crate) fn inner(inner: F, dress: Dress) -> Self {
        Self {
            kind: Kind::Inner { inner, dress },
        }
    }

    pub(crate) fn refused(answer: Response<ResponseBody<R>>) -> Self {
        Self {
            kind: Kind::Refused { answer: Some(answer) },
        }
    }

    pub(crate) fn later(later: Later<R, E>) -> Self {
        Self {
            kind: Kind::Later { later },
        }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R, E>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = Result<Response<ResponseBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().kind.project() {
            KindProjection::Inner { inner, dress } => {
                let answer = ready!(inner.poll(cx))?;
                Poll::Ready(Ok(dress.put_on(answer)))
            }
            // Who polls a future that has ended waits in vain, as with any other.
            KindProjection::Refused { answer } => match answer.take() {
                Some(answer) => Poll::Ready(Ok(answer)),
                None => Poll::Pending,
            },
            KindProjection::Later { later } => later.as_mut().poll(cx),
        }
    }
}
