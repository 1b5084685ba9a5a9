//! The shared limiter over a real Redis.

mod cluster;
mod events;
mod faults;
mod rule;
mod sentinel;

use super::*;
use crate::{Limiter, LimiterStatus, WindowId};
use keyward_domain::KeyId;
use keyward_testkit::Redis;

/// For what has to come about sooner or later; never a measure of speed.
const GUARD: Duration = Duration::from_secs(40);

fn options(url: &str, mode: Mode, on_failure: OnFailure) -> RedisOptions {
    RedisOptions {
        url: url.to_owned(),
        mode,
        on_failure,
        ..RedisOptions::default()
    }
}

/// A limiter that is looked after, as in a node.
struct Node {
    limiter: Arc<Limiter>,
    window: WindowId,
    /// Requests whose answer did not come in time; each may have been counted all the same.
    unanswered: AtomicU32,
}

impl Node {
    /// One that has reached Redis.
    async fn start(options: RedisOptions) -> Self {
        let node = Self::start_anyhow(&options);
        node.until("Redis counts", |status| status.redis.as_ref().unwrap().up)
            .await;
        node
    }

    fn start_anyhow(options: &RedisOptions) -> Self {
        let limiter = Arc::new(Limiter::shared(options).unwrap());
        let watched = Arc::clone(&limiter);
        tokio::spawn(async move { watched.watch().await });
        let window = limiter.allocate();
        Self {
            limiter,
            window,
            unanswered: AtomicU32::new(0),
        }
    }

