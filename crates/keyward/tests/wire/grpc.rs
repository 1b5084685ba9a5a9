//! gRPC through the gateway, with the library that most of its servers and clients are built on.

use keyward_testkit::{Certificate, KeySpec, Keyward, KeywardBuilder};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The program of both sides.
fn python() -> Command {
    let packages = root().join("target/pypi");
    let path = [packages.join("grpcio"), packages.join("typing-extensions")];
    let mut command = Command::new("python3");
    command
        .env("PYTHONPATH", std::env::join_paths(path).unwrap())
        .env("GRPC_VERBOSITY", "NONE")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire/grpc_peer.py"));
    command
}

struct Server(Child, String);

impl Server {
    fn start() -> Self {
        let mut child = python().arg("server").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        Self(child, line.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

async fn ask(builder: KeywardBuilder, server: &Server, certificate: Option<&Path>) -> Value {
    let keyward = builder
        .config_toml(&format!(
            "[[gateway.upstreams]]\nname = \"default\"\nurl = \"http://127.0.0.1:{}\"\nprotocol = \"h2c\"\n\
             [[gateway.routes]]\npath = \"/kw.Test/**\"\n",
            server.1
        ))
        .start()
        .await;
    let key = key(&keyward).await;
    let mut client = python();
    client.args(["client", &keyward.gateway().to_string(), &key]);
    client.args(certificate);
    let output = tokio::task::spawn_blocking(move || client.output())
        .await
        .unwrap()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {told}\n{}", keyward.log()))
}

async fn key(keyward: &Keyward) -> String {
    keyward.user("owner@example.com", "member").await;
    keyward
        .key(KeySpec::new("owner@example.com", "grpc"))
        .await
        .secret
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_works_over_http2_to_a_server_that_speaks_h2c() {
    if !root().join("target/pypi/grpcio/grpc").exists() {
        eprintln!("skipped: no grpcio for this machine; scripts/test fetches it");
        return;
    }
    let server = Server::start();
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create_for(folder.path(), &["localhost"]);
    let plain = ask(Keyward::builder(), &server, None).await;
    let tls = ask(
        Keyward::builder().gateway_tls(&certificate),
        &server,
        Some(certificate.certificate_path()),
    )
    .await;
    let ok = |messages: Value, trailers: Value| json!({"messages": messages, "status": "OK", "trailers": trailers});
    for (way, told) in [("h2c", plain), ("TLS", tls)] {
        let last = json!({"x-last": "2"});
        let both = json!({"x-last": "2", "x-raw-bin": "00ff"});
        assert_eq!(
            told["unary"],
            ok(json!(["hello|rest-api|-"]), both.clone()),
            "{way}"
        );
        assert_eq!(told["big"], ok(json!([1_000_011]), both), "{way}");
        let failed =
            json!({"status": "FAILED_PRECONDITION", "details": "not now: d\u{e9}j\u{e0}", "trailers": last});
        assert_eq!(told["fail"], failed, "{way}");
        assert_eq!(told["unknown"]["status"], "UNIMPLEMENTED", "{way}");
        assert_eq!(told["no_key"]["status"], "UNAUTHENTICATED", "{way}");
        assert_eq!(
            told["server_stream"],
            ok(json!(["0", "1", "2"]), last.clone()),
            "{way}"
        );
        assert_eq!(told["no_messages"], ok(json!([]), last.clone()), "{way}");
        assert_eq!(told["client_stream"], ok(json!(["a,b,c"]), last), "{way}");
        assert_eq!(
            told["both"],
            ok(json!(["re: 1", "re: 2", "re: 3"]), json!({})),
            "{way}"
        );
        assert_eq!(told["both_fail"]["status"], "ABORTED", "{way}");
        assert_eq!(told["both_fail"]["details"], "as asked", "{way}");
    }
}
