//! SIGHUP: the file is read again. Either all of it is taken, or none, and then the log says why.

use crate::config::{self, Checked, Loaded, diff};
use keyward_gateway::Gateway;

const KEPT: &str = "configuration not reloaded: the one before stays in force";

/// `started` is what the node was started with.
pub(super) fn reload(current: &mut Loaded, started: &Checked, gateway: &Gateway) {
    let read = config::load(&current.file).and_then(|new| {
        let checked = new.check_for_serve()?;
        Ok((new, checked))
    });
    let (new, checked) = match read {
        Ok(read) => read,
        Err(faults) => {
            for fault in faults.lines() {
                tracing::error!(fault, "{KEPT}");
            }
            return;
        }
    };
    let (before, after) = (current.config.in_force(), new.config.in_force());
    let mut restart = diff::needing_restart(&before, &after);
    restart.extend(diff::files_needing_restart(started, &checked));
    restart.sort();
    restart.dedup();
    if !restart.is_empty() {
        let settings = restart.join(", ");
        tracing::error!(settings, "{KEPT}; these settings change only with a restart");
        return;
    }
    if let Err(fault) = gateway.reload(checked.rules) {
        tracing::error!(%fault, "{KEPT}");
        return;
    }
    match diff::differing(&before, &after).join(", ") {
        nothing if nothing.is_empty() => tracing::info!("configuration reloaded: no setting has changed"),
        changed => tracing::info!(changed, "configuration reloaded"),
    }
    *current = new;
}
