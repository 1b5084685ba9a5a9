//! Waiting for what must come about; never a measure of speed.

use crate::Keyward;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest that a test waits for what must come.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

const POLL: Duration = Duration::from_millis(20);

/// Looks again until something is so.
///
/// # Panics
/// When it is not after [`WAIT_TIMEOUT`], with `what` that is.
pub async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !is_so().await {
        assert!(
            began.elapsed() < WAIT_TIMEOUT,
            "not within {WAIT_TIMEOUT:?}: {what}"
        );
        tokio::time::sleep(POLL).await;
    }
}

/// The same in a test that blocks.
#[track_caller]
pub fn eventually_blocking(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(
            began.elapsed() < WAIT_TIMEOUT,
            "not within {WAIT_TIMEOUT:?}: {what}"
        );
        std::thread::sleep(POLL);
    }
}

/// Blocks until a file holds a text.
#[track_caller]
pub fn wait_for_text(file: &Path, text: &str) {
    let began = Instant::now();
    let content = || std::fs::read_to_string(file).unwrap_or_default();
    while !content().contains(text) {
        assert!(
            began.elapsed() < WAIT_TIMEOUT,
            "{} never holds `{text}`: {}",
            file.display(),
            content()
        );
        std::thread::sleep(POLL);
    }
}

/// Runs what blocks on a thread of its own.
pub async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(act)
        .await
        .expect("what blocks does not panic")
}

impl Keyward {
    /// Waits until there is a metric whose value is so.
    pub async fn wait_for_metric(&self, name_with_labels: &str, is_so: impl Fn(f64) -> bool) {
        let began = Instant::now();
        loop {
            let value = self.metric(name_with_labels).await;
            if value.is_some_and(&is_so) {
                return;
            }
            assert!(
                began.elapsed() < WAIT_TIMEOUT,
                "{name_with_labels} stays at {value:?}"
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until the gateway judges a key so, as [`verdict`](crate::verdict) tells it.
    ///
    /// Gives when the last request began that was judged otherwise.
    pub async fn wait_for_verdict(&self, secret: &str, wanted: &str) -> Option<Instant> {
        let began = Instant::now();
        let mut client = crate::RawClient::connect(self.gateway()).await;
        let mut last = None;
        loop {
            let asked = Instant::now();
            let seen = client.verdict(secret).await;
            if seen == wanted {
                return last;
            }
            last = Some(asked);
            assert!(
                began.elapsed() < WAIT_TIMEOUT,
                "{seen} in place of {wanted}; log:\n{}",
                self.log()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
