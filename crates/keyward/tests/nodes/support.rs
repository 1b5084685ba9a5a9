//! What the modules share: three nodes, each with a wire of its own to the database.

use keyward_testkit::{
    EchoUpstream, Issued, Keyward, Postgres, RawClient, RawResponse, TcpProxy, exchange, request,
};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

pub(crate) const OWNER: &str = "owner@example.com";
pub(crate) const NODES: usize = 3;
/// The longest that a test waits for what must come.
pub(crate) const GUARD: Duration = Duration::from_secs(60);

/// `light`, or `heavy` when `KEYWARD_HEAVY` is set.
pub(crate) fn sized(light: usize, heavy: usize) -> usize {
    if std::env::var_os("KEYWARD_HEAVY").is_some() {
        heavy
    } else {
        light
    }
}

/// Three nodes before one upstream and over one database, with the user [`OWNER`] and the site 1.
pub(crate) struct Cluster {
    // Ends in this order: nodes, their wires, the server.
    pub(crate) nodes: Vec<Keyward>,
    /// Between a node and the server.
    pub(crate) wires: Vec<TcpProxy>,
    pub(crate) server: Arc<Postgres>,
    pub(crate) upstream: EchoUpstream,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// With more configuration, the same for each node.
    pub(crate) async fn start_with(config: &str) -> Self {
        let server = blocking(Postgres::start).await;
        let upstream = EchoUpstream::start().await;
        upstream.record_bodies(false);
        let (mut wires, mut nodes) = (Vec::new(), Vec::new());
        for _ in 0..NODES {
            let wire = TcpProxy::start(server.address());
            let database = format!(
                "[database]\nurl = \"postgres://keyward@{}/postgres\"",
                wire.address()
            );
            let node = Keyward::builder()
                .upstream(upstream.address())
                .config_toml("[log]\naccess = false")
                .config_toml(&database)
                .config_toml(config)
                .start()
                .await;
            nodes.push(node);
            wires.push(wire);
        }
        nodes[0].user(OWNER, "member").await;
        nodes[0].site("1").await;
        let server = Arc::new(server);
        let cluster = Self {
            nodes,
            wires,
            server,
            upstream,
        };
        cluster.agree().await;
        cluster
    }

    /// Waits until every node has what every other has.
    pub(crate) async fn agree(&self) {
        let began = Instant::now();
        loop {
            let mut revisions = Vec::new();
            for node in &self.nodes {
                revisions.push(readyz(node).await["revision"].as_u64());
            }
            if revisions[0].is_some() && revisions.iter().all(|other| *other == revisions[0]) {
                return;
            }
            assert!(began.elapsed() < GUARD, "the nodes do not agree: {revisions:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Does something to the server that blocks.
    pub(crate) async fn server<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Postgres) -> T + Send + 'static,
    ) -> T {
        let server = Arc::clone(&self.server);
        blocking(move || act(&server)).await
    }
}

/// Runs what blocks on a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(act).await.unwrap()
}

/// What `/readyz` says, whatever its status.
pub(crate) async fn readyz(node: &Keyward) -> Value {
    let asked = request("GET", "/readyz", &[("Connection", "close")], "");
    exchange(node.ops(), asked).await.json()
}

pub(crate) fn get(secret: &str) -> Vec<u8> {
    request("GET", "/api/1/x", &[("X-API-KEY", secret)], "")
}

/// What becomes of a request at a node: `200`, or the status and code of a problem document.
pub(crate) async fn ask(node: &Keyward, secret: &str) -> String {
    verdict(&exchange(node.gateway(), get(secret)).await)
}

/// The same on a connection that is kept.
pub(crate) async fn ask_on(client: &mut RawClient, secret: &str) -> String {
    client.send(get(secret)).await;
    verdict(&client.read_response().await)
}

pub(crate) fn verdict(answer: &RawResponse) -> String {
    if answer.status == 200 {
        return "200".to_owned();
    }
    let problem = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    format!("{} {}", answer.status, problem["code"].as_str().unwrap_or("-"))
}

/// Waits until a node judges a key so; gives when the last request began that it judged otherwise.
pub(crate) async fn wait_for(node: &Keyward, secret: &str, wanted: &str) -> Option<Instant> {
    let began = Instant::now();
    let mut client = RawClient::connect(node.gateway()).await;
    let mut last = None;
    loop {
        let asked = Instant::now();
        let seen = ask_on(&mut client, secret).await;
        if seen == wanted {
            return last;
        }
        last = Some(asked);
        let waited = began.elapsed();
        assert!(
            waited < GUARD,
            "{seen} in place of {wanted}; log:\n{}",
            node.log()
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

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
                        assert_eq!(ask_on(&mut client, &secret).await, "200");
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

/// Some times, in short.
#[derive(Debug)]
pub(crate) struct Times {
    pub(crate) half: Duration,
    pub(crate) max: Duration,
}

/// Prints p50, p99 and the longest of some times; gives the first and the last of these.
#[expect(clippy::print_stdout, reason = "the figures are for whoever runs the test")]
pub(crate) fn told(what: &str, mut times: Vec<Duration>) -> Times {
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 100];
    println!(
        "{what}: {} times, p50 {:?}, p99 {:?}, max {:?}",
        times.len(),
        at(50),
        at(99),
        at(100)
    );
    Times {
        half: at(50),
        max: at(100),
    }
}
