//! The gateway's part of the configuration.

use super::values::Checker;
use super::{cors, public_paths, routes, schema};
use http::Uri;
use keyward_gateway::{Rules, Settings, Swagger, Timeouts};
use std::num::NonZeroU32;

/// What stays as it is while the gateway runs.
pub(super) fn settings(checker: &mut Checker<'_>, access_log: bool) -> Option<Settings> {
    let gateway = &checker.loaded.config.gateway;
    checker.within("gateway.workers", gateway.workers, 0, 1024);
    checker.within("gateway.max_connections", gateway.max_connections, 1, 10_000_000);
    checker.within(
        "gateway.limits.head_bytes",
        gateway.limits.head_bytes,
        1024,
        1_048_576,
    );
    checker.within("gateway.limits.headers", gateway.limits.headers, 8, 256);
    checker.within(
        "gateway.limits.unfinished_head_bytes",
        gateway.limits.unfinished_head_bytes,
        4 << 20,
        1 << 40,
    );
    let timeouts = timeouts(checker);
    let tls = checker.tls("gateway.tls", gateway.tls.as_ref());
    Some(Settings {
        listen: checker.address("gateway.listen", &gateway.listen)?,
        workers: gateway.workers,
        tls,
        max_connections: gateway.max_connections,
        head_bytes: gateway.limits.head_bytes,
        headers: gateway.limits.headers,
        unfinished_head_bytes: gateway.limits.unfinished_head_bytes,
        timeouts,
        access_log,
    })
}

fn timeouts(checker: &mut Checker<'_>) -> Timeouts {
    let given = &checker.loaded.config.gateway.timeouts;
    let mut read = |name: &str, text: &str| checker.duration(&format!("gateway.timeouts.{name}"), text);
    Timeouts {
        request_head: read("request_head", &given.request_head),
        idle: read("idle", &given.idle),
        body_stall: read("body_stall", &given.body_stall),
        write_stall: read("write_stall", &given.write_stall),
        upstream_connect: read("upstream_connect", &given.upstream_connect),
        upstream_response: read("upstream_response", &given.upstream_response),
        upstream_body_stall: read("upstream_body_stall", &given.upstream_body_stall),
    }
}

/// What a reload may change.
pub(super) fn rules(checker: &mut Checker<'_>) -> Option<Rules> {
    let gateway = &checker.loaded.config.gateway;
    realm(checker, &gateway.realm);
    let trusted_proxies = checker.networks("gateway.trusted_proxies", &gateway.trusted_proxies);
    public_paths::check(checker, &gateway.public_paths);
    let cors = gateway.cors.as_ref().map(|cors| cors::read(checker, cors));
    let swagger = gateway
        .swagger
        .as_ref()
        .map(|swagger| read_swagger(checker, swagger));
    let upstreams = routes::upstreams(checker, &gateway.upstreams);
    let routes = routes::routes(checker, gateway.routes.as_deref(), &gateway.upstreams);
    public_paths::check_routes(
        checker,
        &gateway.public_paths,
        routes.as_deref().unwrap_or_default(),
    );
    Some(Rules {
        realm: gateway.realm.clone(),
        trusted_proxies: trusted_proxies?,
        trusted_proxy_may_be_client: gateway.trusted_proxy_may_be_client,
        public_paths: gateway.public_paths.clone(),
        forward_key: gateway.forward_key,
        ietf_rate_limit_headers: gateway.ietf_rate_limit_headers,
        preflights_per_second: NonZeroU32::new(gateway.preflights_per_second),
        cors,
        swagger: match swagger {
            None => None,
            Some(read) => Some(read?),
        },
        routes: routes?,
        upstreams: upstreams?,
    })
}

fn realm(checker: &mut Checker<'_>, realm: &str) {
    let fits = (1..=64).contains(&realm.len())
        && realm
            .bytes()
            .all(|b| (b.is_ascii_graphic() || b == b' ') && b != b'"' && b != b'\\');
    if !fits {
        checker.fault(
            "gateway.realm",
            "must be 1 to 64 printable ASCII characters without \" and \\",
        );
    }
}

fn read_swagger(checker: &mut Checker<'_>, swagger: &schema::Swagger) -> Option<Swagger> {
    match (&swagger.file, &swagger.upstream_path) {
        (Some(file), None) => Some(Swagger::File(checker.path("gateway.swagger.file", file))),
        (None, Some(path)) if path.starts_with('/') && !path.contains('#') && path.parse::<Uri>().is_ok() => {
            Some(Swagger::UpstreamPath(path.clone()))
        }
        (None, Some(path)) => {
            let message = format!("`{path}` is no path: write it as /openapi.json");
            checker.fault("gateway.swagger.upstream_path", message);
            None
        }
        (Some(_), Some(_)) => {
            checker.fault("gateway.swagger", "give `file` or `upstream_path`, not both");
            None
        }
        (None, None) => {
            let message = "give `file` or `upstream_path`: where your API's OpenAPI document is";
            checker.fault("gateway.swagger", message);
            None
        }
    }
}
