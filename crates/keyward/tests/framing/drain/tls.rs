//! O8 and TLS on both planes: versions, agreement on HTTP/1.1 or HTTP/2, new certificates without a stop, silent clients.

use super::world;
use keyward_testkit::{
    Certificate, EchoUpstream, H2Client, KeySpec, Keyward, OWNER, RawClient, WAIT_TIMEOUT, World, eventually,
    request, sized, verdict,
};
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
/// ECDHE with AES-GCM or ChaCha20: every key is new.
const FORWARD_SECRET: [u16; 6] = [0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8];
/// RSA key exchange, CBC, RC4, 3DES, export, anonymous.
const OLD: [u16; 10] = [
    0x002f, 0x0035, 0x009c, 0x009d, 0xc009, 0xc013, 0x0005, 0x000a, 0x0003, 0x0034,
];

/// TLS on gateway and console, each with a certificate in a folder of its own.
struct Secured {
    world: World,
    gateway: Certificate,
    console: Certificate,
    folders: [TempDir; 2],
}

impl Secured {
    async fn start(config: &str) -> Self {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let (gateway, console) = (
            Certificate::create(folders[0].path()),
            Certificate::create(folders[1].path()),
        );
        let builder = world(config).keyward(|keyward| keyward.gateway_tls(&gateway).console_tls(&console));
        Self {
            world: builder.start().await,
            gateway,
            console,
            folders,
        }
    }

    fn planes(&self) -> [(SocketAddr, &Certificate, Vec<u8>); 2] {
        let keyward = &self.world.keyward;
        let me = request("GET", "/v1/me", &[("X-API-KEY", keyward.management_secret())], "");
        [
            (keyward.gateway(), &self.gateway, self.world.get("/api/1/x")),
            (keyward.console(), &self.console, me),
        ]
    }
}

/// A ClientHello of one record (RFC 5246, section 7.4.1.2).
fn client_hello(version: u16, suites: &[u16], extensions: bool) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([0x5a; 32]);
    body.push(0);
    body.extend(u16::try_from(suites.len() * 2).unwrap().to_be_bytes());
    for suite in suites {
        body.extend(suite.to_be_bytes());
    }
    body.extend([1, 0]);
    if extensions {
        // supported_groups: x25519, P-256; signature_algorithms: ECDSA and RSA with SHA-256 and SHA-1.
        let groups = [0, 10, 0, 6, 0, 4, 0, 29, 0, 23];
        let points = [0, 11, 0, 2, 1, 0];
        let signatures = [0, 13, 0, 10, 0, 8, 4, 3, 4, 1, 2, 3, 2, 1];
        let all = [&groups[..], &points, &signatures].concat();
        body.extend(u16::try_from(all.len()).unwrap().to_be_bytes());
        body.extend(all);
    }
    let mut bytes = vec![HANDSHAKE, 3, u8::from(version > 0x0300)];
    bytes.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend([1, 0]);
    bytes.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

#[tokio::test]
async fn o8_http_1_and_2_are_agreed_on_and_other_protocols_refused_on_both_planes() {
    let secured = Secured::start("").await;
    for (address, certificate, asked) in secured.planes() {
        for (offered, agreed) in [
            (&[][..], None),
            (&["http/1.1"][..], Some(&b"http/1.1"[..])),
            (&["h2", "http/1.1"][..], Some(b"h2")),
            (&["http/1.1", "h2"][..], Some(b"h2")),
            (&["h3", "http/1.1"][..], Some(b"http/1.1")),
        ] {
            let mut client = RawClient::connect_tls(address, "localhost", certificate, offered).await;
            assert_eq!(client.alpn(), agreed, "{address} {offered:?}");
            if agreed != Some(b"h2") {
                client.send(&asked).await;
                assert_eq!(client.read_response().await.status, 200, "{address} {offered:?}");
                // The connection is kept.
                client.send(&asked).await;
                assert_eq!(client.read_response().await.status, 200, "{address} {offered:?}");
            }
        }
        for offered in [&["h3"][..], &["h2c"], &["http/1.0", "spdy/3"]] {
            let refused = RawClient::try_connect_tls(address, "localhost", certificate, offered).await;
            assert!(refused.is_err(), "{address} {offered:?}");
        }
        // HTTP without TLS is told so, whatever it asks.
        let mut plain = RawClient::connect(address).await;
        plain.send(&asked).await;
        let said = plain.read_to_end().await;
        assert!(
            said.starts_with(b"HTTP/1.1 400 "),
            "{address}: {}",
            said.escape_ascii()
        );
    }
    let mut h2 = H2Client::connect_tls(secured.world.keyward.gateway(), "localhost", &secured.gateway).await;
    let key = [("x-api-key", secured.world.secret())];
    for _ in 0..2 {
        assert_eq!(h2.send("GET", "/api/1/x", &key, "").await.status, 200);
    }
    let mut h2 = H2Client::connect_tls(secured.world.keyward.console(), "localhost", &secured.console).await;
    let key = [("x-api-key", secured.world.keyward.management_secret())];
    assert_eq!(h2.send("GET", "/v1/me", &key, "").await.status, 200);
}

