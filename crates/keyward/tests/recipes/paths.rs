//! P: paths. What can be read in two ways is refused; what passes reaches the upstream as it was judged, byte for byte.

use crate::ask::Ask;
use crate::proxy::Proxy;
use crate::world::{Wanted, World};

const AMBIGUOUS: &[&[u8]] = &[
    // P1
    b"//api/2/x",
    b"/api//2/x",
    b"///api/2/x",
    b"/api//1/x",
    b"/api/1//x",
    b"//",
    // P2
    b"/api/1/../2/x",
    b"/api/1/./x",
    b"/api/../api/2/x",
    b"/api/1/..",
    b"/api/1/.",
    b"/api/1/%2e%2e/2/x",
    b"/api/1/.%2e/2",
    b"/api/1/%2E./2",
    b"/api/1/%2e/x",
    b"/swagger/../api/2/x",
    b"/../../api/1/x",
    // P3
    b"/api/1%2f..%2f2/x",
    b"/api%2f2/x",
    b"/api/1/..%2f..%2fswagger",
    b"/api/1/x%2f..%2f..%2f2",
    b"/api/1/a%2fb",
    b"/enc/1/a%2f..%2f..%2f..%2f2",
    b"/enc/1%2fa",
    // P4
    b"/api/1%5c..%5c2",
    b"/api\\2\\x",
    b"/api/1\\..\\2",
    b"/api/1/..;/2",
    b"/api/1/..%3b/2",
    b"/api/1;x=/../2",
    b"/api/1;v=2/x",
    // P5
    b"http://other/api/2",
    b"http://other/api/1/x",
    b"evil:80/api/1/x",
    b"api/1/x",
    b"?/api/1/x",
    // P6
    b"/api/%2531/x",
    b"/api/%2532/x",
    b"/api/%32/x",
    b"/api/%31/x",
    b"/%61pi/1/x",
    // P7
    b"/api/+1/y",
    b"/api/~1/y",
    b"/api/%EF%BC%91/y",
    b"/api/\xef\xbc\x91/y",
    // P8
    b"/api/1/a%00b",
    b"/api/1/a%09b",
    b"/api/1/a%0ab",
    b"/api/1/a%0Db",
    b"/api/1/a%7fb",
    b"/api/1%20/x",
    b"/api/1/a\0b",
    b"/api/1/a\tb",
    b"/api/1/a\x01b",
    b"/api/1/a\x7fb",
    b"/api/1/a b",
    b"/api/1/a\rb",
    b"/api/1/x#y",
    b"/api/1/x?a#y",
    // P9
    b"/api/1/%c0%af",
    b"/api/1/%c0%ae%c0%ae",
    b"/api/1/%80",
    b"/api/1/%u002f",
    b"/api/1/%",
    b"/api/1/%zz",
    b"/api/1/%2",
    b"/api/1/\x80",
    b"/api/1/\xff",
    b"/api/1/caf\xc3\xa9",
    b"/api/1/\xc0\xaf",
    // P11
    b"/api/1%3f/2",
    b"/api/1%3F/../2",
];

pub(crate) async fn p1_to_p9_what_can_be_read_in_two_ways_is_refused(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    for target in AMBIGUOUS {
        world
            .refused("p", &Ask::get(target).key(&world.k1.secret), Wanted::Malformed)
            .await;
    }
    for target in [
        &b"//api/2/x"[..],
        b"/api/1/../2/x",
        b"/api/1%2f..%2f2/x",
        b"/api/1;v=2/x",
    ] {
        world
            .refused("p", &Ask::new("OPTIONS", target), Wanted::Malformed)
            .await;
    }
    // The own authority is judged by its path, or refused as such a target.
    let own = Ask::get("http://localhost/api/2/x").key(&world.k1.secret);
    let said = world.say(&own).await;
    assert!(matches!(said.status, 400 | 403 | 404), "{proxy:?} {said:?}");
    assert_eq!(world.upstream.count(), 0, "{proxy:?}");
}

pub(crate) async fn p6_p7_no_other_spelling_of_a_site_or_a_route_is_taken_for_it(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    for (target, status, code) in [
        ("/api/2/x", 403, "site_forbidden"),
        ("/api/2", 403, "site_forbidden"),
        ("/api/2/x/1", 403, "site_forbidden"),
        ("/api/01/y", 403, "site_forbidden"),
        ("/api/1.0/y", 403, "site_forbidden"),
        ("/api/-1/y", 403, "site_forbidden"),
        ("/wh/1/2", 403, "site_forbidden"),
        ("/enc/2/a%2fb", 403, "site_forbidden"),
        ("/api/2?site=1", 403, "site_forbidden"),
        ("/apix/2", 404, "no_route"),
        ("/api1/2", 404, "no_route"),
        ("/API/1/x", 404, "no_route"),
        ("/api", 404, "no_route"),
        ("/api/", 404, "no_route"),
        ("/", 404, "no_route"),
        ("/wh/a/1/x", 404, "no_route"),
        ("/keyward-authz", 404, ""),
        ("/authz/nginx", 404, "no_route"),
        ("/authz/forward-auth", 404, "no_route"),
    ] {
        let ask = Ask::get(target).key(&world.k1.secret);
        world.refused("p7", &ask, Wanted::Says(status, code)).await;
    }
}

pub(crate) async fn p3_p6_p11_what_passes_goes_on_byte_for_byte(proxy: Proxy) {
    let world = World::start(proxy, "").await;
    for target in [
        "/api/1",
        "/api/1/",
        "/api/1/resource",
        "/api/1/..a/b..",
        "/api/1/.well-known/x",
        "/api/1/a;v=2/b;c",
        "/api/1/caf%C3%A9/%F0%9F%94%91",
        "/api/1/100%25/x",
        "/api/1/a%20b%3Fc%23d%3bf",
        "/api/1/~me/!$&'()*+,=:@-._",
        "/api/1?",
        "/api/1?/../../api/2",
        "/api/1/x?site=2&x-site=2&a=%2e%2e%2f&c=//../",
        "/api/1/x?api_key=other",
        "/api/1/x??y=?",
        "/wh/any/1",
        "/wh/a..b/1?site=2",
        "/enc/1/a%2fb%2Fc",
        "/enc/1/https:%2f%2fexample.com%2f",
    ] {
        for method in ["GET", "POST"] {
            let ask = Ask::new(method, target).key(&world.k1.secret);
            let (_, got) = world.passed(&ask).await;
            let line = format!("{method} {target} HTTP/1.1");
            assert_eq!(got.request_line(), line, "{proxy:?}");
            assert_eq!(got.header("x-keyward-site"), ["1"], "{proxy:?} {target}");
        }
    }
}
