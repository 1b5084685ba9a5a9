//! Connections. Each thread that asks has its own, driven by the runtime of that thread: a question and its answer pass no
//! other thread. Questions that are asked meanwhile go out together.

use super::options::RedisOptions;
use super::script::RIGHTS;
use super::{PATIENCE, Shared};
use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, FromRedisValue, RedisError, RedisResult, ScriptInvocation, TlsCertificates,
};
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

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
}

/// How connections are made.
pub(super) struct Links {
    maker: Maker,
    place: String,
    /// Tells the limiters of one process apart; in service there is one.
    number: u64,
}

enum Maker {
    One(Box<Client>),
    Cluster {
        whole: Box<ClusterClient>,
        /// The server that the settings name, by itself: it says why a cluster cannot be used.
        named: Box<Client>,
    },
}

/// A connection; copies share it.
#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// A connection that a thread keeps, and which of its connections it is.
pub(super) struct Link {
    pub(super) connection: Connection,
    made: Made,
}

struct Kept {
    made: Made,
    epoch: u64,
    opened: watch::Receiver<Option<Connection>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Made {
    /// Whose.
    limiter: u64,
    /// The how-manieth of this process.
    serial: u64,
}

thread_local! {
    static KEPT: RefCell<Vec<Kept>> = const { RefCell::new(Vec::new()) };
}

impl Links {
    pub(super) fn new(options: &RedisOptions) -> Result<Self, String> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        options.check()?;
        Ok(Self {
            maker: Maker::new(options).map_err(|error| Fault::from(error).to_string())?,
            place: options.place(),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
        })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// A new connection.
    pub(super) async fn connect(&self) -> Result<Connection, Fault> {
        let fault = match tokio::time::timeout(CONNECT, self.maker.connect()).await {
            Ok(Ok(made)) => return Ok(made),
            Ok(Err(error)) => Fault::from(error),
            Err(_) => Fault::Slow(CONNECT),
        };
        let why = tokio::time::timeout(CONNECT, self.maker.why_not()).await;
        Err(why.ok().flatten().unwrap_or(fault))
    }

    /// Lets go of a connection that is gone. Of many who notice, the first one has another made, which the others use too.
    pub(super) fn forget(link: &Link) {
        KEPT.with_borrow_mut(|kept| kept.retain(|one| one.made != link.made));
    }
}

impl Shared {
    /// This thread's connection. The first one who needs it has it made, and whoever gives up waiting does not stop that.
    pub(super) async fn link(self: &Arc<Self>, epoch: u64) -> Result<Link, Fault> {
        let (made, mut opened) = self.kept(epoch);
        let opened = opened.wait_for(Option::is_some).await;
        let connection = opened.ok().and_then(|opened| opened.clone());
        let connection = connection.ok_or_else(|| Fault::Other("no connection".into()))?;
        Ok(Link { connection, made })
    }

    fn kept(self: &Arc<Self>, epoch: u64) -> (Made, watch::Receiver<Option<Connection>>) {
        static SERIALS: AtomicU64 = AtomicU64::new(0);
        let limiter = self.links.number;
        KEPT.with_borrow_mut(|kept| {
            // What was made while Redis was last there may be of a server that is gone.
            kept.retain(|one| one.made.limiter != limiter || one.epoch == epoch);
            if let Some(one) = kept.iter().find(|one| one.made.limiter == limiter) {
                return (one.made, one.opened.clone());
            }
            let (opening, opened) = watch::channel(None);
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
            });
            (made, opened)
        })
    }
}

impl Maker {
    fn new(options: &RedisOptions) -> RedisResult<Self> {
        let fault = |text: String| RedisError::from(std::io::Error::other(text));
        let info = options.connection().map_err(fault)?;
        let certificates = options.authorities.clone().map(|pem| TlsCertificates {
            client_tls: None,
            root_cert: Some(pem),
        });
        let client = match certificates.clone() {
            Some(certificates) => Client::build_with_tls(info.clone(), certificates)?,
            None => Client::open(info.clone())?,
        };
        if options.cluster {
            let builder = ClusterClient::builder([info])
                .connection_timeout(CONNECT)
                .response_timeout(CONNECT)
                .overall_response_timeout(Some(CONNECT));
            let builder = match certificates {
                Some(certificates) => builder.certs(certificates),
                None => builder,
            };
            return Ok(Self::Cluster {
                whole: Box::new(builder.build()?),
                named: Box::new(client),
            });
        }
        Ok(Self::One(Box::new(client)))
    }

    async fn connect(&self) -> RedisResult<Connection> {
        match self {
            Self::One(client) => Ok(Connection::One(connect_to(client).await?)),
            Self::Cluster { whole, .. } => Ok(Connection::Cluster(whole.get_async_connection().await?)),
        }
    }

    /// What one server says against being used as a cluster's. The client of a cluster says no more than that it has found
    /// none.
    async fn why_not(&self) -> Option<Fault> {
        let Self::Cluster { named, .. } = self else {
            return None;
        };
        let ask = async {
            let mut connection = connect_to(named).await?;
            redis::cmd("PING")
                .query_async::<redis::Value>(&mut connection)
                .await?;
            let mut slots = redis::cmd("CLUSTER");
            slots.arg("SLOTS");
            slots.query_async::<redis::Value>(&mut connection).await
        };
        ask.await.err().map(Fault::from)
    }
}

async fn connect_to(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await
}

impl Connection {
    pub(super) async fn run<T: FromRedisValue>(&mut self, call: &ScriptInvocation<'_>) -> Result<T, Fault> {
        let told = match self {
            Self::One(one) => call.invoke_async(one).await,
            Self::Cluster(cluster) => call.invoke_async(cluster).await,
        };
        Ok(told?)
    }

    /// A command other than a script.
    pub(super) async fn ask<T: FromRedisValue>(&mut self, command: &redis::Cmd) -> Result<T, Fault> {
        let told = match self {
            Self::One(one) => command.query_async(one).await,
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
        }
    }
}
