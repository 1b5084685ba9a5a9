//! S15: a reload takes all of a configuration or none of it, and says so.

use crate::started;
use keyward_testkit::{
    EchoUpstream, KeySpec, Keyward, OWNER, RawClient, Signal, exchange, get, request, verdict,
};
use toml::{Table, Value};

fn read(keyward: &Keyward) -> Table {
    std::fs::read_to_string(keyward.config_path())
        .unwrap()
        .parse()
        .unwrap()
}

fn write(keyward: &Keyward, text: &str) {
    std::fs::write(keyward.config_path(), text).unwrap();
}

/// Sends SIGHUP and waits until a new line of the log has all these words: a fault has one line, and there may be several.
async fn reload(keyward: &Keyward, words: &[&str]) {
    let old = keyward.log().len();
    keyward.signal(Signal::Hup);
    let told = |log: &str| {
        let new = log.get(old..).unwrap_or_default();
        new.lines()
            .any(|line| words.iter().all(|word| line.contains(word)))
    };
    keyward.until_log(&format!("{words:?}"), told).await;
}

/// A reload that takes the file.
async fn taken(keyward: &Keyward) {
    reload(keyward, &["INFO", "configuration reloaded"]).await;
}

/// A reload that takes nothing of the file, because of what is named so.
async fn refused(keyward: &Keyward, named: &str) {
    reload(keyward, &["ERROR", "configuration not reloaded", named]).await;
}

#[tokio::test]
async fn s15_a_file_that_cannot_be_taken_changes_nothing() {
    let (upstream, keyward) = started().await;
    let key = keyward.key(KeySpec::new(OWNER, "k").sites(&["1"])).await;
    let good = std::fs::read_to_string(keyward.config_path()).unwrap();
    let with = |extra: &str| {
        let mut table = read(&keyward);
        let extra: Table = extra.parse().unwrap();
        for (name, value) in extra {
            let section = table.entry(name).or_insert_with(|| Value::Table(Table::new()));
            match (section, value) {
                (Value::Table(under), Value::Table(over)) => under.extend(over),
                (section, value) => *section = value,
            }
        }
        table.to_string()
    };
    let bad = [
        (String::new(), "gateway.upstreams"),
        ("[gateway\n".to_owned(), ""),
        (good.replace("[gateway]", "[gatewey]"), "gatewey"),
        ("\u{feff}\0".to_owned(), ""),
        (
            with("[gateway]\npublic_paths = [\"/\"]"),
            "gateway.public_paths[0]",
        ),
        (
            with("[gateway]\npublic_paths = [\"/api/../x\"]"),
            "gateway.public_paths[0]",
        ),
        (
            with("[gateway]\ntrusted_proxies = [\"0.0.0.0/33\"]"),
            "gateway.trusted_proxies[0]",
        ),
        (with("[gateway]\nforward_key = \"yes\""), "gateway.forward_key"),
        (with("[gateway]\nupstreams = []"), "gateway.upstreams"),
        (
            with("[gateway]\nroutes = [{ path = \"/**\", upstream = \"gone\" }]"),
            "gone",
        ),
        (
            with("[gateway]\nroutes = [{ path = \"/a/**/b\" }]"),
            "gateway.routes[0].path",
        ),
        // Right, but not for a reload; and with it, nothing else of the file.
        (
            with("[database]\nurl = \"sqlite:other.db\"\n[gateway]\npublic_paths = [\"/api/1\"]"),
            "database.url",
        ),
        (
            with("[keys]\nprefix = \"zz\"\n[gateway]\npublic_paths = [\"/api/1\"]"),
            "keys.prefix",
        ),
        (
            with("[gateway]\nlisten = \"127.0.0.1:1\"\npublic_paths = [\"/api/1\"]"),
            "gateway.listen",
        ),
    ];
    for (text, named) in bad {
        write(&keyward, &text);
        refused(&keyward, named).await;
        assert_eq!(keyward.verdict(&key.secret).await, "200", "{named}");
        let unkeyed = exchange(keyward.gateway(), request("GET", "/api/1/x", &[], "")).await;
        assert_eq!(verdict(&unkeyed), "401 key_missing", "{named}");
        let elsewhere = exchange(keyward.gateway(), get("/api/2/x", &key.secret)).await;
        assert_eq!(verdict(&elsewhere), "403 site_forbidden", "{named}");
    }
    std::fs::remove_file(keyward.config_path()).unwrap();
    refused(&keyward, "there is no such file").await;
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    // The next good one is taken, whatever came before.
    write(&keyward, &good);
    taken(&keyward).await;
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    assert!(upstream.count() > 0);
}

