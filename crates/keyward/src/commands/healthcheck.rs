//! `keyward healthcheck`: asks a Keyward that runs here whether it is ready. For images without a shell or curl.

use super::Context;
use crate::config;
use crate::exit::{Exit, Failure};
use crate::output::print;
use crate::serve::reachable;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the answer may take: whoever asks asks again soon.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);
const MAX_ANSWER: u64 = 65_536;

pub(super) async fn run(context: Context<'_>) -> Result<Exit, Failure> {
    let listen = &config::load(context.config)?.config.ops.listen;
    let listen: SocketAddr = listen
        .parse()
        .map_err(|_| Failure::new(Exit::Configuration, format!("ops.listen: {listen} is no address")))?;
    let ops = reachable(listen);
    let answer = match timeout(ANSWER_TIMEOUT, ask_readyz(ops)).await {
        Ok(answer) => answer.map_err(|error| Failure::failed(format!("{ops}: {error}")))?,
        Err(_) => {
            return Err(Failure::failed(format!(
                "{ops}: no answer within {ANSWER_TIMEOUT:?}"
            )));
        }
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.split(' ').nth(1) == Some("200") {
        return print("ready");
    }
    Err(Failure::failed(format!("{ops}: not ready: {}", checks(body))))
}

/// What the operator's port answers. Over HTTP/1.0, so that the end of the answer is that of the connection.
pub(crate) async fn ask_readyz(ops: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(ops).await?;
    stream
        .write_all(b"GET /readyz HTTP/1.0\r\nhost: keyward\r\nconnection: close\r\n\r\n")
        .await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Why it is not ready, in its own words.
fn checks(body: &str) -> String {
    let told: Value = serde_json::from_str(body).unwrap_or_default();
    match &told["checks"] {
        Value::Object(_) => told["checks"].to_string(),
        _ => "what listens there is no Keyward".to_owned(),
    }
}
