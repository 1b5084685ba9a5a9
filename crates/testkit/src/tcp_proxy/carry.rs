//! One connection through the proxy.

use super::Rules;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

const PIECE: usize = 16 * 1024;
/// Pieces under way in each direction; past them, whoever sends has to wait.
const UNDER_WAY: usize = 256;

/// Carries bytes both ways until both ends are done, one of them breaks, or the connection is cut; `born` is how things were
/// when it was accepted.
pub(super) async fn carry(mut client: TcpStream, born: Rules, rules: watch::Receiver<Rules>) {
    let mut until_cut = rules.clone();
    let cut = async move {
        // An error means that the proxy has ended, and then everything is cut.
        let _ended = until_cut.wait_for(|now| now.ends || now.cuts > born.cuts).await;
    };
    tokio::pin!(cut);
    let connected = tokio::select! {
        connected = TcpStream::connect(born.target) => connected,
        () = &mut cut => Err(std::io::ErrorKind::ConnectionAborted.into()),
    };
    let Ok(mut server) = connected else {
        reset(&client);
        return;
    };
    let _quick = (client.set_nodelay(true), server.set_nodelay(true));
    let is_whole = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let mut half = rules.clone();
        let half_closed = async move {
            let _ended = half.wait_for(|now| now.half_closes > born.half_closes).await;
        };
        tokio::select! {
            done = async {
                tokio::try_join!(
                    one_way(from_client, to_server, born, rules.clone(), std::future::pending()),
                    one_way(from_server, to_client, born, rules.clone(), half_closed),
                )
            } => done.is_ok(),
            () = &mut cut => false,
        }
    };
    if !is_whole {
        reset(&client);
        reset(&server);
    }
}

/// The other side sees a reset, not an orderly end, when this is dropped.
fn reset(stream: &TcpStream) {
    let _known = stream.set_zero_linger();
}

async fn one_way(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    born: Rules,
    mut rules: watch::Receiver<Rules>,
    half_closed: impl Future<Output = ()>,
) -> std::io::Result<()> {
    let (queue, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let read = async move {
        loop {
            let mut piece = vec![0; PIECE];
            let count = from.read(&mut piece).await?;
            piece.truncate(count);
            if count == 0 || queue.send((Instant::now(), piece)).await.is_err() {
                return Ok(());
            }
        }
    };
    let write = async move {
        let mut is_open = true;
        tokio::pin!(half_closed);
        loop {
            let piece = tokio::select! {
                piece = pieces.recv() => piece,
                () = &mut half_closed, if is_open => {
                    to.shutdown().await?;
                    is_open = false;
                    continue;
                }
            };
            let Some((sent, bytes)) = piece else { break };
            if is_open {
                arrive(sent, born, &mut rules).await;
                to.write_all(&bytes).await?;
            }
        }
        if is_open {
            arrive(Instant::now(), born, &mut rules).await;
            to.shutdown().await?;
        }
        Ok(())
    };
    tokio::try_join!(read, write).map(|_| ())
}

/// Waits until bytes that were sent at an instant may arrive by the rules of the moment.
async fn arrive(sent: Instant, born: Rules, rules: &mut watch::Receiver<Rules>) {
    loop {
        let now = *rules.borrow_and_update();
        let due = async {
            if now.holds || now.swallows > born.swallows {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep_until(sent + now.delay).await;
        };
        tokio::select! {
            () = due => return,
            changed = rules.changed() => if changed.is_err() { return },
        }
    }
}
