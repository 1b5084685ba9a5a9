//! Clients that use keys while a test changes them.

use keyward_testkit::{Cluster, Issued, Keyward, RawClient};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Changes a key at a node: `enable`, `disable`.
pub(crate) async fn switch(node: &Keyward, key: &Issued, change: &str) {
    node.api_ok("POST", &format!("/v1/keys/{}/{change}", key.id), &Value::Null)
        .await;
}

/// Clients that ask every node for the same key, one after another, and must be let in each time.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    done: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) async fn start(cluster: &Cluster, secret: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let done = Arc::new(AtomicUsize::new(0));
        let mut clients = Vec::new();
        for node in &cluster.nodes {
            for _ in 0..4 {
                let mut client = RawClient::connect(node.gateway()).await;
                let (stop, done, secret) = (Arc::clone(&stop), Arc::clone(&done), secret.to_owned());
                clients.push(tokio::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        assert_eq!(client.verdict(&secret).await, "200");
                        done.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }));
            }
        }
        Self { stop, done, clients }
    }

    /// Ends it; gives how many requests were granted, which is all of them.
    pub(crate) async fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
        self.done.load(Ordering::Relaxed)
    }
}
