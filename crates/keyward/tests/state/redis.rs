//! Nodes that count limits in one Redis: exact over all of them, and what holds when it is away (L5, L8, L14, S8, S10).

mod faults;
mod minutes;
mod restarts;

use keyward_testkit::{
    EchoUpstream, Issued, KeySpec, Keyward, OWNER, Postgres, RawClient, Redis, eventually, exchange, get,
    verdict,
};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const REMAINING: &str = "X-RateLimit-Remaining";
const RESET: &str = "X-RateLimit-Reset";

fn limits(redis: &str, mode: &str, on_failure: &str) -> String {
    format!("[limits]\nurl = \"{redis}\"\nmode = \"{mode}\"\non_limiter_failure = \"{on_failure}\"\n")
}

/// Nodes over one PostgreSQL and one Redis.
struct House {
    nodes: Vec<Keyward>,
    redis: Redis,
    /// Whether what a client is told to be left never rises: nodes that take blocks tell it to within one.
    is_exact: bool,
    _server: Postgres,
    _upstream: EchoUpstream,
}

impl House {
    /// What cannot be counted is refused, so that a busy machine, on which an answer comes late, lets none pass uncounted.
    async fn start(modes: &[&str]) -> Self {
        let (server, redis) = (Postgres::start_quick(), Redis::start());
        let upstream = EchoUpstream::start().await;
        let mut nodes = Vec::new();
        for (number, mode) in modes.iter().enumerate() {
            let builder = Keyward::before(&upstream)
                .no_access_log()
                .database(&server.url("postgres"))
                .config_toml(&limits(&redis.url(), mode, "refuse"));
            let builder = if number == 0 { builder } else { builder.no_admin() };
            nodes.push(builder.start().await);
        }
        nodes[0].user(OWNER, "member").await;
        nodes[0].site("1").await;
        let house = Self {
            nodes,
            redis,
            is_exact: modes.iter().all(|mode| *mode == "exact"),
            _server: server,
            _upstream: upstream,
        };
        for node in &house.nodes {
            let known = house.nodes.len() as f64;
            node.wait_for_metric("keyward_limiter_nodes", |nodes| nodes == known)
                .await;
        }
        house
    }

    /// A key that every node knows.
    async fn key(&self, limit: u64) -> Issued {
        let key = self.nodes[0].key(KeySpec::new(OWNER, "k").limit(limit)).await;
        for node in &self.nodes {
            eventually("every node knows the key", async || {
                exchange(node.gateway(), get("/keyward/self", &key.secret))
                    .await
                    .status
                    == 200
            })
            .await;
        }
        key
    }

    /// Waits until a minute of Redis has so much left.
    async fn early_in_a_minute(&self) {
        eventually("a minute begins", async || self.redis.second_of_minute() < 35).await;
    }

    /// Sends requests to all nodes at once, until none passes any more.
    async fn flood(&self, key: &Issued, each: usize) -> Counted {
        self.flood_at(&self.nodes, key, each).await
    }

    /// The same to some nodes.
    async fn flood_at(&self, nodes: &[Keyward], key: &Issued, each: usize) -> Counted {
        let mut clients = Vec::new();
        for node in nodes {
            for _ in 0..4 {
                clients.push(tokio::spawn(flood_one(
                    RawClient::connect(node.gateway()).await,
                    key.secret.clone(),
                    each.div_ceil(4),
                    self.is_exact,
                )));
            }
        }
        let mut all = Counted::default();
        for client in clients {
            all = all.and(client.await.unwrap());
        }
        all
    }
}

/// What became of requests.
#[derive(Default, Debug)]
struct Counted {
    /// Those that passed, by the end of their window.
    passed: BTreeMap<i64, u64>,
    /// Those that Redis did not answer in time; each may be counted all the same.
    unanswered: u64,
}

impl Counted {
    fn and(mut self, other: Self) -> Self {
        for (window, passed) in other.passed {
            *self.passed.entry(window).or_default() += passed;
        }
        self.unanswered += other.unanswered;
        self
    }
}

