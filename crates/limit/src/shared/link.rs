//! Connections. Each thread that asks has its own, driven by the runtime of that thread: a question and its answer pass no
//! other thread. Questions that are asked meanwhile go out together.

use super::breaker::Silence;
use super::options::{RedisOptions, Target};
use super::script::RIGHTS;
use super::sentinel::{self, Master, Named, Sentinels, shown};
use super::{PATIENCE, Shared};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::io::tcp::socket2::TcpKeepalive;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, FromRedisValue, RedisError, RedisResult, ScriptInvocation,
};
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, watch};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);
/// The same, when sentinels are asked before.
const CONNECT_BY_SENTINELS: Duration = Duration::from_secs(3);
/// How long what sentinels have said holds for whoever connects: threads that lose their master together ask once.
const NAMED: Duration = Duration::from_millis(500);
/// A connection that nobody uses is looked at after so long, and ended when the other end says nothing for as long again.
const KEEPALIVE: Duration = Duration::from_secs(10);
const KEEPALIVE_AGAIN: Duration = Duration::from_secs(3);
const KEEPALIVE_TRIES: u32 = 3;
/// What was sent and is not received for so long ends its connection.
const UNRECEIVED: Duration = Duration::from_secs(5);

/// Why Redis has not counted.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// No answer in time.
    Slow(Duration),
    /// The connection is gone.
    Dropped(String),
    /// The account lacks a right; in Redis's words.
    Denied(String),
    /// What Redis says.
    Other(String),
    /// There is no connection, and whoever tried to make it has told why.
    Unmade,
}

/// How connections are made: each anew from the options, since passwords change, and masters too.
pub(super) struct Links {
    options: RedisOptions,
    target: Target,
    place: String,
    known: Mutex<Known>,
    /// Tells the limiters of one process apart; in service there is one.
    number: u64,
}

/// A connection; copies share it.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    /// To the master that sentinels named, at this address.
    Master(MultiplexedConnection, Arc<str>),
    Cluster(ClusterConnection),
}

/// A connection that a thread keeps, and which of its connections it is.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) made: Made,
    /// How long it has said nothing.
    pub(super) silence: Arc<Silence>,
}

struct Kept {
    made: Made,
    epoch: u64,
    opened: Opened,
    silence: Arc<Silence>,
}

/// A connection, once it is made; when it cannot be, its sender is gone.
type Opened = watch::Receiver<Option<Connection>>;

