use super::*;

#[test]
fn a_server_keeps_what_it_is_told_until_it_ends() {
    let redis = Redis::start();
    assert_eq!(redis.command(&["SET", "a", "b"]), "OK");
    assert_eq!(redis.command(&["GET", "a"]), "b");
    redis.stop();
    redis.resume();
    assert_eq!(redis.command(&["GET", "a"]), "");
    assert!(redis.second_of_minute() < 60);
}

#[test]
fn a_frozen_server_can_be_ended() {
    let redis = Redis::start();
    redis.freeze();
    redis.thaw();
    assert_eq!(redis.command(&["PING"]), "PONG");
    redis.freeze();
    redis.sigkill();
    redis.resume();
    assert_eq!(redis.command(&["PING"]), "PONG");
}

#[test]
fn a_server_with_tls_shows_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    let redis = Redis::start_tls(&["user keyward on >s3cret ~keyward:* +@all"], &certificate);
    let port = redis.tls_address().port().to_string();
    let ca = certificate.certificate_path().to_str().unwrap();
    let done = Command::new("redis-cli")
        .args(["--tls", "--cacert", ca, "-h", "127.0.0.1", "-p", &port])
        .args([
            "--user",
            "keyward",
            "--pass",
            "s3cret",
            "--no-auth-warning",
            "PING",
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout).trim(), "PONG", "{done:?}");
}
