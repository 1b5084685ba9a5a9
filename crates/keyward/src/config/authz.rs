//! The part of the plane that answers proxies.

use super::values::Checker;
use keyward_gateway::AuthzSettings;

/// None without the section.
pub(super) fn settings(checker: &mut Checker<'_>) -> Option<AuthzSettings> {
    let authz = checker.loaded.config.authz.as_ref()?;
    let proxies = checker.networks("authz.proxies", &authz.proxies);
    if authz.proxies.is_empty() {
        let way_out = "there is none: name the addresses of the proxies that may ask, such as \"127.0.0.1\"";
        checker.fault("authz.proxies", way_out);
    }
    checker.within("authz.max_connections", authz.max_connections, 1, 10_000_000);
    let tls = checker.tls("authz.tls", authz.tls.as_ref());
    Some(AuthzSettings {
        listen: checker.address("authz.listen", &authz.listen)?,
        proxies: proxies?,
        tls,
        max_connections: authz.max_connections,
    })
}