/// Whether it is being made, or is there.
fn is_alive(opened: &Opened) -> bool {
    opened.has_changed().is_ok() || opened.borrow().is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    /// Whose.
    limiter: u64,
    /// The how-manieth of this process.
    serial: u64,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

/// What sentinels have said.
#[derive(Default)]
struct Known {
    /// Last, and when.
    named: Option<(Instant, Named)>,
    /// What most of all of them said last.
    by_most: Option<Master>,
}

impl Links {
    pub(super) fn new(options: &RedisOptions) -> Result<Self, String> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        options.check()?;
        let links = Self {
            target: options.target()?,
            place: options.place(),
            known: Mutex::default(),
            options: options.clone(),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        };
        // What can be wrong with certificates is told at once.
        if let Target::Server(info) = &links.target {
            links
                .client(info)
                .map_err(|error| Fault::from(error).to_string())?;
        }
        Ok(links)
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, Fault> {
        let time = match self.target {
            Target::Server(_) => CONNECT,
            Target::Sentinels(_) => CONNECT_BY_SENTINELS,
        };
        let fault = match tokio::time::timeout(time, self.try_connect()).await {
            Ok(Ok(made)) => return Ok(made),
            Ok(Err(error)) => Fault::from(error),
            Err(_) => Fault::Slow(time),
        };
        let why = tokio::time::timeout(CONNECT, self.why_not()).await;
        Err(why.ok().flatten().unwrap_or(fault))
    }

    async fn try_connect(&self) -> RedisResult<Connection> {
        match &self.target {
            Target::Sentinels(sentinels) => {
                let master = self.master(sentinels, NAMED).await?.master;
                self.connect_to_master(sentinels, &master).await
            }
            Target::Server(info) if self.options.cluster => {
                let cluster = self.cluster(info)?;
                Ok(Connection::Cluster(cluster.get_async_connection().await?))
            }
            Target::Server(info) => Ok(Connection::One(connect_to(&self.client(info)?).await?)),
        }
    }

    /// Whether sentinels name another master than the one that a connection leads to. Who cannot be asked names none.
    pub(super) async fn has_moved(&self, connection: &Connection) -> bool {
        let (Target::Sentinels(sentinels), Connection::Master(_, address)) = (&self.target, connection)
        else {
            return false;
        };
        let Ok(named) = self.master(sentinels, Duration::ZERO).await else {
            return false;
        };
        let is_other = shown(&named.master) != **address;
        if named.by_most || !is_other {
            return is_other;
        }
        // A few, the others being silent, may have been cut off, or started with a master of long ago: they move nobody away from
        // what most have named, nor to what is none.
        let by_most = self.known.lock().await.by_most.as_ref().map(shown);
        by_most.as_deref() != Some(&**address)
            && self.connect_to_master(sentinels, &named.master).await.is_ok()
    }

    async fn connect_to_master(&self, sentinels: &Sentinels, master: &Master) -> RedisResult<Connection> {
        let account = sentinels.account().clone().set_addr(master.clone());
        let mut connection = connect_to(&self.client(&account)?).await?;
        sentinel::check_master(&mut connection, master).await?;
        Ok(Connection::Master(connection, shown(master).into()))
    }

    /// The master of now; or the one that was named before, when that is no longer ago. One at a time asks.
    async fn master(&self, sentinels: &Sentinels, ago: Duration) -> RedisResult<Named> {
        let mut known = self.known.lock().await;
        if let Some((at, named)) = &known.named
            && at.elapsed() < ago
        {
            return Ok(named.clone());
        }
        let named = sentinels.master(&self.options, known.by_most.as_ref()).await?;
        if named.by_most {
            known.by_most = Some(named.master.clone());
        }
        known.named = Some((Instant::now(), named.clone()));
        Ok(named)
    }

    /// Where the server is and who comes, with the password of now.
    fn account(&self, info: &ConnectionInfo) -> RedisResult<ConnectionInfo> {
        let settings = info.redis_settings().clone();
        let settings = match self.options.password_of(info)? {
            Some(password) => settings.set_password(password),
            None => settings,
        };
        Ok(info
            .clone()
            .set_redis_settings(settings)
            .set_tcp_settings(tcp_settings()))
    }

    fn client(&self, info: &ConnectionInfo) -> RedisResult<Client> {
        self.options.client(self.account(info)?)
    }

    fn cluster(&self, info: &ConnectionInfo) -> RedisResult<ClusterClient> {
        let builder = ClusterClient::builder([self.account(info)?])
            .connection_timeout(CONNECT)
            .response_timeout(CONNECT)
            .overall_response_timeout(Some(CONNECT))
            .tcp_settings(tcp_settings());
        match self.options.certificates() {
            Some(certificates) => builder.certs(certificates).build(),
            None => builder.build(),
        }
    }

    /// What the server that the settings name says against being used as a cluster's. The client of a cluster says no more than that
    /// it has found none.
    async fn why_not(&self) -> Option<Fault> {
        let Target::Server(info) = &self.target else {
            return None;
        };
        if !self.options.cluster {
            return None;
        }
        let ask = async {
            let mut connection = connect_to(&self.client(info)?).await?;
            redis::cmd("PING")
                .query_async::<redis::Value>(&mut connection)
                .await?;
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("SLOTS");
            slots.query_async::<redis::Value>(&mut connection).await
        };
        ask.await.err().map(Fault::from)
    }

    /// Lets go of a connection that is gone. Of many who notice, the first one has another made, which the others use too.
    pub(super) fn forget(made: Made) {
        KEPT.with_borrow_mut(|kept| kept.retain(|one| one.made != made));
    }
}

impl Shared {
    /// This thread's connection. The first one who needs it has it made, and whoever gives up waiting does not stop that. That one
    /// connection is slow to be made says nothing of Redis, as long as others are answered.
    pub(super) async fn link(self: &Arc<Self>, epoch: u64) -> Result<Link, Fault> {
        let (made, mut opened, silence) = self.kept(epoch);
        let opened = opened.wait_for(Option::is_some).await;
        let connection = opened.ok().and_then(|opened| opened.clone());
        let connection = connection.ok_or(Fault::Unmade)?;
        Ok(Link {
            connection,
            made,
            silence,
        })
    }

    fn kept(self: &Arc<Self>, epoch: u64) -> (Made, Opened, Arc<Silence>) {
        static SERIALS: AtomicU64 = AtomicU64::new(0);
        let limiter = self.links.number;
        KEPT.with_borrow_mut(|kept| {
            // What was made while Redis was last there may be of a server that is gone.
            kept.retain(|one| one.made.limiter != limiter || one.epoch == epoch && is_alive(&one.opened));
            if let Some(one) = kept.iter().find(|one| one.made.limiter == limiter) {
                return (one.made, one.opened.clone(), Arc::clone(&one.silence));
            }
            let (opening, opened) = watch::channel(None);
            let silence = Arc::new(Silence::default());
            silence.answered(self.clock.elapsed());
            let shared = Arc::clone(self);
            tokio::spawn(async move {
                match shared.links.connect().await {
                    Ok(made) => {
                        // Whoever asked for it may have given up.
                        let _heard = opening.send(Some(made));
                    }
                    Err(fault) => {
                        let _away: Option<()> = shared.away(epoch, &fault);
                    }
                }
            });
            let serial = SERIALS.fetch_add(1, Ordering::Relaxed);
            let made = Made { limiter, serial };
            kept.push(Kept {
                made,
                epoch,
                opened: opened.clone(),
                silence: Arc::clone(&silence),
            });
            (made, opened, silence)
        })
    }
}

/// A peer that is gone without a word is noticed.
pub(super) fn tcp_settings() -> TcpSettings {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE)
        .with_interval(KEEPALIVE_AGAIN)
        .with_retries(KEEPALIVE_TRIES);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(UNRECEIVED);
    settings
}

