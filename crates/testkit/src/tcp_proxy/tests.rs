use super::*;
use std::net::Ipv4Addr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A server that answers every byte with the same byte.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ended = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn connect(proxy: &TcpProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

async fn talk(stream: &mut TcpStream) -> std::io::Result<u8> {
    stream.write_all(b"x").await?;
    stream.read_u8().await
}

#[tokio::test]
async fn what_is_sent_arrives_and_comes_back() {
    let proxy = TcpProxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    assert_eq!(talk(&mut stream).await.unwrap(), b'x');
    assert_eq!(proxy.connections(), 1);
    stream.shutdown().await.unwrap();
    assert_eq!(
        stream.read(&mut [0; 8]).await.unwrap(),
        0,
        "the end is carried too"
    );
}

#[tokio::test]
async fn delayed_bytes_arrive_no_earlier_in_either_direction() {
    let proxy = TcpProxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    proxy.delay(Duration::from_millis(100));
    let began = Instant::now();
    assert_eq!(talk(&mut stream).await.unwrap(), b'x');
    assert!(began.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn held_bytes_arrive_when_the_network_is_healed() {
    let proxy = TcpProxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    proxy.hold();
    stream.write_all(b"y").await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(100), stream.read_u8()).await;
    assert!(early.is_err(), "{early:?}");
    proxy.heal();
    assert_eq!(stream.read_u8().await.unwrap(), b'y');
}

#[tokio::test]
async fn cut_resets_those_who_are_connected_and_lets_others_in() {
    let proxy = TcpProxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    talk(&mut stream).await.unwrap();
    proxy.cut();
    let fault = talk(&mut stream).await.unwrap_err();
    assert!(
        matches!(
            fault.kind(),
            std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe
        ),
        "{fault}"
    );
    talk(&mut connect(&proxy).await).await.unwrap();
}

#[tokio::test]
async fn cut_resets_those_too_who_have_just_connected() {
    let proxy = TcpProxy::start(echo().await);
    for round in 0..200 {
        let mut stream = connect(&proxy).await;
        proxy.cut();
        assert!(talk(&mut stream).await.is_err(), "round {round}");
    }
    talk(&mut connect(&proxy).await).await.unwrap();
}

#[tokio::test]
async fn refused_clients_are_told_so_and_those_within_stay() {
    let proxy = TcpProxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    talk(&mut stream).await.unwrap();
    proxy.refuse();
    let fault = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(fault.kind(), std::io::ErrorKind::ConnectionRefused);
    talk(&mut stream).await.unwrap();
    proxy.heal();
    talk(&mut connect(&proxy).await).await.unwrap();
}

#[tokio::test]
async fn a_half_closed_connection_still_carries_what_is_sent() {
    let proxy = TcpProxy::start(echo().await);
    let mut stream = connect(&proxy).await;
    talk(&mut stream).await.unwrap();
    proxy.half_close();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "no more answers");
    stream.write_all(b"z").await.unwrap();
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn new_connections_go_to_the_new_target() {
    let proxy = TcpProxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    // The reset may come while the client still connects.
    let refused = match TcpStream::connect(proxy.address()).await {
        Ok(mut stream) => talk(&mut stream).await,
        Err(fault) => Err(fault),
    };
    assert!(refused.is_err(), "nobody is there");
    proxy.retarget(echo().await);
    talk(&mut connect(&proxy).await).await.unwrap();
}

#[tokio::test]
async fn swallowed_connections_say_nothing_and_new_ones_are_served() {
    let proxy = TcpProxy::start(echo().await);
    let mut old = connect(&proxy).await;
    talk(&mut old).await.unwrap();
    proxy.swallow();
    let mut new = connect(&proxy).await;
    old.write_all(b"x").await.unwrap();
    talk(&mut new).await.unwrap();
    let mut byte = [0; 1];
    let answer = tokio::time::timeout(Duration::from_millis(100), old.read(&mut byte)).await;
    assert!(answer.is_err(), "{answer:?}");
}
