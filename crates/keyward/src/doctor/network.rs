//! Ports and upstreams.

use super::finding::Finding;
use super::host;
use crate::commands::healthcheck::ask_readyz;
use crate::config::Checked;
use crate::serve::reachable;
use jiff::fmt::rfc2822;
use keyward_domain::Timestamp;
use keyward_engine::{Clock, SystemClock};
use keyward_gateway::{Protocol, Upstream};
use serde_json::Value;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long anything on the network may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long an upstream may take to tell its time: it may have more to do than to answer this.
const ANSWER_PATIENCE: Duration = Duration::from_secs(1);

/// Each plane's port must be free, or Keyward's own already. What one that runs remarks is told too.
pub(super) async fn check_ports(checked: &Checked) -> Vec<Finding> {
    let running = ask_running(checked.ops).await;
    let planes = [
        ("gateway.listen", checked.gateway.listen),
        ("console.listen", checked.console.listen),
        ("ops.listen", checked.ops),
    ];
    let authz = checked.authz.as_ref().map(|authz| ("authz.listen", authz.listen));
    planes
        .into_iter()
        .chain(authz)
        .map(|(key, address)| check_port(key, address, running.is_some()))
        .chain(running.iter().flat_map(remarks))
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
            let way_out = keyward_listener::bind_way_out(address, &error);
            Finding::problem("port", place, format!("cannot be listened on: {error}"), way_out)
        }
    }
}

/// What the operator's port says of a Keyward that runs, if one does.
async fn ask_running(ops: SocketAddr) -> Option<Value> {
    let answer = timeout(PATIENCE, ask_readyz(reachable(ops))).await.ok()?.ok()?;
    let (_, body) = answer.split_once("\r\n\r\n")?;
    let told: Value = serde_json::from_str(body).ok()?;
    told["checks"]["replica"].is_boolean().then_some(told)
}

/// What a running Keyward has seen that only an operator can mend.
fn remarks(told: &Value) -> Vec<Finding> {
    let text = |remark: &Value, name: &str| remark[name].as_str().unwrap_or_default().to_owned();
    let remarks = told["remarks"].as_array().into_iter().flatten();
    remarks
        .map(|remark| {
            let (what, way_out) = (text(remark, "what"), text(remark, "way_out"));
            Finding::warning("running", text(remark, "setting"), what, way_out)
        })
        .collect()
}

/// Something must listen where requests are sent.
pub(super) async fn check_upstreams(checked: &Checked) -> Vec<Finding> {
    let mut findings = Vec::with_capacity(checked.rules.upstreams.len());
    for upstream in &checked.rules.upstreams {
        let (host, port) = (&*upstream.address.host, upstream.address.port);
        let place = format!(
            "gateway.upstreams `{}` http://{}",
            upstream.name, upstream.address
        );
        let wait = checked.gateway.timeouts.upstream_connect.min(PATIENCE);
        let fault = match keyward_dial::connect(host, port, wait).await {
            Ok(stream) => {
                findings.push(Finding::good("upstream", place, "reachable"));
                findings.extend(check_clock(stream, upstream).await);
                continue;
            }
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => "does not answer".to_owned(),
            Err(error) => format!("cannot be reached: {error}"),
        };
        let way_out = "start the API, or correct the url; until then its requests are answered 502";
        findings.push(Finding::problem("upstream", place, fault, way_out));
    }
    findings
}

/// The one clock besides our own that can be asked without going elsewhere: an upstream's, on another machine often.
async fn check_clock(mut stream: TcpStream, upstream: &Upstream) -> Option<Finding> {
    if upstream.protocol != Protocol::Http1 {
        return None;
    }
    let host = upstream.address.authority(80);
    let ask = async {
        let request = format!("HEAD / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(16_384).read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(ANSWER_PATIENCE, ask).await.ok()?.ok()?;
    let theirs = date_of(&String::from_utf8_lossy(&answer))?;
    let whom = format!("upstream `{}`", upstream.name);
    host::check_clock_beside(SystemClock.now(), theirs, &whom)
}

/// The `Date` of an answer.
fn date_of(answer: &str) -> Option<Timestamp> {
    let value = answer
        .lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("date").then(|| value.trim())
        })?;
    let at = rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(Timestamp::from_millis(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_of_an_answer_is_read() {
        let answer =
            "HTTP/1.1 404 Not Found\r\nServer: x\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nDate: x";
        assert_eq!(date_of(answer), Some(Timestamp::from_millis(784_111_777_000)));
        for none in [
            "",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ndate: soon\r\n\r\n",
        ] {
            assert_eq!(date_of(none), None, "{none}");
        }
    }
}
