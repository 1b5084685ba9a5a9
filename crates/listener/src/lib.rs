//! What every plane's port has in common: binding, accepting under pressure, closing without losing a client, TLS whose
//! files are read again when they change. [`Server`] is the whole life of a port for the planes that only answer; the
//! gateway, which has to know each byte, speaks for itself.

mod accept;
mod activity;
mod client_address;
mod closing;
mod date;
mod descriptors;
mod host;
mod http2;
mod linger;
mod places;
mod request_body;
mod scheme_mismatch;
mod server;
mod silence;
mod tls;
mod told;

pub use accept::{Slot, Slots, accept, bind, bind_way_out};
pub use client_address::{Unnamed, X_FORWARDED_FOR, client_address, is_trusted};
pub use closing::close;
pub use date::date;
pub use descriptors::{CLIENTS, DescriptorBound, NONE, PEOPLE};
pub use host::{HostFault, one_host};
pub use http2::http2_fault;
pub use request_body::{RequestBody, Unread, follow};
pub use scheme_mismatch::{TLS_BEGINS, accept_tls, tell_of_tls};
pub use server::Server;
pub use silence::end_when_gone;
pub use tls::{Tls, TlsFault, TlsFiles, follow_certificate};
