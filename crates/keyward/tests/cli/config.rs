//! The configuration: every fault names its key, and what is printed reads back.

use crate::support::{FREE_PORTS, Place, ran};

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
    let place = Place::empty();
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
            let told = place.run(command).expect(5).err;
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

/// Writes a configuration and gives what `config check` says against it.
fn faults(text: &str) -> String {
    let place = Place::empty();
    place.write("keyward.toml", text);
    place.run(&["config", "check"]).expect(5).err
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
fn one_run_tells_all_faults() {
    let told =
        faults("[keys]\nprefix = \"\"\n[gateway]\nlisten = \"x\"\non_stale = \"y\"\n[log]\nlevel = \"z\"");
    for key in [
        "keys.prefix",
        "gateway.listen",
        "gateway.on_stale",
        "log.level",
        "gateway.upstreams",
    ] {
        assert!(told.contains(key), "{key}: {told}");
    }
}

#[test]
fn a_file_that_is_no_toml_or_not_there_is_named() {
    let told = faults("[gateway\nlisten");
    assert!(told.contains("keyward.toml") && told.contains("line 1"), "{told}");
    let told = Place::empty().run(&["config", "check"]).expect(5).err;
    assert!(
        told.contains("keyward.toml") && told.contains("keyward init"),
        "{told}"
    );
}

#[test]
fn the_environment_overrides_the_file_and_its_faults_name_the_variable() {
    let place = Place::empty();
    place.write("keyward.toml", FREE_PORTS);
    let with = |name: &str, value: &str| {
        let mut command = place.command(&["config", "print"]);
        command.env(name, value);
        ran(command)
    };
    assert!(
        with("KEYWARD__GATEWAY__REALM", "mine")
            .expect(0)
            .out
            .contains("realm = \"mine\"")
    );
    for (name, value) in [
        ("KEYWARD__GATEWAY__LISTEN", "nowhere"),
        ("KEYWARD__GATEWAY__WORKERS", "many"),
        ("KEYWARD__GATEWAY__TIMEOUTS__IDLE", "long"),
        ("KEYWARD__LOG__NOTHING", "1"),
    ] {
        let told = with(name, value).expect(5).err;
        assert!(told.contains(name), "{name}: {told}");
    }
    // A hint about quotes stands only where quotes are the way out.
    let digits = with("KEYWARD__GATEWAY__REALM", "12").expect(5).err;
    assert!(digits.contains("quote"), "{digits}");
    let word = with("KEYWARD__GATEWAY__WORKERS", "many").expect(5).err;
    assert!(!word.contains("quote"), "{word}");
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let place = Place::empty();
    let rich = format!(
        "[[use_cases]]\nname = \"read\"\nroutes = [{{ methods = [\"GET\"], path = \"/api/{{site}}/**\" }}]\n{FREE_PORTS}\
         [gateway.cors]\norigins = [\"https://app.example.com\"]\n[gateway.swagger]\nupstream_path = \"/openapi.json\"\n\
         [gateway.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n\
         [authz]\nproxies = [\"10.0.0.0/8\"]\n\
         [[gateway.routes]]\npath = \"/wh/*/{{site}}\"\n[[gateway.routes]]\npath = \"/b\"\nsite = {{ host = \"{{site}}.example.com\" }}\n"
    );
    place.write("keyward.toml", &rich);
    let first = place.run(&["config", "print"]).expect(0).out;
    let json = place.run(&["--json", "config", "print"]).expect(0).json();
    place.write("keyward.toml", &first);
    assert_eq!(place.run(&["config", "print"]).expect(0).out, first);
    assert_eq!(place.run(&["--json", "config", "print"]).expect(0).json(), json);
    assert_eq!(json["gateway"]["routes"][1]["site"]["host"], "{site}.example.com");
    assert_eq!(json["authz"]["listen"], "127.0.0.1:8082");
    assert_eq!(json["authz"]["proxies"][0], "10.0.0.0/8");
}

#[test]
fn the_file_of_init_says_what_the_defaults_are() {
    let place = Place::empty();
    place.run(&["init", "--no-token"]).expect(0);
    let mut written = place.run(&["--json", "config", "print"]).expect(0).json();
    place.write("keyward.toml", "");
    let defaults = place.run(&["--json", "config", "print"]).expect(0).json();
    written["gateway"]["upstreams"] = serde_json::json!([]);
    assert_eq!(written, defaults);
    // What holds where the file says nothing is told too.
    assert_eq!(defaults["use_cases"][0]["name"], "rest-api");
    assert_eq!(defaults["gateway"]["routes"][0]["path"], "/api/{site}/**");
}

#[test]
fn a_setting_behind_a_sign_shows_its_default_where_it_has_one() {
    let place = Place::empty();
    place.run(&["init", "--no-token"]).expect(0);
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    place.write("keyward.toml", "");
    let defaults = place.run(&["--json", "config", "print"]).expect(0).json();
    let mut section = String::new();
    let mut compared = Vec::new();
    for line in text.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some((name, _)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
            section = name.replace('.', "/");
            continue;
        }
        let Some((name, value)) = line.split_once(" = ").filter(|(name, _)| !name.contains(' ')) else {
            continue;
        };
        let value = value.split(" #").next().unwrap().trim();
        let is_none = |default: &&serde_json::Value| default.is_null();
        let default = defaults.pointer(&format!("/{section}/{name}"));
        // Lists of tables, and sections that are not there unless they are written, have examples.
        let Some(default) = default.filter(|default| !is_none(default)) else {
            continue;
        };
        assert_eq!(value, default.to_string().replace(',', ", "), "{section}/{name}");
        compared.push(format!("{section}/{name}"));
    }
    for name in [
        "replica/snapshot_every",
        "gateway/max_staleness",
        "gateway/timeouts/upstream_response",
        "gateway/limits/headers",
    ] {
        assert!(compared.iter().any(|one| one == name), "{name}: {compared:?}");
    }
}

