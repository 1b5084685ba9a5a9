//! Redis away: what holds, that it is told once, and that it ends by itself.

use super::*;
use keyward_testkit::{Signal, TcpProxy, WAIT_TIMEOUT};
use serde_json::json;

const EACH: [&str; 3] = ["local", "refuse", "allow"];
const UP: &str = "keyward_limiter_redis_up";
const FAILURES: &str = "keyward_limiter_failures_total";

/// A node of its own that reaches Redis through a network that can break.
struct Node {
    keyward: Keyward,
    on_failure: &'static str,
}

const LIMIT: u64 = 5;

async fn node(upstream: &EchoUpstream, proxy: &TcpProxy, on_failure: &'static str) -> Node {
    let url = format!("redis://{}", proxy.address());
    let keyward = Keyward::before(upstream)
        .no_access_log()
        .config_toml(&limits(&url, "exact", on_failure))
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    keyward.site("1").await;
    keyward.wait_for_metric(UP, |up| up == 1.0).await;
    Node { keyward, on_failure }
}

impl Node {
    /// What is in force, as the probe of readiness tells it.
    async fn mode(&self) -> String {
        let answer = self.keyward.readyz().await;
        assert_eq!(answer.status, 200, "a node without Redis is ready all the same");
        let told = answer.json();
        told["limiter"].as_str().unwrap().to_owned()
    }

    /// The longest that a request takes from the beginning of an outage until the node knows of it.
    async fn slowest_until_known(&self) -> Duration {
        let key = self.keyward.key(KeySpec::new(OWNER, "k").limit(1_000_000)).await;
        let mut client = RawClient::connect(self.keyward.gateway()).await;
        let mut slowest = Duration::ZERO;
        let until = Instant::now() + WAIT_TIMEOUT;
        while self.keyward.metric(UP).await != Some(0.0) {
            assert!(Instant::now() < until, "nobody has noticed");
            let began = Instant::now();
            client.ask(&key.secret).await;
            slowest = slowest.max(began.elapsed());
        }
        slowest
    }

    async fn holds_as_set(&self) {
        self.keyward.wait_for_metric(UP, |up| up == 0.0).await;
        assert_eq!(self.mode().await, self.on_failure);
        let series = format!(
            "keyward_limiter_without_redis_total{{mode=\"{}\"}}",
            self.on_failure
        );
        // A key that has counted nowhere yet.
        let key = self.keyward.key(KeySpec::new(OWNER, "k").limit(LIMIT)).await;
        let before = self.keyward.metric(&series).await.unwrap_or(0.0);
        let mut client = RawClient::connect(self.keyward.gateway()).await;
        let mut seen = BTreeMap::<String, u64>::new();
        for _ in 0..4 * LIMIT {
            let answer = client.ask(&key.secret).await;
            if answer.status == 503 {
                assert!(answer.number("Retry-After") >= 1);
            }
            *seen.entry(verdict(&answer)).or_default() += 1;
        }
        let of = |word: &str| seen.get(word).copied().unwrap_or(0);
        match self.on_failure {
            // A minute may end in between.
            "local" => assert!(
                (1..=2 * LIMIT).contains(&of("200")) && of("429 rate_limited") > 0,
                "{seen:?}"
            ),
            "refuse" => assert_eq!(of("503 unavailable"), 4 * LIMIT, "{seen:?}"),
            _ => assert_eq!(of("200"), 4 * LIMIT, "{seen:?}"),
        }
        let counted = self.keyward.metric(&series).await.unwrap_or(0.0) - before;
        assert!(counted >= 1.0 && counted <= (4 * LIMIT) as f64, "{counted}");
    }

    /// Both at once: on a busy machine a late answer can take Redis away for another moment.
    async fn comes_back(&self) {
        eventually("limits are counted in Redis", async || {
            self.keyward.metric(UP).await == Some(1.0) && self.mode().await == "exact"
        })
        .await;
    }

    /// How often Redis went away, and what the log told of it until then.
    async fn so_far(&self) -> (f64, String) {
        let reloaded = "configuration reloaded";
        let until = Instant::now() + WAIT_TIMEOUT;
        for reloads in 1.. {
            self.comes_back().await;
            let failures = self.keyward.metric(FAILURES).await;
            // Lines keep their order: with this one, all those before it are there.
            self.keyward.signal(Signal::Hup);
            let told = |log: &str| log.matches(reloaded).count() == reloads;
            let log = self.keyward.until_log("nothing has changed", told).await;
            let is_up = self.keyward.metric(UP).await == Some(1.0);
            if is_up && self.keyward.metric(FAILURES).await == failures {
                return (failures.unwrap(), log);
            }
            assert!(Instant::now() < until, "it never stays: {log}");
        }
        unreachable!("it ends before")
    }

