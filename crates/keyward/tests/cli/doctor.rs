//! What doctor finds.

use keyward_testkit::{Installation, RunningProgram, wait_for_text};
use rustix::fs::{FlockOperation, fcntl_lock};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// An installation whose upstream listens.
fn healthy() -> (Installation, TcpListener) {
    let place = Installation::init();
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    place.write(
        "keyward.toml",
        &text.replace("127.0.0.1:3000", &upstream.local_addr().unwrap().to_string()),
    );
    (place, upstream)
}

/// The problems of one check.
fn problems(place: &Installation, check: &str) -> Vec<Value> {
    let report = place.run(&["--json", "doctor"]).expect(6).json();
    assert_eq!(report["healthy"], false);
    let findings = report["findings"].as_array().unwrap();
    let found: Vec<Value> = findings
        .iter()
        .filter(|f| f["grade"] == "problem" && f["check"] == check)
        .cloned()
        .collect();
    assert!(!found.is_empty(), "{report:#}");
    assert!(found.iter().all(|finding| finding["way_out"].is_string()));
    found
}

#[test]
fn a_healthy_installation_has_no_problems() {
    let (place, _upstream) = healthy();
    let ran = place.run(&["doctor"]).expect(0);
    assert!(ran.stdout.contains("no problems"), "{ran:?}");
}

#[test]
fn a_taken_port_is_found_and_keyward_itself_is_none() {
    let (place, _upstream) = healthy();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    place.write("keyward.toml", &text.replacen("127.0.0.1:0", &address, 1));
    let found = problems(&place, "port");
    assert!(
        found[0]["where"]
            .as_str()
            .unwrap()
            .contains(&format!("gateway.listen {address}"))
    );
    place.write("keyward.toml", &text);
    let running = RunningProgram::start(&place, &["serve"]);
    let own = text.replace(
        "[ops]\nlisten = \"127.0.0.1:0\"",
        &format!("[ops]\nlisten = {}", running.told["ops"]),
    );
    place.write("keyward.toml", &own);
    assert!(place.run(&["doctor"]).expect(0).stdout.contains("is running"));
}

#[test]
fn a_locked_database_is_found() {
    let (place, _upstream) = healthy();
    let file = std::fs::File::options()
        .write(true)
        .open(place.path("keyward.db"))
        .unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    let found = problems(&place, "database");
    assert!(found[0]["what"].as_str().unwrap().contains("lock"), "{found:?}");
}

#[test]
fn s6_a_missing_damaged_or_foreign_database_is_found() {
    let (place, _upstream) = healthy();
    for content in [None, Some(&b""[..]), Some(b"this is no database, but a text that is long enough to be read as one......................................................")] {
        std::fs::remove_file(place.path("keyward.db")).unwrap_or_default();
        if let Some(content) = content {
            std::fs::write(place.path("keyward.db"), content).unwrap();
        }
        problems(&place, "database");
        place.run(&["serve"]).expect(1);
    }
}

#[test]
fn a_provider_that_cannot_be_asked_is_found_and_a_secret_that_is_not_there_is_named() {
    let (place, _upstream) = healthy();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    // A port that was free a moment ago: nobody answers there.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let provider = format!(
        "{text}\n[console.oidc]\nissuer = \"http://127.0.0.1:{port}\"\nclient_id = \"keyward\"\nname = \"SSO\"\n\
         client_secret_file = \"oidc-secret\"\n"
    );
    place.write("keyward.toml", &provider);
    let found = problems(&place, "provider");
    assert!(
        found[0]["what"].as_str().unwrap().contains("oidc-secret"),
        "{found:?}"
    );
    let told = place.run(&["serve"]).expect(1).stderr;
    assert!(told.contains("console.oidc.client_secret_file: "), "{told}");
    place.write("oidc-secret", "s3cret\n");
    let found = problems(&place, "provider");
    assert!(found[0]["what"].as_str().unwrap().contains("away"), "{found:?}");
    let ran = place.run(&["doctor"]).expect(6);
    assert!(
        ran.stdout.contains("chmod 600") && !ran.stdout.contains("s3cret"),
        "{ran:?}"
    );
    // It keeps nothing from starting.
    drop(RunningProgram::start(&place, &["serve"]));
}

