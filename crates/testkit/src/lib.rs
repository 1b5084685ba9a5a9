//! For tests only: a running Keyward, an echo upstream that records bytes, raw sockets, clocks
//!
//! The parts, from the outside in: [`Keyward`] runs the binary, [`EchoUpstream`] stands behind it, [`Postgres`] and
//! [`OidcProvider`], who vouches for people, beside it, and [`RawClient`], [`H2Client`] and [`RawH2`] in front of it. Whatever
//! goes wrong panics with what was seen so far.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "test code")]

mod browser;
mod certificate;
mod h2;
mod hpack;
mod postgres;
mod process;
mod provider;
mod raw;
mod upstream;
mod wire;

pub use browser::{Browser, BrowserKind};
pub use certificate::Certificate;
pub use h2::{Frame, H2Client, H2Outcome, H2Response, RawH2};
pub use postgres::Postgres;
pub use process::{ApiAnswer, CliOutput, Issued, KeySpec, Keyward, KeywardBuilder, Signal};
pub use provider::{OidcProvider, Trick};
pub use raw::{RawClient, RawResponse, exchange, exchange_from, request};
pub use upstream::{EchoUpstream, Recorded, Reply};
