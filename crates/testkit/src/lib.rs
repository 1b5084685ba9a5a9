//! For tests only: a running Keyward, an echo upstream that records bytes, raw sockets, clocks
//!
//! The parts, from the outside in: [`Keyward`] runs the binary, [`EchoUpstream`] stands behind it, [`Postgres`],
//! [`Redis`] and [`OidcProvider`], who vouches for people, beside it, and [`RawClient`], [`H2Client`], [`RawH2`] and
//! [`HaProxy`] or another [`Front`] in front of it; a [`Language`] runs a client's program.
//! [`TcpProxy`] is a bad network between any two of them. Whatever goes wrong panics with what was seen so far.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod browser;
mod certificate;
mod front;
mod h2;
mod haproxy;
mod host;
mod hpack;
mod language;
mod listening;
mod ports;
mod postgres;
mod process;
mod provider;
mod raw;
mod redis;
mod tcp_proxy;
mod upstream;
mod wire;

pub use browser::{Browser, BrowserKind};
pub use certificate::Certificate;
pub use front::{Between, Front};
pub use h2::{Frame, H2Client, H2Outcome, H2Response, RawH2};
pub use haproxy::HaProxy;
pub use language::Language;
pub use postgres::Postgres;
pub use process::{ApiAnswer, CliOutput, Issued, KeySpec, Keyward, KeywardBuilder, Signal};
pub use provider::{OidcProvider, Trick};
pub use raw::{RawClient, RawResponse, exchange, exchange_from, request};
pub use redis::Redis;
pub use tcp_proxy::TcpProxy;
pub use upstream::{EchoUpstream, Recorded, Reply};
