//! The body of a request, which is followed to its end: an answer that comes before it must say that the connection ends, or
//! what is left of the body has to be read, so that the next request can be.

use http::header::{CONNECTION, EXPECT};
use http::{HeaderValue, Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::timeout;

/// So much of a body that nobody wants is read, and an answer waits so long for it.
const MOST_DRAINED: u64 = 64 * 1024;
const DRAIN_PATIENCE: Duration = Duration::from_millis(100);

/// The body of a request.
#[derive(Debug)]
pub struct RequestBody {
    body: Option<Incoming>,
    /// None when there never was anything to read.
    left: Option<Arc<Mutex<Left>>>,
}

/// What is left of a body.
#[derive(Debug)]
enum Left {
    /// Somebody reads it, or it broke off.
    Unknown,
    Nothing,
    /// It was given up.
    Body(Incoming),
}

/// What there is to do about the body of a request once there is an answer.
#[derive(Debug)]
pub struct Unread {
    /// None when nothing is.
    left: Option<Arc<Mutex<Left>>>,
    /// Whether the client waits to be told to send it.
    expects: bool,
}

/// Follows the body of a request.
pub fn follow(request: Request<Incoming>) -> (Request<RequestBody>, Unread) {
    // HTTP/2 has streams that end by themselves.
    let has_body = request.version() != Version::HTTP_2 && !request.body().is_end_stream();
    let left = has_body.then(|| Arc::new(Mutex::new(Left::Unknown)));
    let unread = Unread {
        left: left.clone(),
        expects: has_body && request.headers().contains_key(EXPECT),
    };
    let request = request.map(|body| RequestBody {
        body: Some(body),
        left,
    });
    (request, unread)
}

impl Unread {
    /// Reads what is left, if it is little and comes at once. If not, the answer says that the connection ends.
    pub async fn settle<B>(self, answer: &mut Response<B>) {
        let Some(left) = self.left else { return };
        if answer.status() == StatusCode::SWITCHING_PROTOCOLS || says_close(answer) {
            return;
        }
        let left = std::mem::replace(
            &mut *left.lock().unwrap_or_else(PoisonError::into_inner),
            Left::Unknown,
        );
        let is_over = match left {
            Left::Nothing => true,
            Left::Body(body) if !self.expects && body.size_hint().lower() <= MOST_DRAINED => {
                timeout(DRAIN_PATIENCE, drain(body)).await.unwrap_or(false)
            }
            Left::Body(_) | Left::Unknown => false,
        };
        if !is_over {
            answer
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// Whether the connection ends with an answer.
pub(crate) fn says_close<B>(answer: &Response<B>) -> bool {
    let said = answer.headers().get(CONNECTION);
    said.is_some_and(|said| said.as_bytes().eq_ignore_ascii_case(b"close"))
}

/// Whether it ended within the bound.
async fn drain(mut body: Incoming) -> bool {
    let mut room = MOST_DRAINED;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        match room.checked_sub(length) {
            Some(rest) => room = rest,
            None => return false,
        }
    }
    true
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        match &frame {
            Some(Ok(_)) => {}
            Some(Err(_)) => this.left = None,
            // Whoever sees the end may keep the body for a while.
            None => this.note(Left::Nothing),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl RequestBody {
    /// Notes once what is left.
    fn note(&mut self, now: Left) {
        if let Some(left) = self.left.take() {
            *left.lock().unwrap_or_else(PoisonError::into_inner) = now;
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let left = match self.body.take() {
            Some(body) if !body.is_end_stream() => Left::Body(body),
            _ => Left::Nothing,
        };
        self.note(left);
    }
}
