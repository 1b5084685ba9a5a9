//! S14: three nodes behind a load balancer are restarted one after another, and nobody notices.

use keyward_testkit::{
    Cluster, HaProxy, KeySpec, Keyward, OWNER, RawClient, blocking, get, request, sized, verdict,
};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;

/// The configuration that users are given, before these nodes; gives where it listens for clients.
pub(crate) async fn balancer(nodes: &[Keyward]) -> (HaProxy, SocketAddr) {
    let (api, console) = (HaProxy::free_address(), HaProxy::free_address());
    let mut environment = vec![
        ("KEYWARD_API".to_owned(), api.to_string()),
        ("KEYWARD_CONSOLE".to_owned(), console.to_string()),
    ];
    for (number, node) in (1..).zip(nodes) {
        environment.extend([
            (format!("KEYWARD_{number}"), node.gateway().to_string()),
            (format!("KEYWARD_{number}_CONSOLE"), node.console().to_string()),
            (
                format!("KEYWARD_{number}_OPS_PORT"),
                node.ops().port().to_string(),
            ),
        ]);
    }
    let configuration = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/haproxy.cfg");
    let proxy = blocking(move || HaProxy::start(&configuration, &environment, &[api, console])).await;
    (proxy, api)
}

/// Requests at a constant pace, on kept connections and on new ones; each must be granted.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: JoinSet<()>,
}

impl Traffic {
    pub(crate) fn start(address: SocketAddr, secret: &str, clients: usize) -> Self {
        let (stop, answered) = <(Arc<AtomicBool>, Arc<AtomicUsize>)>::default();
        let mut traffic = Self {
            stop,
            answered,
            clients: JoinSet::new(),
        };
        for number in 0..clients {
            let (stop, answered) = (Arc::clone(&traffic.stop), Arc::clone(&traffic.answered));
            let bytes = if number % 3 == 0 {
                request("POST", "/api/1/x", &[("X-API-KEY", secret)], vec![b'b'; 2000])
            } else {
                get("/api/1/x", secret)
            };
            traffic.clients.spawn(async move {
                let mut kept = None;
                while !stop.load(Ordering::Relaxed) {
                    // Every other client has a connection for each request.
                    let mut client = match kept.take().filter(|_| number % 2 == 0) {
                        Some(client) => client,
                        None => RawClient::connect(address).await,
                    };
                    client.send(&bytes).await;
                    let answer = client.read_response().await;
                    assert_eq!(verdict(&answer), "200", "{}", answer.text());
                    answered.fetch_add(1, Ordering::Relaxed);
                    kept = Some(client).filter(|_| answer.header("connection") != Some("close"));
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
        traffic
    }

    pub(crate) async fn wait_for(&mut self, more: usize) {
        let wanted = self.answered.load(Ordering::Relaxed) + more;
        while self.answered.load(Ordering::Relaxed) < wanted {
            if let Some(ended) = self.clients.try_join_next() {
                ended.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn stop(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.clients.join_next().await {
            ended.unwrap();
        }
        self.answered.load(Ordering::Relaxed)
    }
}

pub(crate) async fn wait_for_traffic(node: &Keyward) {
    let sent = "keyward_gateway_answers_total";
    node.wait_for_metric(sent, |answers| answers >= 20.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_three_nodes_restarted_one_after_another_fail_no_request() {
    let cluster = Cluster::builder()
        .config("[gateway.timeouts]\ndrain_delay = \"2s\"")
        .start()
        .await;
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "one")).await;
    cluster.agree().await;
    let (proxy, address) = balancer(&cluster.nodes).await;
    let mut traffic = Traffic::start(address, &key.secret, sized(24, 96));
    for round in 0..sized(1, 5) {
        for node in &cluster.nodes {
            traffic.wait_for(500).await;
            node.restart().await;
            traffic.wait_for(500).await;
            // The balancer has to have seen that it is back before the next one goes: it counts from 0 since its start.
            wait_for_traffic(node).await;
        }
        assert!(traffic.answered.load(Ordering::Relaxed) > 3000, "round {round}");
    }
    let answered = traffic.stop().await;
    assert_eq!(answered, cluster.upstream.count(), "{}", proxy.log());
    println!("rolling restart of three nodes: {answered} requests, 0 failed");
}

/// Each client has one request under way when a node is killed: that one may break, and no other does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_killed_breaks_what_is_under_way_on_it_and_nothing_else() {
    const REQUESTS_AFTER: usize = 60;
    let cluster = Cluster::start().await;
    let key = cluster.nodes[0].key(KeySpec::new(OWNER, "one")).await;
    cluster.agree().await;
    let (proxy, address) = balancer(&cluster.nodes).await;
    let is_killed = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for number in 0..12 {
        let is_killed = Arc::clone(&is_killed);
        let bytes = match number % 2 {
            0 => request("POST", "/api/1/x", &[("X-API-KEY", &key.secret)], "body"),
            _ => get("/api/1/x", &key.secret),
        };
        clients.spawn(async move {
            let (mut broken, mut after) = (Vec::new(), 0);
            while after < REQUESTS_AFTER {
                after += usize::from(is_killed.load(Ordering::SeqCst));
                let mut client = RawClient::connect(address).await;
                client.send(&bytes).await;
                let answer = client.read_response().await;
                if verdict(&answer) != "200" {
                    broken.push(answer.text());
                }
            }
            broken
        });
    }
    wait_for_traffic(&cluster.nodes[1]).await;
    cluster.nodes[1].sigkill();
    is_killed.store(true, Ordering::SeqCst);
    while let Some(broken) = clients.join_next().await {
        let broken = broken.unwrap();
        assert!(broken.len() <= 1, "{broken:#?}\n{}", proxy.log());
    }
}
