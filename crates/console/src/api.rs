//! The endpoints under `/v1`: each decodes, calls one use case, and encodes.

pub(crate) mod audit;
pub(crate) mod catalogue;
pub(crate) mod changes;
pub(crate) mod keys;
pub(crate) mod me;
pub(crate) mod nodes;
pub(crate) mod setup;
pub(crate) mod sites;
pub(crate) mod users;
pub(crate) mod verify;

use crate::problem::Problem;
use axum::response::Response;

/// What a handler gives.
pub(crate) type Answer = Result<Response, Problem>;
