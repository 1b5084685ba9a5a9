//! The management API over real sockets. Tests name the rows of the security contract that they cover.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "everything here is a test, helpers included"
)]

mod audit;
mod bodies;
mod changes;
mod choices;
mod documents;
mod edits;
mod imports;
mod lifecycle;
mod limits;
mod plane;
mod queries;
mod rights;
mod secrets;
mod support;
mod wires;