pub(super) async fn connect_to(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

impl Connection {
    pub(super) async fn run<T: FromRedisValue>(&mut self, call: &ScriptInvocation<'_>) -> Result<T, Fault> {
        let told = match self {
            Self::One(one) | Self::Master(one, _) => call.invoke_async(one).await,
            Self::Cluster(cluster) => call.invoke_async(cluster).await,
        };
        Ok(told?)
    }

    /// A command other than a script.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, Fault> {
        let told = match self {
            Self::One(one) | Self::Master(one, _) => command.query_async(one).await,
            Self::Cluster(cluster) => command.query_async(cluster).await,
        };
        Ok(told?)
    }
}

/// Gives up as a request would.
pub(super) async fn in_time<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or(Err(Fault::Slow(PATIENCE)))
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        // A script's error is told with the whole script behind its first line.
        let text = error.to_string();
        let text = text.lines().next().unwrap_or_default().to_owned();
        // Some versions name the right that a script lacks, and some do not.
        let is_denied = [
            "NOPERM",
            "NoPerm",
            "ACL failure",
            "can't run this command",
            "has no permissions",
        ];
        if error.code() == Some("NOPERM") || is_denied.iter().any(|words| text.contains(words)) {
            Self::Denied(text)
        } else if error.is_connection_dropped() {
            Self::Dropped(text)
        } else {
            Self::Other(text)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slow(time) => write!(f, "no answer within {} ms", time.as_millis()),
            Self::Denied(text) => write!(f, "{text}; the account needs: {RIGHTS}"),
            Self::Dropped(text) | Self::Other(text) => f.write_str(text),
            Self::Unmade => f.write_str("there is no connection"),
        }
    }
}
