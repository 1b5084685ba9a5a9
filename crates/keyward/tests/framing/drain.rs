//! Long connections and their ends over real sockets: the stop under load, requests that outlive their key, WebSockets,
//! TLS. Each test names the rows of the security contract that it covers.
//!
//! Light by default; with `KEYWARD_HEAVY=1` the load is larger.

mod gone;
mod long;
mod stop;
mod tls;
mod upgrade;

use keyward_testkit::{KeySpec, OWNER, World, WorldBuilder};

/// A Keyward with the sites 1 and 2, and a key for site 1.
fn world(config: &str) -> WorldBuilder {
    World::builder()
        .no_access_log()
        .config(config)
        .sites(&["1", "2"])
        .key(KeySpec::new(OWNER, "k").sites(&["1"]))
}
