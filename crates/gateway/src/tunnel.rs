//! An upgraded connection: bytes go both ways until one side ends.

use crate::metrics::Raised;
use bytes::BytesMut;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use keyward_listener::end_when_gone;
use prometheus::IntGauge;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

/// How long an end that answers nothing is believed to be there. Whoever has nothing to say may stay for as long as it likes.
pub(crate) const SILENCE: Duration = Duration::from_secs(120);

/// Puts a client and an upstream together, as soon as the client has its 101. `read` is what the upstream sent after it.
/// The client's socket has had its [`SILENCE`] from the port.
pub(crate) fn open(upgrade: OnUpgrade, mut upstream: TcpStream, read: BytesMut, tunnels: IntGauge) {
    end_when_gone(&upstream, SILENCE);
    tokio::spawn(async move {
        let Ok(client) = upgrade.await else { return };
        let _raised = Raised::new(&tunnels);
        let mut client = TokioIo::new(client);
        let outcome = async {
            client.write_all(&read).await?;
            copy_bidirectional(&mut client, &mut upstream).await
        };
        if let Err(error) = outcome.await {
            tracing::debug!(%error, "upgraded connection ended");
        }
    });
}