async fn flood_one(mut client: RawClient, secret: String, requests: usize, is_exact: bool) -> Counted {
    let mut counted = Counted::default();
    let (mut last, mut window) = (i64::MAX, 0);
    for _ in 0..requests {
        let answer = client.ask(&secret).await;
        match verdict(&answer).as_str() {
            "503 unavailable" => {
                assert!(answer.number("Retry-After") >= 1);
                counted.unanswered += 1;
                continue;
            }
            "200" => *counted.passed.entry(answer.number(RESET)).or_default() += 1,
            "429 rate_limited" => {
                assert!((1..=60).contains(&answer.number("Retry-After")));
                assert_eq!(answer.number(REMAINING), 0);
            }
            other => panic!("{other}"),
        }
        let (reset, remaining) = (answer.number(RESET), answer.number(REMAINING));
        if is_exact && reset == window {
            assert!(remaining <= last, "{remaining} left after {last}");
        }
        (last, window) = (remaining, reset);
    }
    counted
}

/// One window at several times the limit.
async fn counted_together(modes: [&str; 3], limit: u64, may_lack: u64) {
    let house = House::start(&modes).await;
    for _ in 0..3 {
        house.early_in_a_minute().await;
        let key = house.key(limit).await;
        let counted = house.flood(&key, usize::try_from(limit).unwrap()).await;
        eprintln!("{modes:?}, {limit} a minute: {counted:?}");
        for passed in counted.passed.values() {
            assert!(*passed <= limit, "{counted:?}");
        }
        // A flood that reached into the next minute did not fill it.
        if let [passed] = counted.passed.values().copied().collect::<Vec<_>>()[..] {
            assert!(passed + counted.unanswered + may_lack >= limit, "{counted:?}");
            return;
        }
    }
    panic!("a minute ended in every round");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l1_three_nodes_let_exactly_the_limit_pass_together() {
    counted_together(["exact"; 3], 300, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leased_nodes_let_no_more_pass_than_the_limit_and_nearly_all_of_it() {
    counted_together(["leased"; 3], 2000, 20).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_modes_may_share_a_counter() {
    counted_together(["exact", "leased", "leased"], 1200, 12).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k1_redis_is_told_ids_and_numbers_and_no_secret() {
    let house = House::start(&["exact", "leased"]).await;
    let key = house.key(1000).await;
    house.flood(&key, 40).await;
    let counter = format!("keyward:{}", key.id);
    let names = house.redis.command(&["KEYS", "*"]);
    assert!(names.lines().any(|name| name == counter), "{names}");
    assert!(names.lines().all(|name| name.starts_with("keyward:")), "{names}");
    let count = house.redis.command(&["GET", &counter]);
    assert!(count.bytes().all(|b| b.is_ascii_digit() || b == b':'), "{count}");
    let log = [house.redis.command(&["SLOWLOG", "GET", "100"]), house.redis.log()].concat();
    assert!(!names.contains(&key.secret) && !log.contains(&key.secret));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l14_a_node_that_restarts_in_a_minute_gets_no_window_of_its_own() {
    for mode in ["exact", "leased"] {
        let house = House::start(&[mode]).await;
        let mut counted = Counted::default();
        let key = house.key(100).await;
        for round in 0..3 {
            if round > 0 {
                house.nodes[0].restart().await;
            }
            for (window, passed) in house.flood(&key, 200).await.passed {
                *counted.passed.entry(window).or_default() += passed;
            }
        }
        for passed in counted.passed.values() {
            assert!(*passed <= 100, "{mode}: {counted:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l8_who_waits_as_long_as_is_said_passes_then() {
    let house = House::start(&["exact"]).await;
    let mut waits = Vec::new();
    for _ in 0..20 {
        let key = house.key(1).await;
        let secret = key.secret.clone();
        let gateway = house.nodes[0].gateway();
        waits.push(tokio::spawn(async move {
            let mut client = RawClient::connect(gateway).await;
            loop {
                let answer = client.ask(&secret).await;
                if verdict(&answer) == "429 rate_limited" {
                    let said = u64::try_from(answer.number("Retry-After")).unwrap();
                    tokio::time::sleep(Duration::from_secs(said)).await;
                    return client.verdict(&secret).await;
                }
            }
        }));
    }
    let mut passed = 0;
    for wait in waits {
        let then = wait.await.unwrap();
        assert!(["200", "503 unavailable"].contains(&then.as_str()), "{then}");
        passed += u32::from(then == "200");
    }
    assert!(passed > 0, "nobody passed");
}
