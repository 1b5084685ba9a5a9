//! State over real sockets: revocation, limits, failing storage, reloads and starts.
//!
//! Light by default; with `KEYWARD_HEAVY=1` the numbers are those of the security contract.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod history;
mod limits;
mod postgres;
mod redis;
mod reload;
mod revocation;
mod snapshot;
mod start;
mod storage;

use keyward_domain::Timestamp;
use keyward_engine::{Clock, SystemClock};
use keyward_testkit::{EchoUpstream, Keyward, World};

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// A running Keyward with the member `OWNER` and the sites 1 and 2, without access log, so that floods do not fill the disk.
pub(crate) async fn started() -> (EchoUpstream, Keyward) {
    let builder = World::builder().no_access_log().sites(&["1", "2"]);
    builder.start_without_key().await
}
