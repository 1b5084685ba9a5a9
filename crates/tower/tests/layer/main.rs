//! The layer around a small service, over the engine in this process.

// The futures of the database are in here whole, one within the other.
#![recursion_limit = "256"]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "everything here is a test, helpers included"
)]

mod embedded;
mod extractor;
mod headers;
mod paths;
mod surface;
mod world;
