//! The people's plane: web console, management API, OpenAPI, Swagger UI.
//!
//! A request passes, from the outside in: the accept loop (`server`), the layer that dresses every answer (`guard`), the
//! layer that knows who calls (`caller`), and one handler (`api`). A handler decodes (`body`, `fields`), calls one use
//! case of the engine, and encodes (`wire`, `answer`). Who adds an endpoint writes a handler in `api` and names it in
//! `router`; the OpenAPI document, and the tests that are made from it, follow.

mod answer;
mod api;
mod app;
mod base_path;
mod body;
mod caller;
mod console;
mod csv;
mod docs;
mod fault;
mod fields;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzzed;
mod guard;
mod json;
mod metrics;
mod paging;
mod problem;
mod public_url;
mod rights;
mod router;
mod web;
mod wire;

pub use console::{About, Console, Settings, StartFault};
pub use public_url::{PublicUrl, PublicUrlFault};
pub use web::CALLBACK as OIDC_CALLBACK;
pub use wire::{
    ActorWire, AuditWire, BucketWire, CreatedKeyWire, KeyWire, LastUsedWire, OwnerWire, PageWire, SiteWire,
    TargetWire, UsageWire, UserWire,
};
