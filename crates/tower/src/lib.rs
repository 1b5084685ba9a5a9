//! X-API-KEY in, decision out: what any HTTP service needs to ask Keyward.
//!
//! The gateway is the first user of this crate; nothing here knows of proxies. [`credential`] reads the header,
//! [`Refusal`] turns a denial into an answer, [`rate_limit_headers`] tells a client what remains.

mod credential;
mod problem;
mod rate_limit;

pub use credential::{X_API_KEY, credential};
pub use problem::{Problem, Refusal};
pub use rate_limit::{rate_limit_headers, rate_limit_headers_ietf, retry_after};
