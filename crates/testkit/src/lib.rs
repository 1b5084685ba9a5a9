//! For tests only: a running Keyward, an echo upstream that records bytes, raw sockets, clocks
//!
//! The parts, from the outside in: [`Keyward`] runs the binary, [`EchoUpstream`] stands behind it, [`Postgres`],
//! [`Redis`] and [`OidcProvider`], who vouches for people, beside it, and [`RawClient`], [`H2Client`], [`RawH2`] and
//! [`HaProxy`] or another [`Front`] in front of it; a [`Language`] runs a client's program.
//! [`TcpProxy`] is a bad network between any two of them. Most tests stand on a [`World`]: a Keyward before an upstream, with a user,
//! sites and a key; others on an [`Installation`], which is the program in a folder, or on a [`Cluster`] of nodes. Whatever goes wrong panics with what was seen so far.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod asking;
mod browser;
mod certificate;
mod cluster;
mod front;
mod h2;
mod haproxy;
mod host;
mod hpack;
mod installation;
mod language;
mod listening;
mod pgbouncer;
mod ports;
mod postgres;
mod process;
mod provider;
mod random;
mod raw;
mod redis;
mod sized;
mod sockets;
mod tcp_proxy;
mod times;
mod upstream;
mod wait;
mod wire;
mod world;

pub use asking::{folded, get, problem_code, verdict};
pub use browser::{Browser, BrowserKind};
pub use certificate::Certificate;
pub use cluster::{Cluster, ClusterBuilder};
pub use front::{Between, Front};
pub use h2::{Frame, H2Client, H2Outcome, H2Response, RawH2};
pub use haproxy::HaProxy;
pub use installation::{FREE_PORTS, Installation, RunningProgram, program};
pub use language::Language;
pub use pgbouncer::PgBouncer;
pub use postgres::Postgres;
pub use process::{ApiAnswer, CliOutput, Issued, KeySpec, Keyward, KeywardBuilder, Signal};
pub use provider::{OidcProvider, Trick};
pub use random::Random;
pub use raw::{RawClient, RawResponse, exchange, exchange_from, request};
pub use redis::Redis;
pub use sized::{is_heavy, sized};
pub use sockets::{Socket, sockets};
pub use tcp_proxy::TcpProxy;
pub use times::Times;
pub use upstream::{EchoUpstream, Recorded, Reply};
pub use wait::{WAIT_TIMEOUT, blocking, eventually, eventually_blocking, wait_for_text};
pub use world::{OWNER, World, WorldBuilder};
