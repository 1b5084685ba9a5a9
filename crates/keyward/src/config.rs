//! The configuration: one TOML file, overridden by `KEYWARD__SECTION__KEY` environment variables.
//!
//! [`schema`] is its form, [`check`] turns it into the settings of the other crates and collects every fault, [`diff`]
//! tells what a reload may change. Who adds a setting adds a field to the schema, its check, and a line to the template.

mod authz;
pub(crate) mod check;
mod console;
mod cors;
mod database;
pub(crate) mod diff;
mod fault;
mod form;
mod gateway;
mod limits;
pub(crate) mod load;
mod public_paths;
mod public_url;
mod routes;
pub(crate) mod schema;
pub(crate) mod template;
mod values;

pub(crate) use check::Checked;
pub(crate) use database::{Database, has_password, of_flag as database_of_flag};
pub(crate) use fault::{ConfigFault, ConfigFaults};
#[cfg(test)]
pub(crate) use load::from_text;
pub(crate) use load::{Loaded, load};
