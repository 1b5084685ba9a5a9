//! What `config print` and `init` write: it reads back, and says what the defaults are.

use keyward_testkit::{FREE_PORTS, Installation};

#[test]
fn what_is_printed_reads_back_the_same() {
    let place = Installation::empty();
    let rich = format!(
        "[[use_cases]]\nname = \"read\"\nroutes = [{{ methods = [\"GET\"], path = \"/api/{{site}}/**\" }}]\n{FREE_PORTS}\
         [gateway.cors]\norigins = [\"https://app.example.com\"]\n[gateway.swagger]\nupstream_path = \"/openapi.json\"\n\
         [gateway.tls]\ncertificate = \"c.pem\"\nkey = \"k.pem\"\n\
         [authz]\nproxies = [\"10.0.0.0/8\"]\n\
         [[gateway.routes]]\npath = \"/wh/*/{{site}}\"\n[[gateway.routes]]\npath = \"/b\"\nsite = {{ host = \"{{site}}.example.com\" }}\n"
    );
    place.write("keyward.toml", &rich);
    let first = place.run(&["config", "print"]).expect(0).stdout;
    let json = place.run(&["--json", "config", "print"]).expect(0).json();
    place.write("keyward.toml", &first);
    assert_eq!(place.run(&["config", "print"]).expect(0).stdout, first);
    assert_eq!(place.run(&["--json", "config", "print"]).expect(0).json(), json);
    assert_eq!(json["gateway"]["routes"][1]["site"]["host"], "{site}.example.com");
    assert_eq!(json["authz"]["listen"], "127.0.0.1:8082");
    assert_eq!(json["authz"]["proxies"][0], "10.0.0.0/8");
}

#[test]
fn the_file_of_init_says_what_the_defaults_are() {
    let place = Installation::empty();
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
    let place = Installation::empty();
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
    let place = Installation::empty();
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
