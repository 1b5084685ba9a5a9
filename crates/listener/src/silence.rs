//! The end of connections whose other end is gone. Who loses the network says no goodbye: only the system can find out, by
//! what is not acknowledged.

use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// So many questions are asked in the second half of the patience.
const QUESTIONS: u32 = 4;

/// Lets the system end a connection whose other end acknowledges nothing for so long: neither what is sent to it, nor, when
/// nothing is, the question whether it is there. What a port is told holds for all connections that it accepts.
pub fn end_when_gone(socket: &impl AsFd, patience: Duration) {
    if let Err(error) = tell(&SockRef::from(socket), patience) {
        tracing::debug!(%error, "connections whose other end is gone are kept for longer");
    }
}

fn tell(socket: &SockRef<'_>, patience: Duration) -> io::Result<()> {
    let second = Duration::from_secs(1);
    let half = patience / 2;
    let questions = TcpKeepalive::new()
        .with_time(half.max(second))
        .with_interval((half / QUESTIONS).max(second))
        .with_retries(QUESTIONS);
    socket.set_tcp_keepalive(&questions)?;
    socket.set_tcp_user_timeout(Some(patience))
}

#[cfg(test)]
mod tests {
    use super::*;
    use socket2::SockFilter;
    use std::io::ErrorKind;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// A connection whose client's system gets no packet of it any more, and so acknowledges none.
    async fn abandoned() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        end_when_gone(&listener, Duration::from_secs(2));
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let served = listener.accept().await.unwrap().0;
        SockRef::from(&client)
            .attach_filter(&[SockFilter::new(0x06, 0, 0, 0)])
            .unwrap();
        (client, served)
    }

    #[tokio::test]
    async fn a_client_that_is_gone_without_a_word_is_not_kept() {
        let (_client, mut served) = abandoned().await;
        served.write_all(b"are you there?").await.unwrap();
        let end = served.read_u8().await.unwrap_err();
        assert_eq!(end.kind(), ErrorKind::TimedOut, "{end}");
    }

    #[tokio::test]
    async fn nor_is_one_to_which_there_is_nothing_to_say() {
        let (_client, mut served) = abandoned().await;
        let end = served.read_u8().await.unwrap_err();
        assert_eq!(end.kind(), ErrorKind::TimedOut, "{end}");
    }
}
