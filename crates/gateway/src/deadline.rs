//! Deadlines that cost nothing while they are kept: the timer is armed only when something really waits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep_until};

/// A limit on one wait after another.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    due: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Called whenever something waits: the wait that is under way may take `patience` in all. Ready when it is over.
    pub(crate) fn poll_waiting(&mut self, patience: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let due = *self.due.get_or_insert_with(|| Instant::now() + patience);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        // An armed timer may belong to an earlier wait, and fire early: then it is armed again.
        while timer.as_mut().poll(cx).is_ready() {
            if timer.deadline() >= due {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
        if timer.deadline() > due {
            timer.as_mut().reset(due);
            if timer.as_mut().poll(cx).is_ready() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Called when the wait is over; the next one starts anew.
    pub(crate) fn clear(&mut self) {
        self.due = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_patience() {
        let mut deadline = Deadline::default();
        let start = Instant::now();
        let first = poll_fn(|cx| deadline.poll_waiting(Duration::from_secs(10), cx));
        assert!(tokio::time::timeout(Duration::from_secs(9), first).await.is_err());
        deadline.clear();
        poll_fn(|cx| deadline.poll_waiting(Duration::from_secs(10), cx)).await;
        assert_eq!(start.elapsed().as_secs(), 19);
        deadline.clear();
        poll_fn(|cx| deadline.poll_waiting(Duration::from_secs(1), cx)).await;
        assert_eq!(start.elapsed().as_secs(), 20);
    }
}
