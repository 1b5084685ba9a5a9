//! How a connection comes about: with the password of now, to the first server of the address that takes changes, and with the
//! settings of every session in force, or known not to be.

use super::PostgresOptions;
use super::connection::Connection;
use super::fault::{STANDBY, is_away, is_bad_password, is_refused_parameter, opening, refused};
use super::opening::Fault;
use super::options::Target;
use super::password::Password;
use crate::StoreError;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection, Row};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// What is asked of each new session: whether it has its settings, and whether its server takes changes.
const ASK: &str = "SELECT coalesce(current_setting('keyward.session', TRUE), ''), current_setting('statement_timeout'), \
                   current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'), pg_is_in_recovery()";
/// What the three are then.
const TIMEOUTS: [&str; 3] = ["10s", "10s", "5s"];

/// How long a program that gives the password is waited for where there is no other bound.
const PASSWORD_PATIENCE: Duration = Duration::from_secs(4);

/// Makes connections.
#[derive(Debug)]
pub(super) struct Connector {
    targets: Vec<Target>,
    /// The target that took changes last.
    preferred: AtomicUsize,
    /// Something stands before the server that does not hand on what a session asks for at its start.
    is_pooled: AtomicBool,
    password: Password,
    /// By which a session knows that it was asked for by this process.
    mark: String,
}

impl Connector {
    /// # Errors
    /// What is wrong with the address, in words that hold none of it.
    pub(super) fn new(options: &PostgresOptions) -> Result<Arc<Self>, StoreError> {
        Self::to(options.targets().map_err(StoreError::Open)?, options)
    }

    /// To where one listens: the server itself, when all others go by a pooler.
    pub(super) fn to_listen(options: &PostgresOptions) -> Result<Arc<Self>, StoreError> {
        Self::to(options.listen_targets().map_err(StoreError::Open)?, options)
    }

    fn to(targets: Vec<Target>, options: &PostgresOptions) -> Result<Arc<Self>, StoreError> {
        let random = RandomState::new().build_hasher().finish();
        Ok(Arc::new(Self {
            targets,
            preferred: AtomicUsize::new(0),
            is_pooled: AtomicBool::new(false),
            password: Password::new(options.password.clone()),
            mark: format!("{}-{random:016x}", std::process::id()),
        }))
    }

    /// The settings of the target that took changes last, with the password of now.
    pub(super) async fn settings(&self, name: &str) -> Result<PgConnectOptions, String> {
        let target = self
            .targets
            .get(self.preferred())
            .ok_or("the address names no server")?;
        let password = self.password.get(PASSWORD_PATIENCE).await?;
        let mark = (!self.is_pooled()).then_some(self.mark.as_str());
        let settings = target.settings(password.as_deref(), mark);
        let name = format!("{} {name}", settings.get_application_name().unwrap_or("keyward"));
        Ok(settings.application_name(&name))
    }

    /// Whether sessions are not known to be this process's own.
    pub(super) fn is_pooled(&self) -> bool {
        self.is_pooled.load(Ordering::Relaxed)
    }

    /// What tells this process's sessions from those of all others.
    pub(super) fn mark(&self) -> &str {
        &self.mark
    }

    /// The number of the target that took changes last.
    pub(super) fn preferred(&self) -> usize {
        self.preferred.load(Ordering::Relaxed)
    }

    /// Connects within a time; a program that gives the password has as much beforehand.
    pub(super) async fn connect(&self, patience: Duration) -> Result<Connection, Fault> {
        let password = self.password.get(patience).await;
        let password = password.map_err(|why| Fault::Away(StoreError::Open(why)))?;
        let deadline = Instant::now() + patience;
        let first = self.preferred();
        let mut faults = Vec::new();
        for step in 0..self.targets.len() {
            let number = (first + step) % self.targets.len();
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(self.targets.len() - step).unwrap_or(1);
            let target = &self.targets[number];
            match self.connect_to(target, password.as_deref(), share).await {
                Ok(connection) => {
                    self.preferred.store(number, Ordering::Relaxed);
                    return Ok(connection.of_target(number));
                }
                Err(fault) => faults.push(fault),
            }
        }
        Err(Fault::of_all(faults))
    }

    async fn connect_to(
        &self,
        target: &Target,
        password: Option<&str>,
        patience: Duration,
    ) -> Result<Connection, Fault> {
        // The driver's part is large, and most who ask never get there.
        match timeout(patience, Box::pin(self.try_connect(target, password))).await {
            Ok(done) => done,
            Err(_) => Err(Fault::Away(refused(
                &target.place,
                "the server does not answer; check address and port, and whether it runs",
            ))),
        }
    }

    async fn try_connect(&self, target: &Target, password: Option<&str>) -> Result<Connection, Fault> {
        if !self.is_pooled() {
            let settings = target.settings(password, Some(&self.mark));
            match settings.connect().await {
                Err(error) if is_refused_parameter(&error) => {}
                Err(error) => return Err(self.fault(target, error)),
                Ok(mut raw) => {
                    if self.ask(target, &mut raw).await? {
                        return Ok(Connection::new(raw, false));
                    }
                    // What stands there took the settings, and did not hand them on.
                    Connection::new(raw, true).close().await;
                }
            }
            self.is_pooled.store(true, Ordering::Relaxed);
            tracing::debug!(
                database = target.place,
                "a pooler stands before the server: each transaction sets its own time-outs"
            );
        }
        let settings = target.settings(password, None);
        match settings.connect().await {
            Ok(mut raw) => {
                self.ask(target, &mut raw).await?;
                Ok(Connection::new(raw, true))
            }
            Err(error) => Err(self.fault(target, error)),
        }
    }

    fn fault(&self, target: &Target, error: sqlx::Error) -> Fault {
        if is_bad_password(&error) {
            self.password.forget();
        }
        match is_away(&error) {
            true => Fault::Away(opening(&target.place, error)),
            false => Fault::Refused(opening(&target.place, error)),
        }
    }

    /// Looks at a new session; whether it has what this process asked for at its start, so that nobody shares it.
    async fn ask(&self, target: &Target, raw: &mut PgConnection) -> Result<bool, Fault> {
        let row = match sqlx::raw_sql(ASK).fetch_one(raw).await {
            Ok(row) => row,
            Err(error) => return Err(self.fault(target, error)),
        };
        let read = || -> Result<(bool, bool), sqlx::Error> {
            let mark: &str = row.try_get(0)?;
            let timeouts: [&str; 3] = [row.try_get(1)?, row.try_get(2)?, row.try_get(3)?];
            Ok((mark == self.mark && timeouts == TIMEOUTS, row.try_get(4)?))
        };
        let (is_own, is_standby) = read().map_err(|error| Fault::Refused(opening(&target.place, error)))?;
        // With one address there is nothing else to try; who asks says what may be done with a standby.
        if is_standby && self.targets.len() > 1 {
            return Err(Fault::Away(refused(&target.place, STANDBY)));
        }
        Ok(is_own)
    }
}
