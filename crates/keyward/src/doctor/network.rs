//! Ports and upstreams.

use super::finding::Finding;
use crate::config::Checked;
use crate::serve::reachable;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything on the network may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Each plane's port must be free, or Keyward's own already.
pub(super) async fn check_ports(checked: &Checked) -> Vec<Finding> {
    let runs = keyward_answers(checked.ops).await;
    let planes = [
        ("gateway.listen", checked.gateway.listen),
        ("console.listen", checked.console.listen),
        ("ops.listen", checked.ops),
    ];
    planes
        .into_iter()
        .map(|(key, address)| check_port(key, address, runs))
        .collect()
}

fn check_port(key: &'static str, address: SocketAddr, runs: bool) -> Finding {
    let place = format!("{key} {address}");
    match keyward_listener::bind(address) {
        Ok(_) => Finding::good("port", place, "free"),
        Err(error) if error.kind() == ErrorKind::AddrInUse && runs => Finding::good(
            "port",
            place,
            "in use; a Keyward with this configuration is running",
        ),
        Err(error) => {
            let way_out = match error.kind() {
                ErrorKind::AddrInUse => {
                    format!("end what listens there (`ss -ltnp` shows it), or set {key} to another port")
                }
                ErrorKind::PermissionDenied => {
                    format!("set {key} to a port from 1024 on, or let this account bind low ports")
                }
                _ => format!("set {key} to an address of this machine"),
            };
            Finding::problem("port", place, format!("cannot be listened on: {error}"), way_out)
        }
    }
}

/// Whether the operator's port answers as Keyward does.
async fn keyward_answers(ops: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(reachable(ops)).await?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nhost: keyward\r\nconnection: close\r\n\r\n")
            .await?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer).contains("\"replica\""))
    };
    matches!(timeout(PATIENCE, ask).await, Ok(Ok(true)))
}

/// Something must listen where requests are sent.
pub(super) async fn check_upstreams(checked: &Checked) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(checked.rules.upstreams.len());
    for upstream in &checked.rules.upstreams {
        let place = format!("gateway.upstreams `{}` {}", upstream.name, upstream.url);
        let host = upstream.url.host().unwrap_or_default().trim_matches(['[', ']']);
        let port = upstream.url.port_u16().unwrap_or(80);
        let wait = checked.gateway.timeouts.upstream_connect.min(PATIENCE);
        let fault = match timeout(wait, TcpStream::connect((host, port))).await {
            Ok(Ok(_)) => {
                findings.push(Finding::good("upstream", place, "reachable"));
                continue;
            }
            Ok(Err(error)) => format!("cannot be reached: {error}"),
            Err(_) => "does not answer".to_owned(),
        };
        let way_out = "start the API, or correct the url; until then its requests are answered 502";
        findings.push(Finding::problem("upstream", place, fault, way_out));
    }
    findings
}
