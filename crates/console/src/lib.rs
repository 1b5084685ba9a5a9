//! The people's plane: management API, OpenAPI, Swagger UI.

mod console;

pub use console::{Console, Settings, StartFault};
