//! Where servers are: read strictly, a fault of its setting otherwise.

use super::faults;
use keyward_testkit::Installation;

/// A configuration in which every server stands at the same place, such as `a:80`.
fn all_at(place: &str) -> String {
    format!(
        "[database]\nurl = \"postgres://keyward@{place}/keyward\"\n[limits]\nurl = \"redis://{place}\"\n\
         [gateway]\npublic_url = \"https://{place}\"\n[[gateway.upstreams]]\nname = \"default\"\n\
         url = \"http://{place}\"\n[console]\npublic_url = \"https://{place}\"\n[console.oidc]\n\
         issuer = \"https://{place}\"\nclient_id = \"a\"\nname = \"a\"\n"
    )
}

#[test]
fn where_a_server_is_can_be_read_or_is_a_fault_of_its_setting() {
    let place = Installation::empty();
    for bad in [
        "127.0.0.1:99999",
        "a:65536",
        "a:0",
        "a:",
        "a:80abc",
        "a:-1",
        "a:8 0",
        "[::1]:",
        ":80",
        "",
        "a b",
        "::1",
        "2001:db8::1",
        "[::1",
        "[127.0.0.1]:80",
        "a..b",
        ".a",
        "a%20b",
        "127.1",
        "b\u{fc}cher.example",
        "\u{ff41}:80",
        "*.example.com",
    ] {
        place.write("keyward.toml", &all_at(bad));
        for command in [&["config", "check"][..], &["serve"]] {
            let told = place.run(command).expect(5).stderr;
            for setting in [
                "database.url",
                "limits.url",
                "gateway.public_url",
                "gateway.upstreams[0].url",
                "console.public_url",
                "console.oidc.issuer",
            ] {
                assert!(
                    told.contains(&format!(": {setting}: ")),
                    "{bad}: {setting}: {told}"
                );
            }
        }
    }
    for good in [
        "a:1",
        "a.example.com.:65535",
        "10.0.0.1:8080",
        "[2001:db8::1]:8080",
        "xn--bcher-kva.example",
    ] {
        place.write("keyward.toml", &all_at(good));
        place.run(&["config", "check"]).expect(0);
    }
    // What has no meaning where it stands is not passed over.
    for (setting, text) in [
        ("gateway.upstreams[0].url", "http://me@a"),
        ("gateway.upstreams[0].url", "http://a/b"),
        ("gateway.upstreams[0].url", "http://a?b"),
        ("gateway.upstreams[0].url", "http://a#b"),
        ("gateway.public_url", "https://a#b"),
        ("console.public_url", "https://a#b"),
        ("console.oidc.issuer", "https://a?b"),
        ("limits.url", "redis://a/1?b=c"),
        ("database.url", "postgres://a@b/c?d=e"),
        ("database.url", "postgres://a@b/c#d"),
    ] {
        let scheme = text.split_once("://").unwrap().0;
        let section = setting.rsplit_once('.').unwrap().0;
        let at = all_at("a");
        let begin = match section {
            "gateway.upstreams[0]" => at.find("[[gateway.upstreams]]").unwrap(),
            section => at.find(&format!("[{section}]")).unwrap(),
        };
        let old = begin + at[begin..].find(&format!("{scheme}://")).unwrap();
        let end = old + at[old..].find('"').unwrap();
        let told = faults(&[&at[..old], text, &at[end..]].concat());
        assert!(
            told.contains(&format!(": {setting}: ")),
            "{setting}: {text}: {told}"
        );
    }
    for bad in [
        "127.0.0.1:99999",
        "127.0.0.1:",
        "127.0.0.1",
        ":8080",
        "::1:8080",
        "localhost:8080",
        "127.0.0.1:80/x",
    ] {
        let told = faults(&format!(
            "[gateway]\nlisten = \"{bad}\"\n[console]\nlisten = \"{bad}\"\n[ops]\nlisten = \"{bad}\"\n\
             [authz]\nproxies = [\"127.0.0.1\"]\nlisten = \"{bad}\"\n"
        ));
        for plane in ["gateway", "console", "ops", "authz"] {
            assert!(told.contains(&format!(": {plane}.listen: ")), "{bad}: {told}");
        }
    }
}

#[test]
fn a_route_to_an_upstream_where_there_is_none_says_so() {
    let told = faults("[[gateway.routes]]\npath = \"/a\"\nupstream = \"nope\"");
    assert!(
        told.contains("there is no upstream `nope`, nor any other: add [[gateway.upstreams]]"),
        "{told}"
    );
    assert!(!told.contains("there are:"), "{told}");
}
