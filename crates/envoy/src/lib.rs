//! The messages of Envoy's `envoy.service.auth.v3`, as far as Keyward reads and writes them: a dozen of the thousand that
//! Envoy's API has, so that nobody compiles the others ([ADR 0019](../../../docs/adr/0020-what-a-build-costs.md)).
//!
//! Names and numbers of fields are those of Envoy's own files, which each message names. A field that is not here is skipped
//! when it is read. To add one, take its number from there; the tests compare bytes with those that Envoy's files give.

mod asked;
#[cfg(test)]
mod tests;
mod told;

pub use asked::{
    Address, AttributeContext, CheckRequest, HeaderMap, HeaderValue, HttpRequest, Peer, Place, Request,
    SocketAddress, Unread,
};
pub use told::{
    CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValueOption, HttpResponse, HttpStatus, Kind,
    OkHttpResponse, Status, Struct, Value,
};

/// Where Envoy asks, as gRPC names a call.
pub const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";
