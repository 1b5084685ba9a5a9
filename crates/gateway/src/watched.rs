//! An upstream's body that is let go when nobody asks for it any more.

use crate::settings::Timeouts;
use crate::upstream_body::UpstreamBody;
use crate::upstream_fault::BodyFault;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};

/// A body with somebody who watches over it.
pub(crate) struct Watched {
    shared: Arc<Mutex<Shared>>,
    watcher: AbortHandle,
}

struct Shared {
    /// Gone when it was let go.
    body: Option<Box<UpstreamBody>>,
    asked: Instant,
    /// How long a client may take to ask for more.
    client: Duration,
    /// How long the upstream may take besides, when it is waited for.
    upstream: Duration,
    waits: bool,
}

impl Watched {
    pub(crate) fn new(body: Box<UpstreamBody>, timeouts: &Timeouts) -> Self {
        let stall = body.stall();
        let shared = Arc::new(Mutex::new(Shared {
            body: Some(body),
            asked: Instant::now(),
            client: timeouts.write_stall,
            upstream: stall,
            waits: false,
        }));
        let watcher = tokio::spawn(watch(Arc::clone(&shared))).abort_handle();
        Self { shared, watcher }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let mut shared = lock(&self.shared);
        let shared = &mut *shared;
        let Some(body) = &mut shared.body else {
            return Poll::Ready(Some(Err(BodyFault::ClientStalled)));
        };
        shared.asked = Instant::now();
        let polled = Pin::new(&mut **body).poll_frame(cx);
        shared.waits = polled.is_pending();
        polled
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        lock(&self.shared)
            .body
            .as_deref()
            .is_some_and(Body::is_end_stream)
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        lock(&self.shared)
            .body
            .as_deref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn watch(shared: Arc<Mutex<Shared>>) {
    loop {
        let due = {
            let mut shared = lock(&shared);
            let upstream = if shared.waits {
                shared.upstream
            } else {
                Duration::ZERO
            };
            let due = shared.asked + shared.client + upstream;
            if due <= Instant::now() {
                shared.body = None;
                return;
            }
            due
        };
        sleep_until(due).await;
    }
}