    async fn until(&self, what: &str, is_so: impl Fn(&LimiterStatus) -> bool) {
        let deadline = Instant::now() + GUARD;
        while !is_so(&self.limiter.status()) {
            assert!(
                Instant::now() < deadline,
                "not so far that {what}: {:?}",
                self.limiter.status()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn ask(&self, key: KeyId, limit: u32, counts: bool) -> Verdict {
        let question = Question {
            key,
            window: self.window,
            limit: RateLimit::new(limit).unwrap(),
            counts,
        };
        let now = Timestamp::from_millis(1_700_000_000_000);
        match self.limiter.at_once(&question, now) {
            Some(verdict) => verdict,
            None => self.limiter.answer(&question, now).await,
        }
    }

    /// A request. While Redis is slower than it may be, which a busy machine makes it, it is tried again: what is asked here
    /// is how it counts.
    async fn request(&self, key: KeyId, limit: u32) -> Verdict {
        let deadline = Instant::now() + GUARD;
        loop {
            match self.ask(key, limit, true).await {
                Verdict::Unknown if Instant::now() < deadline => {
                    self.unanswered.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                verdict => return verdict,
            }
        }
    }

    fn redis(&self) -> RedisStatus {
        self.limiter.status().redis.unwrap()
    }
}

fn key(number: u64) -> KeyId {
    KeyId::v7(number, &[7; 10])
}

/// Waits until a minute of Redis has 20 s left, for what has to happen within one: ten times what the longest of these tests
/// takes. To wait for more would be most of the time that they take.
async fn early_in_a_minute(redis: &Redis) {
    while redis.second_of_minute() >= 40 {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn passes(node: &Node, key: KeyId, limit: u32, requests: u32) -> u32 {
    let mut passed = 0;
    for _ in 0..requests {
        passed += u32::from(matches!(node.request(key, limit).await, Verdict::Pass(_)));
    }
    passed
}

/// All that may pass has passed, but for what was counted and not told in time.
fn assert_all(nodes: &[&Node], passed: u32, limit: u32) {
    let unanswered = |node: &&Node| node.unanswered.swap(0, Ordering::Relaxed);
    let unanswered: u32 = nodes.iter().map(unanswered).sum();
    assert!(passed <= limit, "{passed} of {limit}");
    assert!(
        passed + unanswered >= limit,
        "{passed} of {limit}, and {unanswered} without an answer"
    );
}

async fn three(redis: &Redis, modes: [Mode; 3]) -> [Node; 3] {
    let start = |mode| Node::start(options(&redis.url(), mode, OnFailure::Refuse));
    let [a, b, c] = modes;
    let nodes = [start(a).await, start(b).await, start(c).await];
    for node in &nodes {
        node.until("all know each other", |status| {
            status.redis.as_ref().unwrap().nodes == 3
        })
        .await;
    }
    nodes
}

/// Floods three nodes with twice the limit, and tells how many passed.
async fn flood(nodes: &[Node; 3], key: KeyId, limit: u32) -> u32 {
    let each = limit * 2 / 3 + 1;
    let [a, b, c] = nodes;
    let (a, b, c) = tokio::join!(
        passes(a, key, limit, each),
        passes(b, key, limit, each),
        passes(c, key, limit, each)
    );
    a + b + c
}

#[tokio::test]
async fn l1_three_nodes_let_exactly_the_limit_pass_together() {
    let redis = Redis::start();
    let nodes = three(&redis, [Mode::Exact; 3]).await;
    early_in_a_minute(&redis).await;
    for (number, limit) in [(1, 1), (2, 60), (3, 1000)] {
        let passed = flood(&nodes, key(number), limit).await;
        assert_all(&nodes.each_ref(), passed, limit);
    }
}

#[tokio::test]
async fn leased_nodes_together_let_no_more_pass_than_the_limit_and_nearly_all_of_it() {
    let redis = Redis::start();
    let nodes = three(&redis, [Mode::Leased; 3]).await;
    early_in_a_minute(&redis).await;
    for (number, limit) in [(1, 60), (2, 5000)] {
        let passed = flood(&nodes, key(number), limit).await;
        assert!(passed <= limit, "{passed} of {limit}");
        assert_all(&nodes.each_ref(), passed + limit / 100, limit + limit / 100);
    }
    let calls: u64 = nodes.iter().map(|node| node.redis().calls).sum();
    assert!(
        calls < 4000,
        "{calls} questions for 10,000 requests of a large limit"
    );
}

#[tokio::test]
async fn a_leased_window_is_begun_with_one_question() {
    let redis = Redis::start();
    let node = Node::start(options(&redis.url(), Mode::Leased, OnFailure::Refuse)).await;
    early_in_a_minute(&redis).await;
    node.request(key(1), 100_000).await;
    let before = node.redis().calls;
    for number in 2..102 {
        for _ in 0..3 {
            assert!(matches!(
                node.request(key(number), 100_000).await,
                Verdict::Pass(_)
            ));
        }
    }
    let calls = node.redis().calls - before;
    let unanswered = u64::from(node.unanswered.load(Ordering::Relaxed));
    assert!(calls <= 100 + 3 * unanswered, "{calls} questions about 100 keys");
}

#[tokio::test]
async fn both_modes_may_share_a_counter() {
    let redis = Redis::start();
    let nodes = three(&redis, [Mode::Exact, Mode::Leased, Mode::Leased]).await;
    early_in_a_minute(&redis).await;
    let passed = flood(&nodes, key(1), 3000).await;
    assert!(passed <= 3000, "{passed}");
    assert_all(&nodes.each_ref(), passed + 30, 3030);
}

#[tokio::test]
async fn a_flood_of_a_full_window_does_not_reach_redis() {
    let redis = Redis::start();
    let node = Node::start(options(&redis.url(), Mode::Exact, OnFailure::Refuse)).await;
    early_in_a_minute(&redis).await;
    while !matches!(node.request(key(1), 10).await, Verdict::Full(_)) {}
    let before = node.redis().calls;
    assert_eq!(passes(&node, key(1), 10, 10_000).await, 0);
    let more = node.redis().calls - before;
    assert!(more < 100, "{more} questions");
}

#[tokio::test]
async fn l8_windows_are_minutes_of_redis_and_what_is_left_falls() {
    let redis = Redis::start();
    for mode in [Mode::Exact, Mode::Leased] {
        let node = Node::start(options(&redis.url(), mode, OnFailure::Refuse)).await;
        early_in_a_minute(&redis).await;
        let seconds = |text: &str| text.lines().next().unwrap().parse::<i64>().unwrap();
        let end = (seconds(&redis.command(&["TIME"])) / 60 + 1) * 60;
        let mut last = 1000;
        for _ in 0..1000 {
            let Verdict::Pass(quota) = node.request(key(mode as u64), 1000).await else {
                break;
            };
            assert_eq!((quota.limit, quota.reset), (1000, end));
            assert!(quota.remaining < last, "{} after {last}", quota.remaining);
            last = quota.remaining;
        }
        let told = node.limiter.time(Timestamp::from_millis(0)).millis();
        let now = seconds(&redis.command(&["TIME"])) * 1000 + 999;
        assert!((end * 1000 - 60_000..=now).contains(&told), "{told} at {now}");
    }
}

#[tokio::test]
async fn a_question_counts_nothing() {
    let redis = Redis::start();
    let node = Node::start(options(&redis.url(), Mode::Exact, OnFailure::Refuse)).await;
    early_in_a_minute(&redis).await;
    let peek = async || loop {
        match node.ask(key(1), 3, false).await {
            Verdict::Unknown => tokio::time::sleep(Duration::from_millis(5)).await,
            verdict => return verdict,
        }
    };
    for left in [3, 3] {
        assert_eq!(peek().await.quota().unwrap().remaining, left);
    }
    let passed = passes(&node, key(1), 3, 5).await;
    assert_all(&[&node], passed, 3);
    assert!(matches!(peek().await, Verdict::Full(_)));
}

#[tokio::test]
async fn l7_a_changed_limit_holds_from_the_next_request() {
    let redis = Redis::start();
    for mode in [Mode::Exact, Mode::Leased] {
        let node = Node::start(options(&redis.url(), mode, OnFailure::Refuse)).await;
        let key = key(mode as u64);
        early_in_a_minute(&redis).await;
        let passed = passes(&node, key, 10, 20).await;
        assert_all(&[&node], passed, 10);
        assert!(matches!(node.request(key, 50).await, Verdict::Pass(_)), "raised");
        assert!(matches!(node.request(key, 5).await, Verdict::Full(_)), "lowered");
    }
}

#[tokio::test]
async fn l14_a_node_that_starts_anew_gets_no_window_of_its_own() {
    let redis = Redis::start();
    for (mode, limit) in [(Mode::Exact, 50), (Mode::Leased, 2000)] {
        early_in_a_minute(&redis).await;
        let options = options(&redis.url(), mode, OnFailure::Refuse);
        let before = Node::start(options.clone()).await;
        let key = key(u64::from(limit));
        let first = passes(&before, key, limit, limit / 2).await;
        let first_unanswered = before.unanswered.load(Ordering::Relaxed);
        drop(before);
        let after = Node::start(options).await;
        let second = passes(&after, key, limit, limit * 2).await;
        assert!(first + second <= limit, "{first} + {second} of {limit}");
        // What the first one held is lost with it.
        let held = if mode == Mode::Leased { limit / 100 } else { 0 };
        let unanswered = first_unanswered + after.unanswered.load(Ordering::Relaxed);
        assert!(
            first + second + held + unanswered >= limit,
            "{first} + {second} of {limit}, {unanswered} without an answer"
        );
    }
}
