//! Being told of changes: every commit notifies the sessions that listen.
//!
//! A notification is no more than a reason to look. What was committed while nobody listened is looked for after each new
//! start of listening, so none is missed for longer than the connection is away; and whoever follows asks each second anyway.

use super::connection::Connection;
use super::connector::Connector;
use super::opening::Fault;
use super::pool::Pool;
use crate::ServerRemark;
use sqlx::postgres::{PgListener, PgPoolOptions};
use sqlx::{AssertSqlSafe, Error, Executor, Postgres, Row};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// Where commits are told.
pub(super) const CHANNEL: &str = "keyward_revision";
/// After so long without a word, the server is asked whether it is still there.
const QUIET: Duration = Duration::from_secs(3);
/// How long it may take over that.
const QUIET_TIMEOUT: Duration = Duration::from_secs(2);
/// How long each step of a new start may take.
const START_TIMEOUT: Duration = Duration::from_secs(4);
/// How long to wait before listening again: from the first to the last, doubled each time.
const BACK_OFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];
/// The same, where nobody is told of anything.
const DEAF_PAUSE: Duration = Duration::from_secs(60);
/// After so long without listening, the log says so.
const TELL_AFTER: Duration = Duration::from_secs(5);
/// How often two sessions are compared.
const ROUNDS: usize = 3;

/// What is said where sessions are shared.
const DEAF: &str = "a pooler that shares sessions stands before the server, so this node is not told of other nodes' \
                               changes, and looks for them each second";
/// And what to do there.
const DEAF_WAY_OUT: &str =
    "name the server's own address, or that of a pool in session mode, in database.listen_url";

/// What is said where another way was named, and leads elsewhere.
const UNHEARD: &str = "what is told by way of database.url is not heard at database.listen_url; both name the same database, and the \
                       second a server or a pool in session mode";

/// Listens from the first wait on, until it is dropped.
#[derive(Debug)]
pub(super) struct Listen {
    shared: Arc<Shared>,
    task: OnceLock<AbortHandle>,
}

#[derive(Debug)]
struct Shared {
    connector: Arc<Connector>,
    /// By which changes are made.
    pool: Arc<Pool>,
    /// Listening goes another way than changes do.
    is_elsewhere: bool,
    wake: Notify,
    is_listening: AtomicBool,
}

/// Why listening has ended, or has not begun.
enum End {
    /// Sessions are shared here.
    Deaf,
    /// It may work soon.
    Lost(String),
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Lost(error.to_string())
    }
}

impl Listen {
    /// `pool`: by which changes are made. `elsewhere`: where to listen, when that is another way.
    pub(super) fn new(pool: Arc<Pool>, elsewhere: Option<Arc<Connector>>) -> Self {
        let is_elsewhere = elsewhere.is_some();
        Self {
            shared: Arc::new(Shared {
                connector: elsewhere.unwrap_or_else(|| pool.shared_connector()),
                pool,
                is_elsewhere,
                wake: Notify::new(),
                is_listening: AtomicBool::new(false),
            }),
            task: OnceLock::new(),
        }
    }

    /// Waits until there may be something new. Any number of notifications meanwhile are one.
    pub(super) async fn changed(&self) {
        self.task.get_or_init(|| {
            let task = tokio::spawn(keep_listening(Arc::clone(&self.shared)));
            task.abort_handle()
        });
        self.shared.wake.notified().await;
    }

    /// Whether this process is told of changes now.
    pub(super) fn is_listening(&self) -> bool {
        self.shared.is_listening.load(Ordering::Relaxed)
    }

    /// Why it could not be told of any.
    pub(super) async fn remark(&self) -> Option<ServerRemark> {
        let (what, way_out) = match self.shared.start_hearing().await {
            Ok(_) => return None,
            Err(End::Deaf) => (DEAF.to_owned(), DEAF_WAY_OUT),
            Err(End::Lost(why)) => (format!("cannot be listened to: {why}"), "do as it says"),
        };
        Some(ServerRemark {
            what,
            way_out: way_out.to_owned(),
        })
    }

