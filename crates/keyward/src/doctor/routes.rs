//! What the gateway's rules let pass, though it may not be meant to.

use super::finding::Finding;
use crate::config::Checked;
use keyward_domain::StrictPath;
use keyward_gateway::Route;

/// A public path may be meant to open a whole site. Who wrote it should know that it does.
pub(super) fn check_public_paths(checked: &Checked) -> Vec<Finding> {
    let rules = &checked.rules;
    let look = |path: &String| {
        let site = rules.routes.iter().find_map(|route| site_of(path, route))?;
        Some(Finding::warning(
            "public path",
            format!("gateway.public_paths {path}"),
            format!("every GET and HEAD of the site {site} passes without a key"),
            "if that is not meant, name only the paths of the site that need none",
        ))
    };
    rules.public_paths.iter().filter_map(look).collect()
}

/// The site that a path ends with. Where a route begins with the site, any path does, and that means nothing.
fn site_of<'p>(path: &'p str, route: &Route) -> Option<&'p str> {
    let path = path.trim_end_matches('/');
    let found = route
        .path
        .find(&StrictPath::parse(path.as_bytes()).ok()?)
        .ok()??;
    let (before, last) = path.rsplit_once('/')?;
    found.site.filter(|site| *site == last && !before.is_empty())
}
