//! What goes on on a connection: whether it has something to do, and since when nothing happened.

use crate::date::date;
use crate::request_body::{RequestBody, follow, says_close};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// What a connection is doing.
#[derive(Debug)]
pub(crate) struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests whose answer is being made.
    asked: usize,
    /// Answers that are being sent.
    answering: usize,
    had_request: bool,
    /// An answer said that the connection ends: the client may be sending still.
    cut_short: bool,
    /// When it began, or a request came, or an answer or a piece of one was ready, or ended.
    last: Instant,
}

impl Default for Activity {
    fn default() -> Self {
        Self(Mutex::new(State {
            asked: 0,
            answering: 0,
            had_request: false,
            cut_short: false,
            last: Instant::now(),
        }))
    }
}

impl Activity {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request came and its answer is not sent to its end, and when something happened last.
    pub(crate) fn now(&self) -> (bool, Instant) {
        let state = self.lock();
        (state.asked + state.answering > 0, state.last)
    }

    /// Whether the client has taken nothing and asked nothing for longer than it should need: for its first request, or for
    /// anything after.
    pub(crate) fn is_idle(&self, first: Duration, next: Duration) -> bool {
        let state = self.lock();
        let patience = if state.had_request { next } else { first };
        state.asked == 0 && state.last.elapsed() > patience
    }

    /// Whether an answer ended the connection, so that the client may be sending still.
    pub(crate) fn was_cut_short(&self) -> bool {
        self.lock().cut_short
    }

    /// A request comes.
    pub(crate) fn ask(this: &Arc<Self>) -> Asked {
        let mut state = this.lock();
        state.asked += 1;
        state.had_request = true;
        state.last = Instant::now();
        Asked(Arc::clone(this))
    }
}

/// A request whose answer is being made, until this is dropped.
pub(crate) struct Asked(Arc<Activity>);

impl Asked {
    fn answer<B>(self, body: B, cuts_short: bool) -> Sent<B> {
        let mut state = self.0.lock();
        state.answering += 1;
        state.cut_short |= cuts_short;
        drop(state);
        let activity = Arc::clone(&self.0);
        Sent { body, activity }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.asked -= 1;
        state.last = Instant::now();
    }
}

/// The same service, which tells what it does. Its answers are dated, and say so when the connection ends with them.
pub(crate) fn watched<S, B>(
    activity: Arc<Activity>,
    service: S,
) -> impl Service<Request<Incoming>, Response = Response<Sent<B>>, Error = S::Error, Future: Send + 'static>
where
    S: Service<Request<RequestBody>, Response = Response<B>>,
    S::Future: Send + 'static,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + Unpin + Send + 'static,
{
    service_fn(move |request| {
        let asked = Activity::ask(&activity);
        let (request, unread) = follow(request);
        let answer = service.call(request);
        async move {
            let mut answer = answer.await?;
            date(answer.headers_mut());
            unread.settle(&mut answer).await;
            let cuts_short = says_close(&answer);
            Ok(answer.map(|body| asked.answer(body, cuts_short)))
        }
    })
}

/// The body of an answer, until it is sent. Each piece shows that the client reads: an answer may take as long as it likes, if it
/// gets on.
pub(crate) struct Sent<B> {
    body: B,
    activity: Arc<Activity>,
}

impl<B: Body + Unpin> Body for Sent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        self.activity.lock().last = Instant::now();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for Sent<B> {
    fn drop(&mut self) {
        let mut state = self.activity.lock();
        state.answering -= 1;
        state.last = Instant::now();
    }
}
