//! What Redis runs. A script is sent once and called by its hash from then on; when Redis has forgotten it, it is sent again.

use super::lease::{Spent, Wanted};
use super::link::{Connection, Fault};
use keyward_domain::{KeyId, RateLimit};
use redis::Script;
use std::sync::LazyLock;

pub(super) const TAKE_SOURCE: &str = include_str!("take.lua");

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(TAKE_SOURCE));
static BEAT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("beat.lua")));

/// The rights that an account needs, as Redis's ACL writes them: for these scripts; `select` for a numbered database; `role` behind
/// sentinels; the last three for a cluster.
pub const RIGHTS: &str = "~keyward:* +evalsha +script|load +time +get +set +zadd +zremrangebyscore +zcard +incr +expire \
                          +select +role +ping +cluster|slots +asking";

/// Both keys of a beat are in one slot of a cluster.
const NODES: &str = "keyward:{nodes}";
const BEATS: &str = "keyward:{nodes}:beats";
/// A key that holds nothing for longer than a moment, to see what an account may do.
const TRIED: &str = "keyward:tried";
/// A counter that belongs to no key, to see whether Redis counts.
const PROBE: &str = "keyward:probe";

/// What Redis told about a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Reply {
    /// The window's minute, since the epoch, by Redis's clock.
    pub(super) window: u32,
    /// What is counted in it, with what was taken.
    pub(super) used: u32,
    /// How many were taken.
    pub(super) taken: u32,
    /// Milliseconds until the window ends.
    pub(super) left_ms: u64,
}

/// What Redis told a node that said that it is there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beat {
    pub(super) nodes: u32,
    pub(super) count: u64,
}

impl Reply {
    /// What is left of a limit.
    pub(super) fn left(&self, limit: RateLimit) -> u32 {
        limit.per_minute().saturating_sub(self.used)
    }

    /// Unix seconds at which the window ends.
    pub(super) fn reset(&self) -> i64 {
        (i64::from(self.window) + 1) * 60
    }

    /// Redis's clock at the answer, in Unix milliseconds.
    pub(super) fn at(&self) -> i64 {
        (self.reset() * 1000).saturating_sub(i64::try_from(self.left_ms).unwrap_or(i64::MAX))
    }
}

impl TryFrom<(i64, i64, i64, i64)> for Reply {
    type Error = Fault;

    fn try_from((window, used, taken, left): (i64, i64, i64, i64)) -> Result<Self, Fault> {
        let read = || -> Result<Self, std::num::TryFromIntError> {
            Ok(Self {
                window: window.try_into()?,
                used: used.try_into()?,
                taken: taken.try_into()?,
                left_ms: left.try_into()?,
            })
        };
        read().map_err(|_| Fault::Other("an answer that is none of our script's".into()))
    }
}

/// Counts in a key's window.
pub(super) async fn take(
    connection: &mut Connection,
    key: KeyId,
    limit: RateLimit,
    wanted: Wanted,
    spent: Spent,
) -> Result<Reply, Fault> {
    let counter = format!("keyward:{key}");
    take_from(connection, &counter, limit.per_minute(), wanted, spent).await
}

/// Whether Redis counts at all: a script that writes, on a counter of nobody's.
pub(super) async fn probe(connection: &mut Connection) -> Result<Reply, Fault> {
    let wanted = Wanted { once: 1, block: 0 };
    take_from(connection, PROBE, RateLimit::MAX, wanted, Spent::default()).await
}

/// The commands of the scripts that an account may not run, as its rights would name them: not every Redis says which one it was.
pub(super) async fn missing(connection: &mut Connection) -> Vec<String> {
    let commands: [&[&str]; 9] = [
        &["TIME"],
        &["GET", TRIED],
        &["SET", TRIED, "1", "PX", "1"],
        &["INCR", TRIED],
        &["EXPIRE", TRIED, "1"],
        &["ZADD", TRIED, "1", "a"],
        &["ZREMRANGEBYSCORE", TRIED, "-inf", "+inf"],
        &["ZCARD", TRIED],
        &["SCRIPT", "LOAD", "return 1"],
    ];
    let mut missing = Vec::new();
    for words in commands {
        let mut command = redis::Cmd::new();
        command.arg(words);
        if let Err(Fault::Denied(text)) = connection.ask::<redis::Value>(&command).await {
            let is_key = text.contains(" key");
            let name = words[0].to_ascii_lowercase();
            missing.push(match (is_key, name.as_str()) {
                (true, _) => "~keyward:*".to_owned(),
                (false, "script") => "+script|load".to_owned(),
                (false, name) => format!("+{name}"),
            });
        }
    }
    missing.dedup();
    missing
}

/// Says that a node is there.
pub(super) async fn beat(connection: &mut Connection, node: &str) -> Result<Beat, Fault> {
    let mut call = BEAT.key(NODES);
    call.key(BEATS).arg(node);
    let (nodes, count): (u32, u64) = connection.run(&call).await?;
    Ok(Beat { nodes, count })
}

async fn take_from(
    connection: &mut Connection,
    counter: &str,
    limit: u32,
    wanted: Wanted,
    spent: Spent,
) -> Result<Reply, Fault> {
    let mut call = TAKE.key(counter);
    call.arg(limit).arg(wanted.once).arg(wanted.block);
    call.arg(spent.window).arg(spent.count);
    let told: (i64, i64, i64, i64) = connection.run(&call).await?;
    Reply::try_from(told)
}
