//! A hundred nodes over one PostgreSQL: what they cost it, and how soon all have a change. Each is an engine with its background
//! jobs and connections of its own, all in this process.

use keyward_engine::testing::{create_user, settings, use_case};
use keyward_engine::{Background, Engine, NodeAbout, SystemClock};
use keyward_store::{PostgresOptions, PostgresStore};
use keyward_testkit::{Postgres, blocking, eventually, sized};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For how long it is measured what they cost when nothing changes.
const MEASURED: Duration = Duration::from_secs(6);
const CHANGES: usize = 10;

/// The server, and the nodes over it.
struct Fleet {
    server: Arc<Postgres>,
    nodes: Vec<(Arc<Engine>, Background)>,
}

/// What the server was asked since its start, and what that took, as it counts itself.
#[derive(Clone, Copy)]
struct Asked {
    at: Instant,
    transactions: f64,
    sessions: f64,
    cpu_seconds: f64,
}

impl Fleet {
    async fn start(count: usize) -> Self {
        let server = Arc::new(blocking(|| Postgres::start_with(&["max_connections=500"])).await);
        let mut nodes = Vec::new();
        for number in 0..count {
            nodes.push(start_node(&server, number).await);
        }
        Self { server, nodes }
    }

    async fn sql(&self, statement: &'static str) -> f64 {
        let server = Arc::clone(&self.server);
        let told = blocking(move || server.sql("postgres", statement)).await;
        told.parse().unwrap()
    }

    /// Those that are open and not needed, as the nodes count them.
    fn idle(&self) -> usize {
        let idle = |node: &Engine| node.store().connections().unwrap().idle;
        self.nodes.iter().map(|(node, _)| idle(node)).sum()
    }

    async fn connections(&self) -> f64 {
        self.sql("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")
            .await
    }

    async fn asked(&self) -> Asked {
        let transactions = self
            .sql(
                "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()",
            )
            .await;
        Asked {
            at: Instant::now(),
            transactions,
            sessions: self
                .sql("SELECT sessions FROM pg_stat_database WHERE datname = current_database()")
                .await,
            cpu_seconds: self.server.cpu_seconds(),
        }
    }

    /// Makes a change on one node, and waits until all have it.
    async fn change(&self, turn: usize) -> Duration {
        let (maker, _) = &self.nodes[turn % self.nodes.len()];
        let begun = Instant::now();
        create_user(maker, &format!("user-{turn}@example.com")).await;
        let revision = maker.status().revision;
        eventually("all nodes have the change", async || {
            let mut nodes = self.nodes.iter();
            nodes.all(|(node, _)| node.status().revision >= revision)
        })
        .await;
        begun.elapsed()
    }
}

async fn start_node(server: &Postgres, number: usize) -> (Arc<Engine>, Background) {
    let options = PostgresOptions {
        url: server.url("postgres"),
        password: None,
        listen_url: None,
        create: number == 0,
        migrate: number == 0,
        read_only: false,
    };
    let store = Arc::new(PostgresStore::open(&options).await.unwrap());
    let use_cases = settings(vec![use_case("rest-api", "API")]);
    let engine = Arc::new(Engine::new(store, Arc::new(SystemClock), use_cases));
    engine.load().await.unwrap();
    engine.name_node(NodeAbout {
        host: format!("host-{number}"),
        address: "192.0.2.1:8080".to_owned(),
        version: "1.2.3".to_owned(),
    });
    let background = Background::start(&engine);
    (engine, background)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_nodes_hold_three_connections_each_cost_little_when_quiet_and_soon_have_a_change() {
    let fleet = Fleet::start(sized(20, 100)).await;
    let count = fleet.nodes.len() as f64;
    println!(
        "{count} nodes after their start: {} connections",
        fleet.connections().await
    );
    // To ask the server all the time would cost it more than the nodes do.
    eventually("what was opened for the start is not kept", async || {
        fleet.idle() <= 2 * fleet.nodes.len()
    })
    .await;
    eventually("nodes hold three connections each at most", async || {
        fleet.connections().await <= 3.0 * count
    })
    .await;

    let before = fleet.asked().await;
    tokio::time::sleep(MEASURED).await;
    let quiet = fleet.asked().await;
    let seconds = quiet.at.duration_since(before.at).as_secs_f64();
    let busy = (quiet.cpu_seconds - before.cpu_seconds) / seconds;
    let a_second = (quiet.transactions - before.transactions) / seconds;
    let begun = quiet.sessions - before.sessions;
    println!(
        "quiet: {} connections, {a_second:.0} transactions a second, {begun} sessions begun, {:.1} % of a core",
        fleet.connections().await,
        busy * 100.0
    );
    // Each asks for the position once a second, tells of itself every five, and asks whether it is still told every three.
    assert!(a_second <= 2.0 * count, "{a_second} transactions a second");

    let before = fleet.asked().await;
    let mut times = Vec::new();
    for turn in 0..CHANGES {
        times.push(fleet.change(turn).await);
    }
    times.sort();
    let after = fleet.asked().await;
    println!(
        "a change is on all after {:?}, at most {:?}; {} transactions for {CHANGES} changes; {} connections then",
        times[CHANGES / 2],
        times[CHANGES - 1],
        after.transactions - before.transactions,
        fleet.connections().await,
    );
    // All nodes are in this one process, on cores that other things keep busy: bench/README.md.
    assert!(times[CHANGES / 2] < Duration::from_secs(1), "{times:?}");
    assert!(times[CHANGES - 1] < Duration::from_secs(2), "{times:?}");
    assert!(busy <= sized(0.05, 0.15), "{busy} of a core when nothing changes");
    for (_, background) in fleet.nodes {
        background.stop().await;
    }
}
