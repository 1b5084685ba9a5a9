//! Whether a store has been opened: what its database is looked at for is looked at once, before anything else is asked.

use super::PostgresOptions;
use super::connect::look;
use super::connector::Connector;
use crate::StoreError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long a try that has failed stands for those after it.
const AGAIN: Duration = Duration::from_millis(500);

/// Why a database was not opened.
pub(super) enum Fault {
    /// Its server cannot be reached just now.
    Away(StoreError),
    /// It is not one to serve from.
    Refused(StoreError),
}

/// The state of a store that may have been made before its server was there.
#[derive(Debug, Default)]
pub(super) struct Opening {
    is_done: AtomicBool,
    /// When the last try failed, and why.
    failed: Mutex<Option<(Instant, String)>>,
}

impl Fault {
    /// Of what was tried in turn: one that is away may come back, whatever the others said.
    pub(super) fn of_all(mut faults: Vec<Self>) -> Self {
        if faults.len() == 1
            && let Some(only) = faults.pop()
        {
            return only;
        }
        let is_away = faults.iter().any(|fault| matches!(fault, Self::Away(_)));
        let told: Vec<String> = faults
            .into_iter()
            .map(|fault| fault.into_error().to_string())
            .collect();
        let error = StoreError::Open(told.join("; "));
        match is_away {
            true => Self::Away(error),
            false => Self::Refused(error),
        }
    }

    pub(super) fn into_error(self) -> StoreError {
        match self {
            Self::Away(error) | Self::Refused(error) => error,
        }
    }
}

impl Opening {
    pub(super) async fn open(&self, options: &PostgresOptions, connector: &Connector) -> Result<(), Fault> {
        let mut failed = self.failed.lock().await;
        self.try_once(options, connector, &mut failed).await
    }

    /// Opens what has not been opened yet. One at a time tries; nobody else waits for that.
    pub(super) async fn check(
        &self,
        options: &PostgresOptions,
        connector: &Connector,
    ) -> Result<(), StoreError> {
        if self.is_done.load(Ordering::Acquire) {
            return Ok(());
        }
        let Ok(mut failed) = self.failed.try_lock() else {
            return Err(StoreError::Unavailable("the database is being opened".to_owned()));
        };
        if let Some((at, fault)) = &*failed
            && at.elapsed() < AGAIN
        {
            return Err(StoreError::Unavailable(fault.clone()));
        }
        let done = self.try_once(options, connector, &mut failed).await;
        done.map_err(|fault| StoreError::Unavailable(fault.into_error().to_string()))
    }

    async fn try_once(
        &self,
        options: &PostgresOptions,
        connector: &Connector,
        failed: &mut Option<(Instant, String)>,
    ) -> Result<(), Fault> {
        if self.is_done.load(Ordering::Acquire) {
            return Ok(());
        }
        let done = Box::pin(look(options, connector)).await;
        match &done {
            Ok(()) => self.is_done.store(true, Ordering::Release),
            Err(Fault::Away(error) | Fault::Refused(error)) => {
                *failed = Some((Instant::now(), error.to_string()));
            }
        }
        done
    }
}
