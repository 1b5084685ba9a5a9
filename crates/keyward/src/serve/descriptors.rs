//! How the descriptors of the process are shared out. Clients come last: whatever they hold, the operator's port answers, the
//! database is reached again, and people get to the console.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is kept from clients, where there are enough: half of it for the console, the rest for the operator's port, the
/// database, Redis and files.
const KEPT: u64 = 768;
/// The most connections of the operator's port.
const MOST_OPS: usize = 256;

/// Who may have how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Shares {
    /// Clients, and the connections to upstreams for them, have descriptors below this.
    clients_below: i32,
    /// The console has them below this.
    people_below: i32,
    /// How many connections the operator's port may have.
    ops: usize,
}

/// Asks the system for as many descriptors as it gives, and shares them out. Gives how many connections the operator's port
/// may have.
pub(super) fn share_out() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        match setrlimit(Resource::Nofile, raised) {
            Ok(()) => limit = raised,
            Err(error) => tracing::debug!(%error, "the limit of file descriptors stays as it is"),
        }
    }
    let Some(most) = limit.current else {
        return MOST_OPS;
    };
    let shares = Shares::of(most);
    keyward_listener::CLIENTS.set(shares.clients_below);
    keyward_listener::PEOPLE.set(shares.people_below);
    keyward_dial::leave_descriptors(shares.clients_below);
    shares.ops
}

impl Shares {
    fn of(most: u64) -> Self {
        let kept = KEPT.min(most / 8 * 3);
        let below = |number: u64| i32::try_from(number).unwrap_or(i32::MAX);
        let ops = usize::try_from(kept / 3).unwrap_or(MOST_OPS);
        Self {
            clients_below: below(most - kept),
            people_below: below(most - kept / 2),
            ops: ops.clamp(1, MOST_OPS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Shares;

    #[test]
    fn the_last_descriptors_are_not_for_clients() {
        for (most, clients_below, people_below, ops) in [
            (256, 160, 208, 32),
            (1024, 640, 832, 128),
            (32768, 32000, 32384, 256),
            (1 << 40, i32::MAX, i32::MAX, 256),
        ] {
            let shares = Shares {
                clients_below,
                people_below,
                ops,
            };
            assert_eq!(Shares::of(most), shares, "{most}");
        }
    }
}
