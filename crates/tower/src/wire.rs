//! What our own gateway and console share with the layer: how a key is read, and how a refusal is written. No promise is made
//! to others: what is here changes with them.

mod credential;
mod fields;
mod problem;
mod rate_limit;

pub use credential::{X_API_KEY, credential};
pub use fields::{OVERRIDES, REROUTES, fold, folds_alike, folds_to, is_keyward_field};
pub use problem::{Problem, Refusal};
pub use rate_limit::{rate_limit_headers, rate_limit_headers_ietf, retry_after};
