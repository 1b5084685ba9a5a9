//! Stands in for the `keyward` binary in the testkit's own tests: the same commands, no decisions.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["init", "--no-token", "--config", _] => std::fs::write("keyward.db", "").unwrap(),
        ["serve", "--config", config] => serve(config),
        ["users" | "sites", "create", name, ..] => println!(r#"{{"id": "cli-{name}"}}"#),
        ["keys", "create", ..] => {
            let given = arguments.join(" ").replace('"', "'");
            println!(r#"{{"id": "cli-key", "secret": "kw_cli", "given": "{given}"}}"#);
        }
        _ => panic!("unknown command: {words:?}"),
    }
}

fn serve(config: &str) {
    let config: toml::Table = std::fs::read_to_string(config).unwrap().parse().unwrap();
    println!("stub serves");
    eprintln!("stub complains");
    let planes = ["gateway", "console", "ops"].map(|plane| {
        let listener = TcpListener::bind(config[plane]["listen"].as_str().unwrap()).unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(plane, stream.unwrap());
            }
        })
    });
    println!("Keyward is ready");
    planes.into_iter().for_each(|plane| plane.join().unwrap());
}

fn answer(plane: &str, mut stream: TcpStream) {
    let mut request = Vec::new();
    while !is_whole(&request) {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap();
    let (head, sent) = request.split_once("\r\n\r\n").unwrap();
    let path = head.split(' ').nth(1).unwrap();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("X-API-KEY: "))
        .unwrap_or_default();
    let (status, body) = match (plane, path) {
        ("ops", "/readyz") => (200, String::new()),
        ("ops", "/metrics") => (200, "up{plane=\"ops\"} 1\n".to_owned()),
        ("console", "/v1/users" | "/v1/sites" | "/v1/keys") => (
            201,
            format!(r#"{{"id": "api-id", "secret": "kw_api", "key": "{key}", "sent": {sent}}}"#),
        ),
        _ => (404, String::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
}

/// The testkit sends GET without a body and everything else with one JSON object, without braces in its texts.
fn is_whole(request: &[u8]) -> bool {
    if request.starts_with(b"GET") {
        request.ends_with(b"\r\n\r\n")
    } else {
        let count = |brace| request.iter().filter(|byte| **byte == brace).count();
        request.ends_with(b"}") && count(b'{') == count(b'}')
    }
}
