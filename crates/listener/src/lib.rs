//! What every plane's port has in common: binding, accepting under pressure, closing without losing a client, TLS whose
//! files are read again when they change. [`Server`] is the whole life of a port for the planes that only answer; the
//! gateway, which has to know each byte, speaks for itself.

mod accept;
mod activity;
mod client_address;
mod closing;
mod host;
mod places;
mod server;
mod silence;
mod tls;

pub use accept::{Slot, Slots, accept, bind, bind_way_out};
pub use client_address::{Unnamed, X_FORWARDED_FOR, client_address, is_trusted};
pub use closing::close;
pub use host::{HostFault, one_host};
pub use server::Server;
pub use silence::end_when_gone;
pub use tls::{Tls, TlsFault, TlsFiles, follow_certificate};
