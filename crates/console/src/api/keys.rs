//! `/v1/keys`

pub(crate) mod create;
pub(crate) mod edit;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod show;
pub(crate) mod state;
pub(crate) mod usage;
