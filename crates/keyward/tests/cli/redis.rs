//! Limits in Redis, as commands see them: faults of the settings, what doctor finds, and that no password is told.

use keyward_testkit::{Certificate, FREE_PORTS, Installation, Redis, RunningProgram};

const SECRET: &str = "s3cret-of-redis";

#[test]
fn faults_of_the_settings_are_told_without_the_password() {
    for (section, words) in [
        ("url = \"localhost:6379\"", "redis://host:6379"),
        ("url = \"redis://a:s3cret@b:x\"", "redis://host:6379"),
        ("url = \"http://a:s3cret@b\"", "redis://host:6379"),
        (
            "url = \"redis://a:s3cret@b\"\npassword_file = \"x\"",
            "a password already",
        ),
        (
            "url = \"redis://b\"\npassword_file = \"nowhere\"",
            "cannot be read",
        ),
        ("url = \"redis://b\"\nca_file = \"keyward.toml\"", "rediss://"),
        ("url = \"redis://b/3\"\ncluster = true", "numbered"),
        (
            "url = \"redis://b\"\nmode = \"lease\"",
            "is none of: exact, leased",
        ),
        (
            "url = \"redis://b\"\non_limiter_failure = \"x\"",
            "is none of: local, refuse, allow",
        ),
        ("url = \"redis+sentinel://a:s3cret@b\"", "host2:26379/mymaster"),
        (
            "url = \"redis+sentinel://b/m\"\ncluster = true",
            "has no sentinels",
        ),
        (
            "url = \"redis://b\"\nsentinel_password_file = \"x\"",
            "names no sentinels",
        ),
        (
            "url = \"redis+sentinel://b/m\"\nsentinel_password_file = \"x\"",
            "cannot be read",
        ),
        (
            "sentinel_password_file = \"x\"",
            "says nothing without limits.url",
        ),
        ("mode = \"leased\"", "says nothing without limits.url"),
        ("password_file = \"x\"", "says nothing without limits.url"),
        ("url = \"redis://a:s3cret@b", "TOML"),
    ] {
        let place = Installation::empty();
        place.write("keyward.toml", &format!("[limits]\n{section}\n{FREE_PORTS}"));
        let told = place.run(&["config", "check"]).expect(5).stderr;
        assert!(told.contains(words), "{section}: {told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn no_command_tells_the_password_of_redis() {
    let redis = Redis::start_with(&[&format!("user keyward on >{SECRET} ~keyward:* +@all")]);
    let place = Installation::init();
    let upstream = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    let text = text.replace("127.0.0.1:3000", &upstream.local_addr().unwrap().to_string());
    let with = |limits: &str| place.write("keyward.toml", &format!("{text}\n[limits]\n{limits}\n"));

    let url = redis.url().replace("//", &format!("//keyward:{SECRET}@"));
    with(&format!("url = \"{url}\""));
    let mut told = vec![
        place.run(&["config", "print"]).expect(0).stdout,
        place.run(&["--json", "config", "print"]).expect(0).stdout,
        place.run(&["doctor"]).expect(0).stdout,
    ];
    assert!(
        told[2].contains("answers and lets the limiter's scripts run"),
        "{}",
        told[2]
    );
    let running = RunningProgram::start(&place, &["serve"]);
    assert_eq!(running.told["limiter"], "exact");
    told.extend([running.get("ops", "/readyz"), running.get("ops", "/metrics")]);
    redis.stop();
    told.push(place.run(&["doctor"]).expect(6).stdout);
    drop(running);
    told.push(std::fs::read_to_string(place.path("log")).unwrap());
    redis.resume();

    place.write("password", &format!("{SECRET}\n"));
    let url = redis.url().replace("//", "//keyward@");
    with(&format!("url = \"{url}\"\npassword_file = \"password\""));
    told.push(place.run(&["doctor"]).expect(0).stdout);
    let sentinel = Redis::start_sentinel(&redis, None);
    let url = format!(
        "redis+sentinel://keyward:{SECRET}@127.0.0.1:1,{}/mymaster",
        sentinel.address()
    );
    with(&format!("url = \"{url}\""));
    let printed = place.run(&["config", "print"]).expect(0).stdout;
    assert!(
        printed.contains("redis+sentinel://keyward:***@127.0.0.1:1,"),
        "{printed}"
    );
    let found = place.run(&["doctor"]).expect(0).stdout;
    assert!(
        found.contains("mymaster of 127.0.0.1:1,") && found.contains("scripts run"),
        "{found}"
    );
    told.extend([printed, found]);

    let url = redis.url().replace("//", "//keyward@");
    with(&format!("url = \"{url}\"\npassword_file = \"password\""));
    place.write("password", "wr0ng");
    let wrong = place.run(&["doctor"]).expect(6).stdout;
    assert!(
        wrong.contains("authentication failed") && !wrong.contains("wr0ng"),
        "{wrong}"
    );
    for text in &told {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[test]
fn doctor_finds_what_would_lose_counters_or_take_none() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    let redis = Redis::start_tls(&[], &certificate);
    let place = Installation::init();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    let found = |limits: &str| {
        place.write("keyward.toml", &format!("{text}\n[limits]\n{limits}\n"));
        place.run(&["doctor"]).stdout
    };
    let plain = format!("url = \"{}\"", redis.url());
    redis.command(&["CONFIG", "SET", "maxmemory", "100mb"]);
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert!(found(&plain).contains("drops counters (allkeys-lru)"));
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    assert!(found(&plain).contains("takes no more counts (noeviction)"));
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = found(&plain);
    assert!(
        full.contains("its memory is full") && full.contains("raise its maxmemory"),
        "{full}"
    );
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    redis.command(&["ACL", "SETUSER", "poor", "on", "nopass", "~keyward:*", "+ping"]);
    let poor = plain.replace("//", "//poor:x@");
    assert!(found(&poor).contains("the account needs: ~keyward:*"));
    redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    assert!(found(&plain).contains("it is a replica"));
    redis.command(&["REPLICAOF", "NO", "ONE"]);

    let ca = certificate.certificate_path().display();
    let port = redis.tls_address().port();
    let tls = found(&format!(
        "url = \"rediss://localhost:{port}\"\nca_file = \"{ca}\""
    ));
    assert!(tls.contains("scripts run"), "{tls}");
    let stranger = found(&format!("url = \"rediss://localhost:{port}\""));
    assert!(stranger.to_lowercase().contains("certificate"), "{stranger}");
}