#[test]
fn certificates_that_cannot_be_used_are_found() {
    let (place, _upstream) = healthy();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    place.write(
        "keyward.toml",
        &format!("{text}\n[console.tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n"),
    );
    let found = problems(&place, "certificate");
    assert!(
        found[0]["what"].as_str().unwrap().contains("cert.pem"),
        "{found:?}"
    );
    let pair = |until: i32| {
        let mut params = rcgen::CertificateParams::new(vec!["x.example".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let ((good, key), (expired, old_key)) = (pair(2090), pair(2021));
    place.write("cert.pem", &good);
    place.write("key.pem", &old_key);
    assert!(
        problems(&place, "certificate")[0]["what"]
            .as_str()
            .unwrap()
            .contains("fit")
    );
    place.write("cert.pem", &expired);
    assert!(
        problems(&place, "certificate")[0]["what"]
            .as_str()
            .unwrap()
            .contains("expired at 2021-01-01")
    );
    place.write("cert.pem", &good);
    place.write("key.pem", &key);
    place.run(&["doctor"]).expect(0);
}

#[test]
fn an_upstream_that_is_away_is_found() {
    let (place, upstream) = healthy();
    let address = upstream.local_addr().unwrap().to_string();
    drop(upstream);
    assert!(
        problems(&place, "upstream")[0]["where"]
            .as_str()
            .unwrap()
            .contains(&address)
    );
}

#[test]
fn an_upstream_whose_clock_shows_another_time_is_told() {
    let (place, upstream) = healthy();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = upstream.accept().unwrap();
        let mut request = [0; 1024];
        let read = stream.read(&mut request).unwrap();
        assert!(request[..read].starts_with(b"HEAD / HTTP/1.1\r\n"));
        let answer =
            b"HTTP/1.1 404 Not Found\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).unwrap();
    });
    let report = place.run(&["--json", "doctor"]).expect(0).json();
    answering.join().unwrap();
    let told = report["findings"].as_array().unwrap().iter().any(|finding| {
        finding["check"] == "clock"
            && finding["grade"] == "warning"
            && finding["what"].as_str().unwrap().contains("1994-11-06T08:49:37Z")
    });
    assert!(told, "{report:#}");
}

#[test]
fn a_wrong_configuration_is_found() {
    let (place, _upstream) = healthy();
    place.write("keyward.toml", "[gateway]\nlisten = \"x\"");
    let found = problems(&place, "configuration");
    assert!(
        found
            .iter()
            .any(|f| f["what"].as_str().unwrap().contains("gateway.listen"))
    );
}

#[test]
fn an_openapi_document_that_cannot_be_served_is_found_and_refused_at_the_start() {
    let (place, _upstream) = healthy();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    place.write(
        "keyward.toml",
        &format!("{text}\n[gateway.swagger]\nfile = \"api.json\"\n"),
    );
    let told = |place: &Installation| {
        let found = problems(place, "documentation");
        let serve = place.run(&["serve"]).expect(1).stderr;
        assert!(
            serve.contains("gateway.swagger.file") && serve.contains("api.json"),
            "{serve}"
        );
        found[0]["what"].as_str().unwrap().to_owned()
    };
    assert!(told(&place).contains("cannot be read"));
    place.write("api.json", "openapi: 3.0.0");
    assert!(told(&place).contains("JSON"));
    place.write("api.json", "[]");
    assert!(told(&place).contains("object"));
    place.write("api.json", "{\"openapi\":\"3.1.0\",\"info\":{},\"paths\":{}}");
    place.run(&["doctor"]).expect(0);
    drop(RunningProgram::start(&place, &["serve"]));
}

/// What doctor says of the configuration, when the file has these permissions.
fn told_of_file(place: &Installation, mode: u32) -> Vec<(String, String, String)> {
    let file = place.path("keyward.toml");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    let report: Value = serde_json::from_str(&place.run(&["--json", "doctor"]).stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let of_file = findings
        .iter()
        .filter(|finding| finding["check"] == "configuration");
    of_file
        .map(|finding| {
            let text = |name: &str| finding[name].as_str().unwrap_or_default().to_owned();
            (text("grade"), text("where"), text("way_out"))
        })
        .collect()
}

#[test]
fn a_configuration_that_others_may_change_or_that_shows_them_a_password_is_told() {
    let (place, _upstream) = healthy();
    for (mode, grade, way_out) in [
        (0o644, "good", ""),
        (0o664, "warning", "chmod g-w"),
        (0o646, "problem", "chmod go-w"),
        (0o666, "problem", "chmod go-w"),
    ] {
        let told = told_of_file(&place, mode);
        assert_eq!(told.len(), 1, "{mode:o} {told:?}");
        assert!(
            told[0].0 == grade && told[0].2.contains(way_out),
            "{mode:o} {told:?}"
        );
    }
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    // Nobody listens there: what is said of the file does not depend on it.
    place.write(
        "keyward.toml",
        &format!("{text}\n[limits]\nurl = \"redis://:s3cret@127.0.0.1:1\"\n"),
    );
    assert_eq!(told_of_file(&place, 0o600)[0].0, "good");
    for mode in [0o640, 0o604, 0o644] {
        let told = told_of_file(&place, mode);
        assert_eq!(told.len(), 1, "{mode:o} {told:?}");
        let (grade, place, way_out) = &told[0];
        assert_eq!(
            (grade.as_str(), place.as_str()),
            ("warning", "limits.url"),
            "{mode:o}"
        );
        assert!(
            way_out.contains("chmod 600") && !way_out.contains("s3cret"),
            "{way_out}"
        );
    }
}

#[test]
fn m5_a_public_path_that_opens_a_whole_site_is_told() {
    let (place, _upstream) = healthy();
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    for (path, is_told) in [("/api/123", true), ("/api/123/docs", false), ("/swagger", false)] {
        let public = format!("[gateway]\npublic_paths = [\"{path}\"]");
        place.write("keyward.toml", &text.replacen("[gateway]", &public, 1));
        let told = place.run(&["doctor"]).expect(0).stdout;
        assert_eq!(
            told.contains("every GET and HEAD of the site 123"),
            is_told,
            "{path}: {told}"
        );
    }
}

#[test]
fn an_address_that_people_see_and_no_setting_names_is_told_with_its_value() {
    let (place, _upstream) = healthy();
    let running = RunningProgram::start(&place, &["serve"]);
    let text = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    let ops = format!("[ops]\nlisten = {}", running.told["ops"]);
    place.write(
        "keyward.toml",
        &text.replace("[ops]\nlisten = \"127.0.0.1:0\"", &ops),
    );
    let remarks = |place: &Installation| {
        let report = place.run(&["--json", "doctor"]).expect(0).json();
        let findings = report["findings"].as_array().unwrap().clone();
        let running = findings
            .into_iter()
            .filter(|finding| finding["check"] == "running");
        running.collect::<Vec<_>>()
    };
    assert_eq!(remarks(&place), Vec::<Value>::new());
    // As nginx with TLS in front sends it, when nobody has told it more than where the console is.
    let fields = "Origin: https://keys.example.com\r\nSec-Fetch-Site: same-origin\r\n\
                  Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n";
    let answer = running.send("console", "POST", "/sign-in", fields);
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let found = remarks(&place);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (&found[0]["grade"], &found[0]["where"]),
        (&"warning".into(), &"console.public_url".into())
    );
    let value = "console.public_url = \"https://keys.example.com\"";
    assert!(found[0]["way_out"].as_str().unwrap().contains(value), "{found:?}");
    wait_for_text(
        &place.path("log"),
        "a form from https://keys.example.com was refused",
    );
}
