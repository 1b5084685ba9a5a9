//! The layer around a small service, over the engine in this process.

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
