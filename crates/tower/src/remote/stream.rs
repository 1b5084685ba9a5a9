//! Follows the server's changes. Whatever goes wrong, nothing is trusted until the stream is there again.

use super::ask::Server;
use super::cache::{Cache, SILENCE};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long to wait before the stream is opened again.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest that an event may be.
const LONGEST: usize = 4096;

#[derive(Deserialize)]
struct Data {
    revision: u64,
}

/// Reads streams, one after another, and never ends.
pub(super) async fn follow(server: Arc<Server>, cache: Arc<Cache>) {
    loop {
        if let Ok(Some(answer)) = timeout(SILENCE, server.changes()).await {
            // The end of a stream is all that it has to say.
            let _ = read(answer.into_body(), &cache).await;
        }
        cache.distrust();
        sleep(PAUSE).await;
    }
}

/// Reads a stream to its end, or to where it says nothing or nothing that can be read.
async fn read(mut body: Incoming, cache: &Cache) -> Option<()> {
    let mut text = Vec::new();
    loop {
        let frame = timeout(SILENCE, body.frame()).await.ok()??.ok()?;
        text.extend_from_slice(&frame.into_data().ok()?);
        while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
            let event: Vec<u8> = text.drain(..end + 2).collect();
            take(str::from_utf8(&event).ok()?, cache)?;
        }
        if text.len() > LONGEST {
            return None;
        }
    }
}

/// Takes one event in.
fn take(event: &str, cache: &Cache) -> Option<()> {
    let field = |name: &str| {
        event
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    };
    match field("event") {
        Some("revision") => {
            let data: Data = serde_json::from_str(field("data")?).ok()?;
            cache.told(data.revision);
        }
        Some("stale") => cache.distrust(),
        // A heartbeat; or an event of a later version, which takes nothing back of what was told.
        _ => cache.heard(),
    }
    Some(())
}