#[tokio::test]
async fn s15_a_changed_trust_list_holds_from_the_next_request_on_open_connections_too() {
    let (_upstream, keyward) = started().await;
    let key = keyward
        .key(KeySpec::new(OWNER, "k").addresses(&["203.0.113.0/24"]))
        .await;
    let mut client = RawClient::connect(keyward.gateway()).await;
    let mut asked = async |forwarded: &str| {
        let headers = [("X-API-KEY", key.secret.as_str()), ("X-Forwarded-For", forwarded)];
        client.send(request("GET", "/api/1/x", &headers, "")).await;
        verdict(&client.read_response().await)
    };
    for (trusted, inside, chained) in [
        (&[][..], "403 ip_forbidden", "403 ip_forbidden"),
        (&["127.0.0.1"][..], "200", "403 ip_forbidden"),
        (&["127.0.0.0/8", "10.0.0.0/8"][..], "200", "200"),
        (&["10.0.0.0/8"][..], "403 ip_forbidden", "403 ip_forbidden"),
        (&[][..], "403 ip_forbidden", "403 ip_forbidden"),
    ] {
        let mut table = read(&keyward);
        let list = trusted
            .iter()
            .map(|net| Value::String((*net).to_owned()))
            .collect();
        table["gateway"]
            .as_table_mut()
            .unwrap()
            .insert("trusted_proxies".to_owned(), Value::Array(list));
        write(&keyward, &table.to_string());
        taken(&keyward).await;
        assert_eq!(asked("203.0.113.9").await, inside, "{trusted:?}");
        assert_eq!(asked("203.0.113.9, 10.1.2.3").await, chained, "{trusted:?}");
    }
}

#[tokio::test]
async fn s15_a_removed_upstream_gets_no_request_any_more() {
    let (first, second) = (EchoUpstream::start().await, EchoUpstream::start().await);
    let extra = format!(
        "[gateway]\nupstreams = [{{ name = \"default\", url = \"http://{}\" }}, {{ name = \"second\", url = \"http://{}\" }}]\n\
         routes = [{{ path = \"/api/{{site}}/**\" }}, {{ path = \"/other/{{site}}/**\", upstream = \"second\" }}]",
        first.address(),
        second.address()
    );
    let keyward = Keyward::before(&first)
        .no_access_log()
        .config_toml(&extra)
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let key = keyward.key(KeySpec::new(OWNER, "k")).await;
    let mut client = RawClient::connect(keyward.gateway()).await;
    let mut asked = async |target: &str| {
        client.send(get(target, &key.secret)).await;
        verdict(&client.read_response().await)
    };
    assert_eq!(asked("/other/1/x").await, "200");
    assert_eq!((first.count(), second.count()), (0, 1));
    let mut table = read(&keyward);
    let gateway = table["gateway"].as_table_mut().unwrap();
    gateway["upstreams"].as_array_mut().unwrap().pop();
    write(&keyward, &table.to_string());
    // Its route still names it.
    refused(&keyward, "second").await;
    assert_eq!(asked("/other/1/x").await, "200");
    assert_eq!((first.count(), second.count()), (0, 2));
    let mut table = read(&keyward);
    let gateway = table["gateway"].as_table_mut().unwrap();
    gateway["routes"].as_array_mut().unwrap().pop();
    write(&keyward, &table.to_string());
    taken(&keyward).await;
    assert_eq!(asked("/other/1/x").await, "404 no_route");
    assert_eq!(asked("/api/1/x").await, "200");
    assert_eq!((first.count(), second.count()), (1, 2));
}

#[tokio::test]
async fn keys_of_a_use_case_that_the_configuration_does_not_name_are_told_of() {
    const USE_CASES: &str = "[[use_cases]]\nname = 'rest-api'\n[[use_cases]]\nname = 'reports'\n";
    let upstream = EchoUpstream::start().await;
    let keyward = Keyward::before(&upstream)
        .no_access_log()
        .config_toml(USE_CASES)
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    let reports = || KeySpec::new(OWNER, "k").use_case("reports");
    let (first, _second) = (keyward.key(reports()).await, keyward.key(reports()).await);
    assert_eq!(keyward.verdict(&first.secret).await, "200");
    keyward.stop().await;
    assert!(!keyward.log().contains("keys of this use case"));
    let mut table = read(&keyward);
    let Some(Value::Array(use_cases)) = table.get_mut("use_cases") else {
        panic!("no use cases in {table}");
    };
    use_cases.retain(|use_case| use_case["name"].as_str() != Some("reports"));
    write(&keyward, &table.to_string());
    keyward.start().await;
    assert_eq!(keyward.verdict(&first.secret).await, "403 use_case_forbidden");
    keyward.stop().await;
    let log = keyward.log();
    let told: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("keys of this use case"))
        .collect();
    assert!(
        told.len() == 1 && told[0].contains("use_case=reports"),
        "{told:?} of {log}"
    );
}
