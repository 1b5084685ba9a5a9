//! Routes and upstreams: the part of the gateway's configuration that says where requests go.

use super::schema;
use super::values::{Checker, header_name};
use http::HeaderName;
use keyward_domain::{HostPort, HostTemplate, ServerUrl, Template};
use keyward_gateway::{Protocol, Route, SiteSource, Upstream, may_name_site};
use std::time::Duration;

/// As good as never: what a timer may wait for has an end.
const NO_STALL: Duration = Duration::from_secs(365 * 86_400);

/// Where requests can be sent.
pub(super) fn upstreams(checker: &mut Checker<'_>, list: &[schema::Upstream]) -> Option<Vec<Upstream>> {
    let mut read = Vec::with_capacity(list.len());
    for (n, upstream) in list.iter().enumerate() {
        let key = format!("gateway.upstreams[{n}]");
        if upstream.name.is_empty() || list[..n].iter().any(|other| other.name == upstream.name) {
            let message = format!(
                "`{}` must not be empty or the name of two upstreams",
                upstream.name
            );
            checker.fault(&format!("{key}.name"), message);
        }
        let words = [("http1", Protocol::Http1), ("h2c", Protocol::H2c)];
        let protocol = checker.word(&format!("{key}.protocol"), &upstream.protocol, &words);
        let address = checker.take(&format!("{key}.url"), upstream_address(&upstream.url));
        let idle = checker.duration_or_off(
            &format!("{key}.upstream_idle"),
            &upstream.upstream_idle,
            Duration::ZERO,
        );
        read.push(address.zip(protocol).map(|(address, protocol)| Upstream {
            name: upstream.name.clone(),
            address,
            protocol,
            idle,
        }));
    }
    read.into_iter().collect()
}

fn upstream_address(text: &str) -> Result<HostPort, String> {
    let way_out = "write it as http://host:port";
    let url = ServerUrl::parse(text).map_err(|fault| format!("`{text}` is no URL: {fault}; {way_out}"))?;
    if url.scheme.eq_ignore_ascii_case("https") {
        return Err(format!(
            "`{text}`: https to an upstream is not supported; put the upstream on a private network and {way_out}"
        ));
    }
    if !url.scheme.eq_ignore_ascii_case("http") || !url.is_bare() {
        return Err(format!(
            "`{text}` must be a scheme, a host and a port alone: {way_out}"
        ));
    }
    Ok(url.host_port(80))
}

/// Which request is sent where.
pub(super) fn routes(
    checker: &mut Checker<'_>,
    configured: Option<&[schema::Route]>,
    upstreams: &[schema::Upstream],
) -> Option<Vec<Route>> {
    let Some(list) = configured else {
        return Some(default_route(checker, upstreams).into_iter().collect());
    };
    if list.is_empty() {
        checker.fault(
            "gateway.routes",
            "is empty: name at least one route, or leave it out",
        );
    }
    let read: Vec<Option<Route>> = (0..)
        .zip(list)
        .map(|(n, route): (usize, _)| read_route(checker, &format!("gateway.routes[{n}]"), route, upstreams))
        .collect();
    read.into_iter().collect()
}

fn default_route(checker: &mut Checker<'_>, upstreams: &[schema::Upstream]) -> Option<Route> {
    if upstreams.is_empty() {
        return None;
    }
    read_route(
        checker,
        "gateway.routes (not given, so `/api/{site}/**`)",
        &schema::Route::of_api(),
        upstreams,
    )
}

fn read_route(
    checker: &mut Checker<'_>,
    key: &str,
    route: &schema::Route,
    upstreams: &[schema::Upstream],
) -> Option<Route> {
    // Of upstreams whose form is at fault nobody knows the names.
    let are_known = !checker.is_unread("gateway.upstreams");
    if are_known && !upstreams.iter().any(|upstream| upstream.name == route.upstream) {
        checker.fault(
            &format!("{key}.upstream"),
            no_such_upstream(&route.upstream, upstreams),
        );
    }
    let path = checker.take(&format!("{key}.path"), Template::parse(&route.path));
    let stall = route.stall.as_ref();
    let stall = stall.map(|text| checker.duration_or_off(&format!("{key}.stall"), text, NO_STALL));
    let site = site_source(checker, key, route.site.as_ref());
    let mut path = path?;
    if site.as_ref().is_some_and(|site| *site != SiteSource::Path) && path.has_site() {
        let message = "the path holds {site} and `site` names another source: choose one";
        checker.fault(&format!("{key}.site"), message);
    }
    if route.encoded_slashes {
        path = path.allowing_encoded_slashes();
    }
    Some(Route {
        path,
        site: site?,
        stall,
        upstream: route.upstream.clone(),
    })
}

fn no_such_upstream(name: &str, upstreams: &[schema::Upstream]) -> String {
    let known: Vec<&str> = upstreams.iter().map(|upstream| upstream.name.as_str()).collect();
    if known.is_empty() {
        return format!(
            "there is no upstream `{name}`, nor any other: add [[gateway.upstreams]] with name = \"{name}\" and the url of \
             your API"
        );
    }
    format!("there is no upstream `{name}`; there are: {}", known.join(", "))
}

fn site_source(checker: &mut Checker<'_>, key: &str, site: Option<&schema::Site>) -> Option<SiteSource> {
    let Some(site) = site else {
        return Some(SiteSource::Path);
    };
    if site.host_label.is_some() {
        let message = "is no longer read, since it left the rest of the host open: say the whole name under `host`, such as \
                       host = \"{site}.example.com\"";
        checker.fault(&format!("{key}.site.host_label"), message);
        return None;
    }
    match (&site.header, &site.host) {
        (Some(name), None) => checker
            .take(&format!("{key}.site.header"), site_header(name))
            .map(SiteSource::Header),
        (None, Some(host)) => checker
            .take(&format!("{key}.site.host"), HostTemplate::parse(host))
            .map(SiteSource::Host),
        _ => {
            checker.fault(&format!("{key}.site"), "give either `header` or `host`");
            None
        }
    }
}

fn site_header(text: &str) -> Result<HeaderName, String> {
    let name = header_name(text)?;
    if may_name_site(&name) {
        return Ok(name);
    }
    Err(format!(
        "`{text}` has a meaning of its own, and cannot name a site too: choose another, such as X-Site"
    ))
}
