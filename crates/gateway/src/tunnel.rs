//! An upgraded connection: bytes go both ways until one side ends.

use bytes::BytesMut;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use prometheus::IntGauge;
use tokio::io::{AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;

/// Puts a client and an upstream together, as soon as the client has its 101. `read` is what the upstream sent after it.
pub(crate) fn open(upgrade: OnUpgrade, mut upstream: TcpStream, read: BytesMut, tunnels: IntGauge) {
    tokio::spawn(async move {
        let Ok(client) = upgrade.await else { return };
        tunnels.inc();
        let mut client = TokioIo::new(client);
        let outcome = async {
            client.write_all(&read).await?;
            copy_bidirectional(&mut client, &mut upstream).await
        };
        if let Err(error) = outcome.await {
            tracing::debug!(%error, "upgraded connection ended");
        }
        tunnels.dec();
    });
}