#[tokio::test]
async fn o8_only_tls_1_2_and_1_3_with_forward_secrecy_are_spoken() {
    let secured = Secured::start("").await;
    let both = [&FORWARD_SECRET[..], &OLD].concat();
    for (address, ..) in secured.planes() {
        for (version, suites, accepted) in [
            (0x0300, &both[..], false),
            (0x0301, &both[..], false),
            (0x0302, &both[..], false),
            (0x0303, &OLD[..], false),
            (0x0303, &FORWARD_SECRET[..], true),
            (0x0303, &both[..], true),
        ] {
            for extensions in [true, false] {
                let mut client = RawClient::connect(address).await;
                client.send(client_hello(version, suites, extensions)).await;
                let record = client.read_exact(6).await;
                let what = format!("{address} {version:#06x} {suites:04x?} {extensions}: {record:02x?}");
                if accepted && extensions {
                    assert_eq!((record[0], record[5]), (HANDSHAKE, SERVER_HELLO), "{what}");
                    let hello = client.read_exact(37).await;
                    // After its length: version, 32 random bytes.
                    assert_eq!(hello[3..5], [3, 3], "{what}: {hello:02x?}");
                } else {
                    assert_eq!((record[0], record[5]), (ALERT, 2), "{what}");
                    assert!(client.is_closed_within(WAIT_TIMEOUT).await, "{what}");
                }
            }
        }
        // SSL 2.
        let mut client = RawClient::connect(address).await;
        client.send(b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10").await;
        client.finish_sending().await;
        let said = client.read_to_end().await;
        assert!(said.first().is_none_or(|first| *first == ALERT), "{said:02x?}");
    }
}

#[tokio::test]
async fn o8_openssl_agrees_on_the_versions() {
    if std::process::Command::new("openssl")
        .arg("version")
        .output()
        .is_err()
    {
        return;
    }
    let secured = Secured::start("").await;
    for (address, ..) in secured.planes() {
        for (version, accepted) in [
            ("-tls1", false),
            ("-tls1_1", false),
            ("-tls1_2", true),
            ("-tls1_3", true),
        ] {
            let mut command = tokio::process::Command::new("openssl");
            command.args(["s_client", "-connect", &address.to_string(), version]);
            if !accepted {
                // Lets this client offer what it would not by itself.
                command.args(["-cipher", "ALL:@SECLEVEL=0"]);
            }
            let output = command.stdin(std::process::Stdio::null()).output();
            let output = tokio::time::timeout(WAIT_TIMEOUT, output).await.unwrap().unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert_eq!(
                said.contains("BEGIN CERTIFICATE"),
                accepted,
                "{address} {version}: {said} {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[tokio::test]
async fn o8_plain_http_to_a_port_that_speaks_tls_is_told_so() {
    let secured = Secured::start("").await;
    for (address, certificate, asked) in secured.planes() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..],
            b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
            b"\r\nGET / HTTP/1.1\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"G",
        ] {
            let mut client = RawClient::connect(address).await;
            client.send(bytes).await;
            let answer = client.read_response().await;
            assert_eq!(answer.status, 400, "{address}: {answer:?}");
            let told = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(told.contains("speaks TLS") && told.contains("https://"), "{told}");
            assert_eq!(answer.header("connection"), Some("close"));
            assert!(client.is_closed_within(WAIT_TIMEOUT).await, "{address}");
        }
        let mut client = RawClient::connect_tls(address, "localhost", certificate, &[]).await;
        client.send(&asked).await;
        assert_eq!(client.read_response().await.status, 200, "{address}");
    }
}

#[tokio::test]
async fn o8_tls_to_a_port_that_speaks_plain_http_ends_at_once_and_is_logged() {
    let world = world("").start().await;
    let keyward = &world.keyward;
    let hello = client_hello(0x0303, &FORWARD_SECRET, true);
    for address in [keyward.gateway(), keyward.console(), keyward.ops()] {
        let mut client = RawClient::connect(address).await;
        client.send(&hello).await;
        let answer = client.read_response().await;
        assert_eq!(answer.status, 400, "{address}");
        assert!(client.is_closed_within(WAIT_TIMEOUT).await, "{address}");
    }
    let log = keyward.until_log("TLS on a plain port", |log| {
        log.contains("speaks TLS to this port")
    });
    let log = log.await;
    assert_eq!(log.matches("speaks TLS to this port").count(), 1, "{log}");
}

#[tokio::test]
async fn o8_new_certificates_of_the_gateway_are_taken_without_dropping_connections_and_bad_ones_are_not() {
    new_certificates(0).await;
}

#[tokio::test]
async fn o8_new_certificates_of_the_console_are_taken_without_dropping_connections_and_bad_ones_are_not() {
    new_certificates(1).await;
}

/// The files are looked at every few seconds, which is what takes the time here.
async fn new_certificates(plane: usize) {
    let secured = Secured::start("").await;
    let keyward = &secured.world.keyward;
    let (address, old, asked) = secured.planes().into_iter().nth(plane).unwrap();
    let folder = &secured.folders[plane];
    let takes = async |certificate: &Certificate| {
        RawClient::try_connect_tls(address, "localhost", certificate, &[])
            .await
            .is_ok()
    };
    let mut open = RawClient::connect_tls(address, "localhost", old, &[]).await;
    let mut works = async |when: &str| {
        open.send(&asked).await;
        assert_eq!(open.read_response().await.status, 200, "{address}: {when}");
    };
    works("before").await;
    let new = Certificate::create(folder.path());
    eventually("the new certificate", async || takes(&new).await).await;
    assert!(!takes(old).await, "the old certificate is still shown");
    works("after the change").await;

    // Each of these is told in the log once, and the one before stays.
    let good = [
        std::fs::read(new.certificate_path()).unwrap(),
        std::fs::read(new.key_path()).unwrap(),
    ];
    let elsewhere = tempfile::tempdir().unwrap();
    let stranger = Certificate::create(elsewhere.path());
    let others_key = std::fs::read(stranger.key_path()).unwrap();
    let faults = [
        ("no certificate", &b"nonsense"[..], &good[1][..]),
        ("another's key", &good[0], &others_key),
        ("an empty certificate", b"", &good[1]),
        (
            "no key",
            &good[0],
            b"-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n",
        ),
    ];
    let few = sized(2, faults.len());
    for (what, certificate, key) in faults.into_iter().take(few) {
        let told = keyward.log().matches("ERROR").count();
        std::fs::write(new.certificate_path(), certificate).unwrap();
        std::fs::write(new.key_path(), key).unwrap();
        eventually(what, async || keyward.log().matches("ERROR").count() > told).await;
        assert!(takes(&new).await, "{address}: {what}: the good one is gone");
        works(what).await;
    }
    std::fs::remove_file(new.certificate_path()).unwrap();
    assert!(takes(&new).await);
    let last = Certificate::create(folder.path());
    eventually("the last certificate", async || takes(&last).await).await;
    works("at the end").await;
    assert!(!keyward.log().contains("PRIVATE KEY"));
}

#[tokio::test]
async fn o8_d1_a_handshake_that_does_not_come_is_not_waited_for() {
    let secured = Secured::start("[gateway.timeouts]\nrequest_head = \"4s\"").await;
    let hello = client_hello(0x0303, &FORWARD_SECRET, true);
    for (address, certificate, asked) in secured.planes() {
        let mut silent = Vec::new();
        for said in [&[][..], &hello[..1], &hello[..20], &hello] {
            let mut client = RawClient::connect(address).await;
            client.send(said).await;
            silent.push(client);
        }
        let mut dribbling = RawClient::connect(address).await;
        for byte in &hello {
            if dribbling.try_send([*byte]).await.is_err()
                || dribbling.is_closed_within(Duration::from_millis(300)).await
            {
                break;
            }
        }
        assert!(dribbling.is_closed_within(WAIT_TIMEOUT).await, "{address}");
        for client in &mut silent {
            assert!(client.is_closed_within(WAIT_TIMEOUT).await, "{address}");
        }
        let mut client = RawClient::connect_tls(address, "localhost", certificate, &[]).await;
        client.send(asked).await;
        assert_eq!(client.read_response().await.status, 200);
    }
}

#[tokio::test]
async fn o8_default_listeners_are_loopback_and_nothing_else_listens() {
    let keyward = Keyward::builder().no_admin().prepare().await;
    let bare = "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://127.0.0.1:1\"\n";
    std::fs::write(keyward.config_path(), bare).unwrap();
    let printed = keyward.cli_ok(&["config", "print", "--json"]).await.json();
    for (plane, listen) in [
        ("gateway", "127.0.0.1:8080"),
        ("console", "127.0.0.1:8081"),
        ("ops", "127.0.0.1:9090"),
    ] {
        assert_eq!(printed[plane]["listen"], listen);
    }
    assert_eq!(printed["gateway"]["trusted_proxies"], serde_json::json!([]));

    let world = world("").start().await;
    let pid = world.keyward.pid();
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| {
            Some(
                link.to_str()?
                    .strip_prefix("socket:[")?
                    .trim_end_matches(']')
                    .to_owned(),
            )
        })
        .collect();
    let mut listening = 0;
    for table in ["tcp", "tcp6"] {
        let table = std::fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields[1], fields[3], fields[9]);
            if state == "0A" && sockets.iter().any(|socket| socket == inode) {
                listening += 1;
                assert!(local.starts_with("0100007F:"), "listens on {local}");
            }
        }
    }
    assert_eq!(listening, 3);
}

