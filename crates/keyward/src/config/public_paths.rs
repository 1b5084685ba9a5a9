//! Paths that need no key.

use super::values::Checker;
use keyward_domain::Below;
use keyward_gateway::{Route, SiteSource};

/// Names what is no plain path.
pub(super) fn check(checker: &mut Checker<'_>, list: &[String]) {
    for (n, path) in list.iter().enumerate() {
        let key = format!("gateway.public_paths[{n}]");
        let plain = path
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"?#%\\;*{}".contains(&b));
        let fits = path.starts_with('/') && plain && !path.contains("//");
        if !fits || path.split('/').any(|segment| matches!(segment, "." | "..")) {
            checker.fault(&key, format!("`{path}` is no plain path such as /swagger"));
        } else if path == "/" {
            checker.fault(
                &key,
                "`/` would let every request pass without a key: name the paths that need none",
            );
        }
    }
}

/// Names public paths below which there is a route: reads would pass there without a key, though they are restricted.
pub(super) fn check_routes(checker: &mut Checker<'_>, list: &[String], routes: &[Route]) {
    for (n, path) in list.iter().enumerate() {
        if let Some(route) = routes.iter().find(|route| opens(path, route)) {
            let message = format!(
                "`{path}` lets every GET and HEAD below it pass without a key, also those of the route `{}`: name the paths \
                 that need none",
                route.path
            );
            checker.fault(&format!("gateway.public_paths[{n}]"), message);
        }
    }
}

/// A route may be public itself; what stands further below a public path, or has a site, was meant to need a key.
fn opens(path: &str, route: &Route) -> bool {
    match route.path.below(path) {
        Below::Nothing => false,
        Below::Rest => route.site != SiteSource::Path,
        Below::More => true,
    }
}
