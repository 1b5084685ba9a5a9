//! Routes and upstreams: the part of the gateway's configuration that says where requests go.

use super::schema;
use super::values::{Checker, header_name};
use http::uri::Scheme;
use http::{HeaderName, Uri};
use keyward_domain::{HostTemplate, Template};
use keyward_gateway::{Protocol, Route, SiteSource, Upstream, may_name_site};

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
        let url = checker.take(&format!("{key}.url"), upstream_url(&upstream.url));
        read.push(url.zip(protocol).map(|(url, protocol)| Upstream {
            name: upstream.name.clone(),
            url,
            protocol,
        }));
    }
    read.into_iter().collect()
}

fn upstream_url(text: &str) -> Result<Uri, String> {
    let way_out = "write it as http://host:port";
    let uri: Uri = text
        .parse()
        .map_err(|_| format!("`{text}` is no URL: {way_out}"))?;
    if uri.scheme() == Some(&Scheme::HTTPS) {
        return Err(format!(
            "`{text}`: https to an upstream is not supported; put the upstream on a private network and {way_out}"
        ));
    }
    let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    let plain = uri
        .authority()
        .is_some_and(|authority| !authority.as_str().contains('@'));
    if uri.scheme() != Some(&Scheme::HTTP) || !bare || !plain {
        return Err(format!(
            "`{text}` must be a scheme, a host and a port alone: {way_out}"
        ));
    }
    if uri.port_u16() == Some(0) {
        return Err(format!("`{text}`: nothing can listen on port 0: {way_out}"));
    }
    Ok(uri)
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
