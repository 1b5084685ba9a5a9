//! The end of service, in two calls: at the first, answers say `Connection: close` and HTTP/2 clients are told; at the
//! last, idle connections are closed. A client that goes on using its connection in between loses nothing.

use tokio::sync::watch;

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Call {
    Serving,
    First,
    Last,
}

/// The end of service, as connections see it.
pub(crate) struct Drain(watch::Sender<Call>);

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(Call::Serving))
    }
}

impl Drain {
    pub(crate) fn begin(&self) {
        self.0.send_replace(Call::First);
    }

    pub(crate) fn finish(&self) {
        self.0.send_replace(Call::Last);
    }

    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow() != Call::Serving
    }

    pub(crate) async fn first_call(&self) {
        self.wait(Call::First).await;
    }

    pub(crate) async fn last_call(&self) {
        self.wait(Call::Last).await;
    }

    async fn wait(&self, call: Call) {
        // The sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|now| *now >= call).await;
    }
}
