//! The configuration: every fault names its key, in words of the file.

use keyward_testkit::{CliOutput, FREE_PORTS, Installation};

mod all_faults;
mod printed;
mod servers;

/// Writes a configuration and gives what `config check` says against it.
fn faults(text: &str) -> String {
    let place = Installation::empty();
    place.write("keyward.toml", text);
    place.run(&["config", "check"]).expect(5).stderr
}

#[test]
fn every_fault_names_the_file_and_its_key() {
    let table = [
        ("[database]\nurl = \"postgres://x\"", "database.url"),
        ("[keys]\nprefix = \"a_b\"", "keys.prefix"),
        (
            "[keys]\nretired_prefixes = [\"ok\", \"\"]",
            "keys.retired_prefixes[1]",
        ),
        ("[[use_cases]]\nname = \"Bad Name\"", "use_cases[0].name"),
        ("[[use_cases]]\nname = \"management\"", "use_cases"),
        (
            "[[use_cases]]\nname = \"a\"\nroutes = [{ path = \"x\" }]",
            "use_cases[0].routes[0].path",
        ),
        (
            "[[use_cases]]\nname = \"a\"\nroutes = [{ path = \"/\", methods = [\"get\"] }]",
            "use_cases[0].routes[0].methods[0]",
        ),
        ("[gateway]\nlisten = \"8080\"", "gateway.listen"),
        (
            "[gateway]\npublic_url = \"https://api.example.com/x\"",
            "gateway.public_url",
        ),
        ("[gateway]\nworkers = 100000", "gateway.workers"),
        ("[gateway]\nworkers = \"many\"", "gateway.workers"),
        ("[gateway]\nrealm = \"a\\\"b\"", "gateway.realm"),
        (
            "[gateway]\ntrusted_proxies = [\"10.0.0.0/8\", \"10.0.0.0/99\"]",
            "gateway.trusted_proxies[1]",
        ),
        (
            "[gateway]\npublic_paths = [\"swagger\"]",
            "gateway.public_paths[0]",
        ),
        ("[gateway]\npublic_paths = [\"/\"]", "gateway.public_paths[0]"),
        (
            "[gateway]\npublic_paths = [\"/a/../b\"]",
            "gateway.public_paths[0]",
        ),
        ("[gateway]\nforward_key = \"yes\"", "gateway.forward_key"),
        ("[gateway]\nmax_connections = 0", "gateway.max_connections"),
        ("[gateway]\non_stale = \"panic\"", "gateway.on_stale"),
        ("[gateway]\nmax_staleness = \"30\"", "gateway.max_staleness"),
        ("[gateway]\nmax_staleness = \"2999ms\"", "gateway.max_staleness"),
        ("[gateway.timeouts]\nidle = \"-5s\"", "gateway.timeouts.idle"),
        ("[gateway.timeouts]\ndrain = \"0s\"", "gateway.timeouts.drain"),
        ("[gateway.limits]\nhead_bytes = 1", "gateway.limits.head_bytes"),
        ("[gateway.limits]\nheaders = 7", "gateway.limits.headers"),
        ("[gateway.limits]\nheaders = 257", "gateway.limits.headers"),
        ("[gateway.tls]\ncertificate = \"c.pem\"", "gateway.tls.key"),
        ("[gateway.cors]", "gateway.cors.origins"),
        (
            "[gateway.cors]\norigins = [\"app.example.com\"]",
            "gateway.cors.origins[0]",
        ),
        (
            "[gateway.cors]\norigins = [\"*\"]\nheaders = [\"a b\"]",
            "gateway.cors.headers[0]",
        ),
        ("[gateway.swagger]", "gateway.swagger"),
        (
            "[gateway.swagger]\nfile = \"a\"\nupstream_path = \"/b\"",
            "gateway.swagger",
        ),
        (
            "[[gateway.upstreams]]\nname = \"default\"\nurl = \"https://a\"",
            "gateway.upstreams[0].url",
        ),
        (
            "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://a/path\"",
            "gateway.upstreams[0].url",
        ),
        (
            "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://a\"\nprotocol = \"h3\"",
            "gateway.upstreams[0].protocol",
        ),
        ("[gateway]\nupstreams = []", "gateway.upstreams"),
        (
            "[[gateway.routes]]\npath = \"/a\"\n[[gateway.routes]]\npath = \"/**/b\"",
            "gateway.routes[1].path",
        ),
        (
            "[[gateway.routes]]\npath = \"/a\"\nupstream = \"none\"",
            "gateway.routes[0].upstream",
        ),
        (
            "[[gateway.routes]]\npath = \"/{site}\"\nsite = { header = \"X-Site\" }",
            "gateway.routes[0].site",
        ),
        (
            "[[gateway.routes]]\npath = \"/a\"\nsite = { header = \"X Site\" }",
            "gateway.routes[0].site.header",
        ),
        (
            "[[gateway.routes]]\npath = \"/a\"\nsite = { header = \"X-API-KEY\" }",
            "gateway.routes[0].site.header",
        ),
        (
            "[[gateway.routes]]\npath = \"/a\"\nsite = { header = \"X-Forwarded-Host\" }",
            "gateway.routes[0].site.header",
        ),
        (
            "[gateway.cors]\norigins = [\"https://a.example\", \"https://*.example.com\"]",
            "gateway.cors.origins[1]",
        ),
        ("[authz]\nproxies = [\"::ffff:127.0.0.1\"]", "authz.proxies[0]"),
        (
            "[gateway]\ntrusted_proxies = [\"::ffff:10.0.0.0/104\"]",
            "gateway.trusted_proxies[0]",
        ),
        (
            "[console]\ntrusted_proxies = [\"::ffff:127.0.0.1\"]",
            "console.trusted_proxies[0]",
        ),
        (
            "[[gateway.routes]]\npath = \"/a\"\nsite = { host = \"example.com\" }",
            "gateway.routes[0].site.host",
        ),
        (
            "[[gateway.routes]]\npath = \"/a\"\nsite = { host_label = 0 }",
            "gateway.routes[0].site.host_label",
        ),
        (
            "[[gateway.routes]]\npath = \"/a\"\nsites = 1",
            "gateway.routes[0].sites",
        ),
        ("[console]\nlisten = \"localhost\"", "console.listen"),
        (
            "[console]\npublic_url = \"http://keys.example.com\"",
            "console.public_url",
        ),
        (
            "[console.oidc]\nissuer = \"http://sso.example.com\"\nclient_id = \"k\"\nname = \"S\"",
            "console.oidc.issuer",
        ),
        (
            "[console.oidc]\nissuer = \"https://a\"\nclient_id = \"\"\nname = \"S\"",
            "console.oidc.client_id",
        ),
        (
            "[console.oidc]\nissuer = \"https://a\"\nclient_id = \"k\"\nname = \" \"",
            "console.oidc.name",
        ),
        (
            "[console.oidc]\nissuer = \"https://a\"\nclient_id = \"k\"",
            "console.oidc.name",
        ),
        (
            "[console.oidc]\nissuer = \"https://a\"\nclient_id = \"k\"\nname = \"S\"\nscopes = [\"a\", \"b c\"]",
            "console.oidc.scopes[1]",
        ),
        (
            "[console.oidc]\nissuer = \"https://a\"\nclient_id = \"k\"\nname = \"S\"\nclient_secret = \"x\"",
            "console.oidc.client_secret",
        ),
        (
            "[console.oidc]\nissuer = \"https://a\"\nclient_id = \"k\"\nname = \"S\"\nclient_secret_file = \"\"",
            "console.oidc.client_secret_file",
        ),
        (
            "[console]\nlisten = \"0.0.0.0:8081\"\n[console.oidc]\nissuer = \"https://a\"\nclient_id = \"k\"\nname = \"S\"",
            "console.public_url",
        ),
        (
            "[console]\nlisten = \"192.0.2.1:8081\"\n[console.oidc]\nissuer = \"https://a\"\nclient_id = \"k\"\nname = \"S\"",
            "console.oidc",
        ),
        ("[ops]\nlisten = \"127.0.0.1:8081\"", "ops.listen"),
        ("[log]\nlevel = \"loud\"", "log.level"),
        ("[log]\nformat = \"xml\"", "log.format"),
        ("[unknown]", "unknown"),
        ("[database]\nurl = \"sqlite://keyward.db\"", "database.url"),
        ("[database]\nurl = \"sqlite::memory:\"", "database.url"),
        (
            "[gateway]\ntrusted_proxies = [\"10.0.0.1/8\"]",
            "gateway.trusted_proxies[0]",
        ),
        (
            "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://a:0\"",
            "gateway.upstreams[0].url",
        ),
    ];
    for (text, key) in table {
        let told = faults(text);
        assert!(
            told.contains(&format!("keyward.toml: {key}: ")),
            "{key} in:\n{told}\nof:\n{text}"
        );
    }
}

