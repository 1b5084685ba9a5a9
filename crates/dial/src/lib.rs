//! Connections to other servers: to upstreams, to a provider of OpenID Connect, to a Keyward that is asked. A name may have
//! several addresses, and one of them may answer nothing; so they are tried as RFC 8305 says (Happy Eyeballs): the next one is
//! begun a quarter of a second after the one before, or as soon as that one fails, and the first that takes the connection
//! has it. Whoever connects to a name connects here. Two libraries connect by themselves: that of Redis tries all addresses at
//! once, and that of PostgreSQL one after another.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicI32, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{sleep, timeout};

/// How long one address is waited for before the next is tried beside it (RFC 8305, section 5).
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// Which numbers of descriptors connections may have: the system gives the lowest that is free, so whoever takes none from some
/// number on leaves the last ones to others.
static DESCRIPTORS_BELOW: AtomicI32 = AtomicI32::new(i32::MAX);

type Attempt = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// From here on, a connection whose descriptor would have this number or a higher one is not made: the last descriptors of the
/// process are for others. Without it there is no bound.
pub fn leave_descriptors(from: i32) {
    DESCRIPTORS_BELOW.store(from, Ordering::Relaxed);
}

/// Connects to a host, which is a name, or an address without brackets. The look-up of the name and all tries together may take
/// `patience`.
///
/// # Errors
/// That of the try that failed last; `TimedOut` after `patience`.
pub async fn connect(host: &str, port: u16, patience: Duration) -> io::Result<TcpStream> {
    let work = async { connect_any(lookup_host((host, port)).await?).await };
    timeout(patience, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// Connects to the first of these addresses that takes the connection. They are tried in their order, but that families take
/// turns: where one has no way out, the other is not far behind.
///
/// # Errors
/// That of the try that failed last.
pub async fn connect_any(addresses: impl IntoIterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = in_turns(addresses).into_iter().peekable();
    let mut under_way: Vec<Attempt> = Vec::new();
    let mut fault = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        match waiting.next() {
            Some(address) => under_way.push(Box::pin(begin(address))),
            None if under_way.is_empty() => return Err(fault),
            None => {}
        }
        tokio::select! {
            biased;
            made = first_of(&mut under_way) => match made {
                Ok(stream) => return Ok(stream),
                Err(error) => fault = error,
            },
            () = sleep(NEXT_AFTER), if waiting.peek().is_some() => {}
        }
    }
}

/// Connects to one address, unless the descriptors that are left are for others.
async fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if socket.as_raw_fd() >= DESCRIPTORS_BELOW.load(Ordering::Relaxed) {
        return Err(io::Error::other("no file descriptors are left for it"));
    }
    socket.connect(address).await
}

/// The first that ends, whichever way; it is then no longer under way.
async fn first_of(attempts: &mut Vec<Attempt>) -> io::Result<TcpStream> {
    poll_fn(|cx| {
        for n in 0..attempts.len() {
            if let Poll::Ready(made) = attempts[n].as_mut().poll(cx) {
                drop(attempts.swap_remove(n));
                return Poll::Ready(made);
            }
        }
        Poll::Pending
    })
    .await
}

/// Each address once; IPv6 and IPv4 by turns, beginning with whichever came first (RFC 8305, section 4).
fn in_turns(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut first = Vec::new();
    let mut second = Vec::new();
    for address in addresses {
        let list = match first.first() {
            Some(leader) if SocketAddr::is_ipv4(leader) != address.is_ipv4() => &mut second,
            _ => &mut first,
        };
        if !list.contains(&address) {
            list.push(address);
        }
    }
    let mut turns = Vec::with_capacity(first.len() + second.len());
    let mut second = second.into_iter();
    for address in first {
        turns.push(address);
        turns.extend(second.next());
    }
    turns.extend(second);
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;
    use tokio::time::Instant;

    /// More connections than any queue of these tests holds.
    const MANY: usize = 64;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    /// An address that answers nothing: somebody listens, and the queue of those who wait to be taken is full.
    struct Silent {
        address: SocketAddr,
        _listener: TcpListener,
        _queued: Vec<TcpStream>,
    }

    async fn silent(at: &str) -> Silent {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address(at)).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        while queued.len() < MANY {
            match timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
                Ok(made) => queued.push(made.unwrap()),
                Err(_) => break,
            }
        }
        assert!(queued.len() < MANY, "the queue never fills");
        Silent {
            address,
            _listener: listener,
            _queued: queued,
        }
    }

    async fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    /// An address where nobody listens.
    async fn closed() -> SocketAddr {
        listening().await.1
    }

    #[tokio::test]
    async fn an_address_that_answers_nothing_does_not_keep_the_others_from_being_tried() {
        let first = silent("127.0.0.1:0").await;
        let second = silent("127.0.0.2:0").await;
        let (_listener, good) = listening().await;
        let refused = closed().await;
        for (addresses, least) in [
            (vec![good, first.address], Duration::ZERO),
            (vec![first.address, good], NEXT_AFTER),
            (vec![first.address, refused, good], NEXT_AFTER),
            (vec![refused, good], Duration::ZERO),
            (vec![first.address, second.address, good], NEXT_AFTER * 2),
        ] {
            let began = Instant::now();
            let stream = connect_any(addresses.clone()).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), good, "{addresses:?}");
            assert!(began.elapsed() >= least, "{addresses:?}: {:?}", began.elapsed());
        }
    }

    #[tokio::test]
    async fn when_none_takes_the_connection_the_last_fault_is_told_and_the_bound_holds() {
        let refused = connect_any([closed().await, closed().await]).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(connect_any([]).await.unwrap_err().kind(), io::ErrorKind::NotFound);
        let dead = silent("127.0.0.1:0").await;
        let host = dead.address.ip().to_string();
        let late = connect(&host, dead.address.port(), Duration::from_millis(300)).await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let none = connect("name.invalid", 80, Duration::from_secs(60)).await;
        assert!(none.is_err());
    }

    #[test]
    fn families_take_turns_and_no_address_is_tried_twice() {
        let all = |texts: &[&str]| texts.iter().map(|text| address(text)).collect::<Vec<_>>();
        for (given, wanted) in [
            (&["1.1.1.1:1"][..], &["1.1.1.1:1"][..]),
            (
                &["[::1]:1", "[::2]:1", "1.1.1.1:1", "1.1.1.2:1"],
                &["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1"],
            ),
            (
                &["1.1.1.1:1", "1.1.1.1:1", "[::1]:1", "[::2]:1", "[::3]:1"],
                &["1.1.1.1:1", "[::1]:1", "[::2]:1", "[::3]:1"],
            ),
        ] {
            assert_eq!(in_turns(all(given)), all(wanted));
        }
    }
}