#[tokio::test]
async fn i1_o8_the_scheme_is_ours_unless_a_trusted_proxy_says_it() {
    let said: [&[(&str, &str)]; 5] = [
        &[],
        &[("X-Forwarded-Proto", "http")],
        &[("X-Forwarded-Proto", "https")],
        &[("X_Forwarded_Proto", "https"), ("Forwarded", "proto=https")],
        &[("X-Forwarded-Proto", "ftp"), ("X-Forwarded-Scheme", "https")],
    ];
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    for (tls, trusted) in [(true, false), (false, false), (true, true), (false, true)] {
        let upstream = EchoUpstream::start().await;
        let proxies = if trusted { "\"127.0.0.1\"" } else { "" };
        let config = format!("[gateway]\ntrusted_proxies = [{proxies}]\ntrusted_proxy_may_be_client = true");
        let mut builder = Keyward::builder()
            .upstream(upstream.address())
            .config_toml(&config);
        if tls {
            builder = builder.gateway_tls(&certificate);
        }
        let keyward = builder.start().await;
        keyward.user(OWNER, "member").await;
        let key = keyward
            .key(KeySpec::new(OWNER, "k").addresses(&["127.0.0.1", "203.0.113.9"]))
            .await;
        let gateway = keyward.gateway();
        let own = if tls { "https" } else { "http" };
        for fields in said {
            let mut headers = vec![("X-API-KEY", key.secret.as_str())];
            headers.extend(fields);
            let mut client = if tls {
                RawClient::connect_tls(gateway, "localhost", &certificate, &[]).await
            } else {
                RawClient::connect(gateway).await
            };
            client.send(request("GET", "/api/1/x", &headers, "")).await;
            assert_eq!(verdict(&client.read_response().await), "200");
            let seen = upstream.last();
            let by_proxy = fields.iter().find(|(name, _)| *name == "X-Forwarded-Proto");
            let wanted = match by_proxy {
                Some((_, value)) if trusted => *value,
                _ => own,
            };
            assert_eq!(
                seen.header("x-forwarded-proto"),
                [wanted],
                "TLS {tls}, trusted {trusted}"
            );
            assert!(!seen.header_lines().iter().any(|line| line.starts_with("x_")));
            if !trusted {
                assert!(seen.header("forwarded").is_empty() && seen.header("x-forwarded-scheme").is_empty());
            }
        }
        // The client's address, under TLS as without.
        let headers = [
            ("X-API-KEY", key.secret.as_str()),
            ("X-Forwarded-For", "198.51.100.7"),
        ];
        let mut client = if tls {
            RawClient::connect_tls(gateway, "localhost", &certificate, &[]).await
        } else {
            RawClient::connect(gateway).await
        };
        client.send(request("GET", "/api/1/x", &headers, "")).await;
        let wanted = if trusted { "403 ip_forbidden" } else { "200" };
        assert_eq!(
            verdict(&client.read_response().await),
            wanted,
            "TLS {tls}, trusted {trusted}"
        );
    }
}
