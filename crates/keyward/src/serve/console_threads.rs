//! Threads for the console alone, at a lower priority than the gateway's: however many people come to sign in, the
//! requests of clients go first.

use crate::exit::Failure;
use keyward_engine::yield_to_others;
use std::future::Future;
use tokio::runtime::{Builder, Runtime};

/// How much the console yields: by this much a core that has not enough for both gives the gateway ten times as much.
const NICE: i32 = 10;

pub(super) struct ConsoleThreads(Option<Runtime>);

impl ConsoleThreads {
    pub(super) fn start() -> Result<Self, Failure> {
        let runtime = Builder::new_multi_thread()
            .thread_name("console")
            .on_thread_start(|| yield_to_others(NICE))
            .enable_all()
            .build()
            .map_err(|error| {
                Failure::failed(format!("the system gives no threads for the console: {error}"))
            })?;
        Ok(Self(Some(runtime)))
    }

    /// Does something there, and what it spawns.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Failure> {
        let gone = || Failure::failed("the threads of the console have ended: look above in the log for why");
        let runtime = self.0.as_ref().ok_or_else(gone)?;
        runtime.spawn(work).await.map_err(|_| gone())
    }
}

impl Drop for ConsoleThreads {
    /// A runtime that is dropped by another would wait for its threads, and must not.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
