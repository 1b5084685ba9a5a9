//! The OpenAPI document, as programs of other people read it: strict readers, generators of clients, and a tester that makes requests
//! from it. `scripts/test` fetches them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "everything here is a test, helpers included"
)]

mod clients;
mod requests;
mod strict;
mod tools;