#[test]
fn every_commented_setting_of_init_is_one() {
    let place = Place::empty();
    place.run(&["init", "--no-token"]).expect(0);
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    // A commented setting is `# name = …` or `# [section]`; a sentence is neither.
    let setting = |line: &str| {
        line.starts_with('[')
            || line
                .split_once(" = ")
                .is_some_and(|(name, _)| !name.contains(' '))
    };
    let uncommented: Vec<&str> = text
        .lines()
        .map(|line| {
            line.strip_prefix("# ")
                .filter(|rest| setting(rest))
                .unwrap_or(line)
        })
        .filter(|line| !line.starts_with("site = "))
        .collect();
    place.write("keyward.toml", &uncommented.join("\n"));
    place.run(&["config", "check"]).expect(0);
}

#[test]
fn no_fault_hides_another() {
    let table: [(&str, &[&str]); 8] = [
        // Five, the first of which is of a wrong kind.
        (
            "[gateway]\nlisten = 8080\nrealm = \"\"\nmax_staleness = \"1s\"\n[console]\nlisten = \"x\"\n[log]\nlevel = \"loud\"",
            &[
                "gateway.listen",
                "gateway.realm",
                "gateway.max_staleness",
                "console.listen",
                "log.level",
            ],
        ),
        // All of wrong kinds.
        (
            "[gateway]\nlisten = 1\nworkers = \"x\"\nforward_key = 1\ntrusted_proxies = \"10.0.0.1\"\ntls = true",
            &[
                "gateway.listen",
                "gateway.workers",
                "gateway.forward_key",
                "gateway.trusted_proxies",
                "gateway.tls",
            ],
        ),
        // Unknown settings, and what is missing.
        (
            "colour = 1\n[gateway]\nlisten_on = \"x\"\n[console]\noidc = { issuer = \"http://a.example\" }\n[logs]\nlevel = 1",
            &[
                "colour",
                "gateway.listen_on",
                "console.oidc.issuer",
                "console.oidc.client_id",
                "console.oidc.name",
                "logs",
            ],
        ),
        // Within lists.
        (
            "[gateway]\npublic_paths = [1, \"a\", 2]\n[[gateway.upstreams]]\nname = 1\nurl = \"ftp://x\"\n\
             [[gateway.upstreams]]\nname = \"b\"\n[[gateway.routes]]\npath = 3\nupstream = \"b\"",
            &[
                "gateway.public_paths[0]",
                "gateway.public_paths[1]",
                "gateway.public_paths[2]",
                "gateway.upstreams[0].name",
                "gateway.upstreams[0].url",
                "gateway.upstreams[1].url",
                "gateway.routes[0].path",
            ],
        ),
        // What only follows from a fault is not told beside it.
        (
            "[[gateway.upstreams]]\nname = 1\nurl = \"http://a\"",
            &["gateway.upstreams[0].name"],
        ),
        ("gateway = 3", &["gateway"]),
        (
            "[database]\nurl = 5\npassword_file = \"x\"\n[limits]\nurl = true\ncluster = true",
            &["database.url", "limits.url"],
        ),
        (
            "[ops]\nlisten = \"[::]:80\"\n[console]\nlisten = [1]\n[authz]\nproxies = 1",
            &["console.listen", "authz.proxies"],
        ),
    ];
    let upstream = "\n[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://127.0.0.1:3000\"\n";
    for (text, wanted) in table {
        let place = Place::empty();
        let more = if text.contains("upstreams") || text.starts_with("gateway") {
            ""
        } else {
            upstream
        };
        place.write("keyward.toml", &format!("{text}{more}"));
        let told: serde_json::Value =
            serde_json::from_str(&place.run(&["--json", "config", "check"]).expect(5).err).unwrap();
        let faults = told["error"]["faults"].as_array().unwrap();
        let mut keys: Vec<&str> = faults
            .iter()
            .map(|fault| fault["key"].as_str().unwrap())
            .collect();
        keys.sort_unstable();
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        assert_eq!(keys, wanted, "{text}\n{told:#}");
    }
}

#[test]
fn every_line_that_is_no_toml_is_told() {
    let told = faults("[gateway]\nlisten = \n[console]\nlisten = 'a' 'b'\n[ops]\nlisten = \"127.0.0.1:0\"\n");
    assert!(
        told.contains("no TOML at line 2") && told.contains("no TOML at line 4"),
        "{told}"
    );
}

#[test]
fn a_variable_of_a_wrong_kind_hides_nothing_and_is_named() {
    let place = Place::empty();
    place.write(
        "keyward.toml",
        &format!("{FREE_PORTS}\n[log]\nlevel = \"loud\"\n"),
    );
    let mut command = place.command(&["config", "check"]);
    command.env("KEYWARD__GATEWAY__WORKERS", "many");
    command.env("KEYWARD__KEYS__PREFIX", "a_b");
    let told = ran(command).expect(5).err;
    for words in [
        "variable KEYWARD__GATEWAY__WORKERS: gateway.workers",
        "variable KEYWARD__KEYS__PREFIX",
        "log.level",
    ] {
        assert!(told.contains(words), "{words}: {told}");
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
