//! `/v1/users`

pub(crate) mod create;
pub(crate) mod edit;
pub(crate) mod link;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod state;