#[test]
fn a_fault_is_told_in_words_of_the_file_and_not_of_the_program() {
    let told = faults("[gateway]\nworkers = -1");
    assert!(told.contains("must be a whole number, is `-1`"), "{told}");
    let told = faults("[gateway]\nlisten = 8080");
    assert!(told.contains("must be a text in quotes, is `8080`"), "{told}");
    let told = faults("[gateway]\nforward_key = \"yes\"");
    assert!(told.contains("must be true or false, is \"yes\""), "{told}");
    let told = faults("[gateway]\nrealm = [\"a\"]");
    assert!(told.contains("must be a text in quotes, is a list"), "{told}");
    let told = faults("[gateway]\npublic_paths = \"/a\"");
    assert!(told.contains("must be a list in [ ], is \"/a\""), "{told}");
    let told = faults("[gateway.swagger]");
    assert!(
        told.contains("give `file` or `upstream_path`") && !told.contains("not both"),
        "{told}"
    );
    let told = faults("[database]\nurl = \"sqlite://keyward.db\"");
    assert!(told.contains("sqlite:keyward.db"), "{told}");
    let told = faults("[gateway]\ntrusted_proxies = [\"10.0.0.1/8\"]");
    assert!(told.contains("10.0.0.0/8"), "{told}");
    for (dressed, plain) in [
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::ffff:7f00:1/128", "127.0.0.1"),
        ("::ffff:10.1.0.0/112", "10.1.0.0/16"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
    ] {
        let told = faults(&format!("[gateway]\ntrusted_proxies = [\"{dressed}\"]"));
        assert!(told.contains(&format!("write `{plain}`")), "{dressed}: {told}");
    }
}

#[test]
fn m5_a_public_path_below_which_a_route_lies_is_refused() {
    const UPSTREAM: &str = "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://a\"\n";
    let with_site = "site = { header = \"X-Site\" }";
    for (public, path, more, is_refused) in [
        ("/api", "/api/{site}/**", "", true),
        ("/api/", "/api/{site}/**", "", true),
        ("/api/1/docs", "/api/{site}/**", "", false),
        ("/docs", "/{site}/**", "", false),
        ("/docs", "/**", with_site, false),
        ("/docs", "/docs/**", "", false),
        ("/docs", "/docs/**", with_site, true),
        ("/docs", "/docs/v1/**", "", true),
        ("/wh/a", "/wh/*/{site}", "", true),
    ] {
        let route = format!("[[gateway.routes]]\npath = \"{path}\"\n{more}\n");
        let told = faults(&format!(
            "[log]\nlevel = \"loud\"\n[gateway]\npublic_paths = [\"{public}\"]\n{UPSTREAM}{route}"
        ));
        let key = told.contains("gateway.public_paths[0]");
        assert_eq!(key, is_refused, "{public} {path} {more}: {told}");
    }
    // The route that is there without being given counts too.
    let told = faults(&format!("[gateway]\npublic_paths = [\"/api\"]\n{UPSTREAM}"));
    assert!(
        told.contains("gateway.public_paths[0]") && told.contains("the route `/api/{site}/**`"),
        "{told}"
    );
}

#[test]
fn a_provider_needs_https_unless_the_console_is_reached_from_this_machine_alone() {
    const WHY: &str = "console.oidc: needs https";
    let oidc = "[console.oidc]\nissuer = \"https://a\"\nclient_id = \"k\"\nname = \"S\"";
    for (console, is_refused) in [
        ("listen = \"127.0.0.1:8081\"", false),
        ("listen = \"[::1]:8081\"", false),
        ("listen = \"10.0.0.7:8081\"", true),
        ("listen = \"[2001:db8::1]:8081\"", true),
        (
            "listen = \"10.0.0.7:8081\"\npublic_url = \"https://keys.example.com\"",
            false,
        ),
        (
            "listen = \"0.0.0.0:8081\"\npublic_url = \"https://keys.example.com\"",
            false,
        ),
        (
            "listen = \"10.0.0.7:8081\"\ntls = { certificate = \"c.pem\", key = \"k.pem\" }",
            false,
        ),
    ] {
        // Something else is wrong in any case, so that there is something to be told.
        let told = faults(&format!("[log]\nlevel = \"loud\"\n[console]\n{console}\n{oidc}"));
        assert_eq!(told.contains(WHY), is_refused, "{console}: {told}");
    }
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_named() {
    let told = faults("[gateway\nlisten");
    assert!(told.contains("keyward.toml") && told.contains("line 1"), "{told}");
    let told = Installation::empty().run(&["config", "check"]).expect(5).stderr;
    assert!(
        told.contains("keyward.toml") && told.contains("keyward init"),
        "{told}"
    );
}

#[test]
fn the_environment_overrides_the_file_and_its_faults_name_the_variable() {
    let place = Installation::empty();
    place.write("keyward.toml", FREE_PORTS);
    let with = |name: &str, value: &str| {
        let mut command = place.command(&["config", "print"]);
        command.env(name, value);
        CliOutput::of(command)
    };
    assert!(
        with("KEYWARD__GATEWAY__REALM", "mine")
            .expect(0)
            .stdout
            .contains("realm = \"mine\"")
    );
    for (name, value) in [
        ("KEYWARD__GATEWAY__LISTEN", "nowhere"),
        ("KEYWARD__GATEWAY__WORKERS", "many"),
        ("KEYWARD__GATEWAY__TIMEOUTS__IDLE", "long"),
        ("KEYWARD__LOG__NOTHING", "1"),
    ] {
        let told = with(name, value).expect(5).stderr;
        assert!(told.contains(name), "{name}: {told}");
    }
    // A hint about quotes stands only where quotes are the way out.
    let digits = with("KEYWARD__GATEWAY__REALM", "12").expect(5).stderr;
    assert!(digits.contains("quote"), "{digits}");
    let word = with("KEYWARD__GATEWAY__WORKERS", "many").expect(5).stderr;
    assert!(!word.contains("quote"), "{word}");
}