    pub(super) fn stop(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

impl Drop for Listen {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn keep_listening(shared: Arc<Shared>) {
    let [first, last] = BACK_OFF;
    let mut pause = first;
    let mut silence = Silence::default();
    loop {
        let mut has_listened = false;
        let end = shared.listen(&mut has_listened, &mut silence).await;
        shared.is_listening.store(false, Ordering::Relaxed);
        if has_listened {
            (pause, silence.since) = (first, Some(Instant::now()));
        }
        silence.tell(&end);
        if matches!(end, End::Deaf) {
            sleep(DEAF_PAUSE).await;
            continue;
        }
        sleep(pause).await;
        pause = (pause * 2).min(last);
    }
}

/// Says in the log when listening does not come back, and when it does.
#[derive(Default)]
struct Silence {
    since: Option<Instant>,
    is_told: bool,
}

impl Silence {
    fn tell(&mut self, end: &End) {
        let since = *self.since.get_or_insert_with(Instant::now);
        let why = match end {
            End::Deaf => format!("{DEAF}; {DEAF_WAY_OUT}"),
            End::Lost(why) if since.elapsed() >= TELL_AFTER => why.clone(),
            End::Lost(why) => {
                tracing::debug!(why, "not told of changes; listening again soon");
                return;
            }
        };
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!(
                why,
                "the database does not tell this node of changes; it looks for them each second"
            );
        }
    }

    fn is_over(&mut self) {
        self.since = None;
        if std::mem::take(&mut self.is_told) {
            tracing::info!("the database tells this node of changes again");
        }
    }
}

impl Shared {
    /// A connection to listen with, whose session is its own.
    async fn start(&self) -> Result<PgListener, End> {
        // It finds out which server takes changes, and whether a pooler stands before it; and it says what is wrong.
        let other = self.connector.connect(START_TIMEOUT).await;
        let mut other = other.map_err(|fault| End::Lost(Fault::into_error(fault).to_string()))?;
        let settings = self.connector.settings("listener").await.map_err(End::Lost)?;
        // A pool for each start: a lost connection would keep the only place of an old one.
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(START_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_lazy_with(settings);
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.eager_reconnect(false);
        if self.connector.is_pooled() && !has_own_session(&mut listener, &mut other).await {
            return Err(End::Deaf);
        }
        other.close().await;
        Ok(listener)
    }

    /// Listens until the connection is lost, or leads to a server that does not take changes any more.
    async fn listen(&self, has_listened: &mut bool, silence: &mut Silence) -> End {
        match self.try_listen(has_listened, silence).await {
            Ok(why) => End::Lost(why.to_owned()),
            Err(end) => end,
        }
    }

    /// Begins to listen. Behind a pooler, or by another way, that what is told is heard is not taken for granted.
    async fn start_hearing(&self) -> Result<PgListener, End> {
        let mut listener = self.start().await?;
        in_time(START_TIMEOUT, listener.listen(CHANNEL)).await?;
        if self.is_elsewhere || self.connector.is_pooled() {
            self.hear(&mut listener).await?;
        }
        Ok(listener)
    }

    async fn try_listen(&self, has_listened: &mut bool, silence: &mut Silence) -> Result<&'static str, End> {
        let mut listener = self.start_hearing().await?;
        let target = self.connector.preferred();
        *has_listened = true;
        self.is_listening.store(true, Ordering::Relaxed);
        silence.is_over();
        // Nobody has told what came before.
        self.wake.notify_one();
        loop {
            match timeout(QUIET, listener.try_recv()).await {
                Ok(Ok(Some(_))) => self.wake.notify_one(),
                Ok(Ok(None)) => return Ok("the connection was closed"),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) => {
                    in_time(QUIET_TIMEOUT, ask("SELECT 1", &mut listener)).await?;
                }
            }
            if self.connector.preferred() != target {
                return Ok("another server takes changes now");
            }
        }
    }

    /// Sees to it that what is told where changes are made is heard here: that it is the same database, and that no pooler gives the
    /// session that listens to somebody else. One that hands sessions out in turn may give back the same each time that it is asked.
    async fn hear(&self, listener: &mut PgListener) -> Result<(), End> {
        let channel = format!("keyward_probe_{}", self.connector.mark());
        in_time(START_TIMEOUT, listener.listen(&channel)).await?;
        let sender = self
            .pool
            .get()
            .await
            .map_err(|error| End::Lost(error.to_string()));
        let mut sender: Connection = sender?;
        let notify = AssertSqlSafe(format!("NOTIFY \"{channel}\""));
        match timeout(START_TIMEOUT, sqlx::raw_sql(notify).execute(&mut sender)).await {
            Ok(Ok(_)) => self.pool.give_back(sender),
            // The sender was told itself: it was given the session that listens.
            Ok(Err(Error::Protocol(_))) => return Err(self.unheard()),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(End::Lost("the server does not answer".to_owned())),
        }
        let heard = timeout(START_TIMEOUT, async {
            loop {
                match listener.try_recv().await {
                    Ok(Some(told)) if told.channel() == channel => return Ok(()),
                    Ok(Some(_)) => {}
                    Ok(None) => return Err(End::Lost("the connection was closed".to_owned())),
                    Err(error) => return Err(error.into()),
                }
            }
        });
        heard.await.unwrap_or_else(|_| Err(self.unheard()))
    }

    fn unheard(&self) -> End {
        match self.is_elsewhere {
            true => End::Lost(UNHEARD.to_owned()),
            false => End::Deaf,
        }
    }
}

/// Whether a session is not shared with whoever else is connected: it stays the same one while another one is at work.
async fn has_own_session(listener: &mut PgListener, other: &mut Connection) -> bool {
    let compare = async {
        for _ in 0..ROUNDS {
            let before = pid("SELECT pg_backend_pid()", &mut *listener).await?;
            let others = pid("BEGIN; SELECT pg_backend_pid()", &mut *other).await?;
            if before == others {
                return Ok(false);
            }
            let after = pid("SELECT pg_backend_pid()", &mut *listener).await?;
            ask("ROLLBACK", &mut *other).await?;
            if before != after {
                return Ok(false);
            }
        }
        Ok::<bool, Error>(true)
    };
    // Who has to wait for a session has none.
    matches!(timeout(START_TIMEOUT, compare).await, Ok(Ok(true)))
}

async fn pid<'c>(sql: &'static str, executor: impl Executor<'c, Database = Postgres>) -> Result<i32, Error> {
    sqlx::raw_sql(sql).fetch_one(executor).await?.try_get(0)
}

async fn ask<'c>(sql: &'static str, executor: impl Executor<'c, Database = Postgres>) -> Result<(), Error> {
    sqlx::raw_sql(sql).execute(executor).await.map(drop)
}

async fn in_time<T>(time: Duration, asked: impl Future<Output = Result<T, Error>>) -> Result<T, End> {
    match timeout(time, asked).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(End::Lost("the server does not answer".to_owned())),
    }
}
