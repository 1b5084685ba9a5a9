//! What every plane's port has in common: binding, accepting under pressure, TLS whose files are read again when they
//! change. What is spoken on a connection is each plane's own affair.

mod accept;
mod closing;
mod tls;

pub use accept::{Slot, Slots, accept, bind};
pub use closing::close;
pub use tls::{Tls, TlsFault, TlsFiles, follow_certificate};
