//! Closing a port without losing a client. A connection is made by the kernel before anybody accepts it, and closing the
//! port resets those that wait; a client would then have sent a request and got no answer. So first no new handshakes
//! begin, those under way end, all are taken, and only then the port closes.

use crate::accept;
use socket2::{SockFilter, SockRef};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};

/// How long a handshake that has begun may take to end. Less than a second: a client whose first packet (SYN) was dropped
/// tries again after one second, and is then told that the port is closed.
const HANDSHAKE: Duration = Duration::from_millis(600);

/// Closes a port after having taken every connection whose client may believe that it is connected.
///
/// Where the system cannot hold new handshakes back, a connection made at the very moment of closing is reset.
pub async fn close(listener: TcpListener, mut serve: impl FnMut(TcpStream, SocketAddr)) {
    match hold_back_handshakes(&listener) {
        Ok(()) => {
            let ends_at = Instant::now() + HANDSHAKE;
            while let Ok((stream, peer)) = timeout_at(ends_at, accept(&listener)).await {
                serve(stream, peer);
            }
        }
        Err(error) => tracing::debug!(%error, "new connections cannot be held back while a port closes"),
    }
    if let Err(error) = take_the_last(listener, &mut serve) {
        tracing::warn!(%error, "connections that waited when a port closed were not taken");
    }
}

/// Lets the kernel drop packets that begin a connection (SYN), as if they had been lost on the way, and no others.
/// The filter stands on the socket itself, so it holds for all clones of a listener.
fn hold_back_handshakes(listener: &TcpListener) -> io::Result<()> {
    // Classic BPF over the TCP header: byte 13 holds the flags, and 2 among them is SYN.
    let drop_syn = [
        SockFilter::new(0x30, 0, 0, 13),       // load the flags
        SockFilter::new(0x45, 0, 1, 0x02),     // SYN? then the next line, else the one after it
        SockFilter::new(0x06, 0, 0, 0),        // keep 0 bytes: drop
        SockFilter::new(0x06, 0, 0, u32::MAX), // keep all
    ];
    SockRef::from(listener).attach_filter(&drop_syn)
}

/// Takes what waits at a port and closes it. The port is asked without the runtime, which would pause in between.
fn take_the_last(listener: TcpListener, serve: &mut impl FnMut(TcpStream, SocketAddr)) -> io::Result<()> {
    let listener = listener.into_std()?;
    loop {
        match listener.accept() {
            Ok((stream, peer)) => {
                stream.set_nonblocking(true)?;
                serve(TcpStream::from_std(stream)?, peer);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bind;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn s14_whoever_connects_while_a_port_closes_is_served_or_refused_and_never_reset() {
        for _ in 0..5 {
            let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
            let address = listener.local_addr().unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let clients: Vec<_> = (0..8).map(|_| tokio::spawn(ask_until_refused(address))).collect();
            let mut served = 0;
            while served < 200 {
                served += answer(accept(&listener).await.0);
            }
            close(listener, |stream, _| served += answer(stream)).await;
            let mut answered = 0;
            for client in clients {
                answered += client.await.unwrap();
            }
            assert_eq!(answered, served);
        }
    }

    fn answer(mut stream: TcpStream) -> usize {
        tokio::spawn(async move {
            stream.read_u8().await.unwrap();
            stream.write_u8(1).await.unwrap();
        });
        1
    }

    async fn ask_until_refused(address: SocketAddr) -> usize {
        let mut answered = 0;
        loop {
            let mut stream = match TcpStream::connect(address).await {
                Ok(stream) => stream,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
                    return answered;
                }
            };
            stream.write_u8(0).await.unwrap();
            stream.read_u8().await.unwrap();
            answered += 1;
        }
    }
}
