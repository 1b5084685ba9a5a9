//! A provider that hangs, under a clock that goes on meanwhile.

use super::*;
use crate::settings::Settings;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A server that is asked and says nothing until it hangs up.
struct Hanging {
    known: Arc<Known>,
    clock: Arc<AtomicI64>,
    asked: Arc<AtomicUsize>,
    connections: mpsc::Receiver<TcpStream>,
}

impl Hanging {
    async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (clock, asked) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicUsize::new(0)));
        let (send, connections) = mpsc::channel(8);
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                send.send(stream).await.unwrap();
            }
        });
        let settings = Settings {
            issuer: Issuer::new(&format!("http://127.0.0.1:{port}")).unwrap(),
            client_id: "keyward".into(),
            client_secret_file: None,
            name: "SSO".into(),
            ca_file: None,
            scopes: Vec::new(),
        };
        let http = Arc::new(HttpClient::new(&settings).unwrap());
        let shown = Arc::clone(&clock);
        let now: Now = Arc::new(move || Timestamp::from_millis(shown.load(Ordering::SeqCst)));
        Self {
            known: Arc::new(Known::new(settings.issuer, http, now)),
            clock,
            asked,
            connections,
        }
    }

    fn wait(&self, millis: i64) {
        self.clock.fetch_add(millis, Ordering::SeqCst);
    }

    fn ask(&self) -> tokio::task::JoinHandle<Result<Found, Fault>> {
        let known = Arc::clone(&self.known);
        tokio::spawn(async move { known.get().await })
    }

    /// Hangs up on the next one that asks, after so long.
    async fn hang_up(&mut self, millis: i64) {
        let connection = self.connections.recv().await.unwrap();
        self.wait(millis);
        drop(connection);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn a_provider_that_hung_is_left_alone_from_the_end_of_that_on() {
    let mut provider = Hanging::new().await;
    let first = provider.ask();
    provider.hang_up(10_000).await;
    assert!(first.await.unwrap().is_err());
    for millis in [0, 4_999] {
        provider.wait(millis);
        assert!(provider.ask().await.unwrap().is_err());
        assert_eq!(provider.asked(), 1, "it was asked again");
    }
    provider.wait(1);
    let again = provider.ask();
    provider.hang_up(0).await;
    assert!(again.await.unwrap().is_err());
    assert_eq!(provider.asked(), 2);
}

#[tokio::test]
async fn what_comes_is_known_though_whoever_asked_has_gone_away() {
    let mut provider = Hanging::new().await;
    let first = provider.ask();
    let connection = provider.connections.recv().await.unwrap();
    first.abort();
    assert!(first.await.is_err());
    provider.wait(10_000);
    // Another one waits for the same answer and does not ask again.
    let second = provider.ask();
    tokio::task::yield_now().await;
    drop(connection);
    assert!(second.await.unwrap().is_err());
    assert_eq!(provider.asked(), 1);
}
