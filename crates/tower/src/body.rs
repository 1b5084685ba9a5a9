//! The body of an answer: the service's own, or that of a refusal.

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// The body of an answer: the inner service's, byte for byte and in its own time, or the document of a refusal.
    #[derive(Debug)]
    pub struct ResponseBody<R> {
        #[pin]
        inner: Option<R>,
        document: Option<String>,
    }
}

impl<R> ResponseBody<R> {
    pub(crate) fn of_service(body: R) -> Self {
        Self {
            inner: Some(body),
            document: None,
        }
    }

    /// A document; an empty one is no body.
    pub(crate) fn of_document(document: String) -> Self {
        Self {
            inner: None,
            document: Some(document).filter(|document| !document.is_empty()),
        }
    }
}

impl<R> Body for ResponseBody<R>
where
    R: Body,
    R::Data: From<String>,
{
    type Data = R::Data;
    type Error = R::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, R::Error>>> {
        let this = self.project();
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll_frame(cx),
            None => Poll::Ready(this.document.take().map(|text| Ok(Frame::data(text.into())))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Some(inner) => inner.is_end_stream(),
            None => self.document.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Some(inner) => inner.size_hint(),
            None => SizeHint::with_exact(self.document.as_ref().map_or(0, |text| text.len() as u64)),
        }
    }
}
