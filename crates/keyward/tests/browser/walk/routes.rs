//! Which pages there are, read off the console's routers, so that the walk forgets none.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where the routers stand: that over all, and those of the areas.
const ROUTERS: [&str; 2] = ["../console/src/web/pages.rs", "../console/src/web/pages"];
/// Were it fewer, they would not be read right.
const FEWEST: usize = 34;

/// The routes of the pages at which nobody looked who was at these paths.
pub(super) fn missed(seen: &BTreeSet<String>) -> Vec<String> {
    let mut pages = pages();
    assert!(pages.len() >= FEWEST, "{pages:?}");
    let found: BTreeSet<String> = seen.iter().filter_map(|path| route_of(path, &pages)).collect();
    pages.retain(|page| !found.contains(page));
    pages
}

/// The route that leads to a path: of several the one that names most of it.
fn route_of(path: &str, routes: &[String]) -> Option<String> {
    let leads = |route: &&String| {
        let (asked, named) = (path.split('/'), route.split('/'));
        asked.clone().count() == named.clone().count()
            && asked
                .zip(named)
                .all(|(asked, named)| asked == named || named.starts_with('{'))
    };
    let routes = routes.iter().filter(leads);
    routes.min_by_key(|route| route.matches('{').count()).cloned()
}

/// The routes that answer a GET with a page: neither by sending the browser on at once, nor with a file.
fn pages() -> Vec<String> {
    let mut sources = String::new();
    for place in ROUTERS {
        for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join(place)) {
            sources += &fs::read_to_string(&file).unwrap();
        }
    }
    let sources = sources.replace(char::is_whitespace, "");
    let routes = sources.split(".route(").skip(1).map(arguments);
    let pages = routes.filter_map(|route| {
        let (path, answers) = route.split_once(',')?;
        let is_page = answers.contains("get(") && !answers.contains("Redirect::");
        is_page.then(|| path_of(path, &sources))
    });
    pages.filter(|path| !path.ends_with(".csv")).collect()
}

/// A file, or those of a folder.
fn files(place: &Path) -> Vec<PathBuf> {
    if place.is_file() {
        return vec![place.to_owned()];
    }
    let entries = fs::read_dir(place).unwrap();
    entries.flat_map(|entry| files(&entry.unwrap().path())).collect()
}

/// What stands before the end of a parenthesis that is open.
fn arguments(text: &str) -> &str {
    let mut depth = 1;
    let end = text.find(|c| {
        depth += match c {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    &text[..end.unwrap()]
}

/// The path of a route, which may be a constant.
fn path_of(argument: &str, sources: &str) -> String {
    let text = match argument.strip_prefix('"') {
        Some(text) => text,
        None => {
            let named = format!("const{argument}:&str=\"");
            sources
                .split_once(&named)
                .unwrap_or_else(|| panic!("no {named}"))
                .1
        }
    };
    text.split('"').next().unwrap_or_default().to_owned()
}

#[test]
fn a_page_at_which_nobody_looked_is_named() {
    let seen = [
        "/sign-in",
        "/admin/users/new",
        "/admin/users/0190/delete",
        "/nowhere",
    ];
    let missed = missed(&seen.map(str::to_owned).into());
    let is_missed = |route: &str| missed.iter().any(|missed| missed == route);
    for route in [
        "/admin/users/{id}",
        "/admin/users/{id}/identities",
        "/sign-in/oidc/callback",
    ] {
        assert!(is_missed(route), "{route}: {missed:?}");
    }
    for route in ["/sign-in", "/admin/users/new", "/admin/users/{id}/delete"] {
        assert!(!is_missed(route), "{route}: {missed:?}");
    }
    // They show nothing: they send the browser on, save, or give a file.
    for route in ["/", "/admin", "/preferences", "/admin/audit.csv"] {
        assert!(!is_missed(route), "{route}: {missed:?}");
    }
}