    /// One line for each change of state.
    async fn was_told_once(&self) {
        let (failures, log) = self.so_far().await;
        let told: Vec<bool> = log
            .lines()
            .filter(|line| line.contains("limits are "))
            .map(|line| line.contains("limits are shared"))
            .collect();
        let away = told.iter().filter(|is_back| !**is_back).count();
        assert!(
            failures >= 1.0 && away as f64 == failures,
            "{failures} failures:\n{log}"
        );
        assert!(told.windows(2).all(|two| two[0] != two[1]), "{log}");
        assert_eq!(told.last(), Some(&true), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_s10_while_redis_is_away_what_is_set_holds_and_it_ends_by_itself() {
    let redis = Redis::start();
    let upstream = EchoUpstream::start().await;
    let proxy = TcpProxy::start(redis.address());
    let mut nodes = Vec::new();
    for on_failure in EACH {
        nodes.push(node(&upstream, &proxy, on_failure).await);
    }
    type Act<'a> = Box<dyn Fn() + 'a>;
    let faults: Vec<(&str, Act<'_>, Act<'_>)> = vec![
        (
            "killed",
            Box::new(|| redis.sigkill()),
            Box::new(|| redis.resume()),
        ),
        ("frozen", Box::new(|| redis.freeze()), Box::new(|| redis.thaw())),
    ];
    for (name, break_it, mend_it) in &faults {
        break_it();
        let mut slowest = Duration::ZERO;
        for node in &nodes {
            slowest = slowest.max(node.slowest_until_known().await);
            node.holds_as_set().await;
        }
        // Who waited for an answer of Redis would have waited for ever.
        assert!(slowest < Duration::from_millis(3500), "{name}: {slowest:?}");
        mend_it();
        let mended = Instant::now();
        for node in &nodes {
            node.comes_back().await;
        }
        eprintln!(
            "{name}: no request took longer than {slowest:?}; all nodes count in Redis {:?} after its return",
            mended.elapsed()
        );
    }
    for node in &nodes {
        node.was_told_once().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s8_a_node_starts_without_redis_and_with_a_wrong_password() {
    let redis = Redis::start_with(&["user keyward on >s3cret ~keyward:* +@all"]);
    let upstream = EchoUpstream::start().await;
    for on_failure in EACH {
        let url = redis.url().replace("//", "//keyward:wr0ng@");
        let keyward = Keyward::before(&upstream)
            .no_access_log()
            .config_toml(&limits(&url, "exact", on_failure))
            .start()
            .await;
        keyward.user(OWNER, "member").await;
        keyward.site("1").await;
        let node = Node { keyward, on_failure };
        node.holds_as_set().await;
        let told = |log: &str| log.contains("authentication failed");
        let log = node.keyward.until_log("the password is wrong", told).await;
        let told = [log, node.keyward.metrics().await].concat();
        assert!(!told.contains("wr0ng"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l5_counters_that_were_lost_give_one_window_more_and_are_counted() {
    let house = House::start(&["exact"]).await;
    house.early_in_a_minute().await;
    let key = house.key(50).await;
    let first = house.flood(&key, 60).await;
    house.redis.command(&["FLUSHALL"]);
    let lost = "keyward_limiter_counters_lost_total{of=\"all\"}";
    house.nodes[0].wait_for_metric(lost, |lost| lost >= 1.0).await;
    // A full window is looked at again in a second.
    eventually("the key passes again", async || {
        house.nodes[0].ask(&key.secret).await.status == 200
    })
    .await;
    let second = house.flood(&key, 120).await;
    for (window, passed) in &second.passed {
        let before = first.passed.get(window).copied().unwrap_or(0);
        assert!(before + passed < 2 * 50, "{first:?}, one, {second:?}");
    }
    house.redis.command(&["SCRIPT", "FLUSH"]);
    let third = house.flood(&house.key(50).await, 60).await;
    assert!(
        third.passed.values().sum::<u64>() + third.unanswered >= 50,
        "{third:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s10_when_database_and_redis_were_both_away_both_are_taken_up_again() {
    let (server, redis) = (Postgres::start(), Redis::start());
    let upstream = EchoUpstream::start().await;
    let keyward = Keyward::before(&upstream)
        .no_access_log()
        .database(&server.url("postgres"))
        .config_toml(&limits(&redis.url(), "exact", "local"))
        .start()
        .await;
    keyward.user(OWNER, "member").await;
    keyward.site("1").await;
    let key = keyward.key(KeySpec::new(OWNER, "k").limit(1_000_000)).await;
    server.sigkill();
    redis.sigkill();
    keyward.wait_for_metric(UP, |up| up == 0.0).await;
    assert_eq!(keyward.verdict(&key.secret).await, "200");
    server.resume();
    redis.resume();
    let back = Instant::now();
    keyward.wait_for_metric(UP, |up| up == 1.0).await;
    eprintln!("Redis counts {:?} after its return", back.elapsed());
    eventually("changes are taken", async || {
        let another = json!({ "owner": OWNER, "name": "another" });
        keyward.api("POST", "/v1/keys", &another).await.status == 201
    })
    .await;
    eprintln!("changes are taken {:?} after the return of both", back.elapsed());
    assert_eq!(keyward.verdict(&key.secret).await, "200");
}
