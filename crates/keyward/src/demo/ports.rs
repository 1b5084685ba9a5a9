//! Ports for the demo: the usual ones, or free ones in place of those that are taken.

use crate::config::schema::Config;
use crate::output::note;
use std::net::SocketAddr;

/// Puts free ports in place of taken ones, and says so.
pub(super) fn choose(config: &mut Config) {
    let planes = [
        ("gateway", &mut config.gateway.listen),
        ("console", &mut config.console.listen),
        ("ops", &mut config.ops.listen),
    ];
    // Held until all are chosen, so that no two get the same.
    let mut held = Vec::new();
    for (plane, listen) in planes {
        let Ok(wanted) = listen.parse::<SocketAddr>() else {
            continue;
        };
        if let Ok(listener) = keyward_listener::bind(wanted) {
            held.push(listener);
            continue;
        }
        let free = keyward_listener::bind(SocketAddr::new(wanted.ip(), 0));
        if let Ok((listener, address)) = free.and_then(|listener| {
            let address = listener.local_addr()?;
            Ok((listener, address))
        }) {
            note(&format!(
                "port {} is taken: the {plane} port is {address}",
                wanted.port()
            ));
            *listen = address.to_string();
            held.push(listener);
        }
    }
}
