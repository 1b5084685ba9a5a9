//! What may happen to Redis in the midst of a window: at most one window more, and that is counted (L5, S8).

use super::*;
use keyward_testkit::TcpProxy;

const LIMIT: u32 = 1000;

/// What may become of the counters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counters {
    Kept,
    Lost,
}

/// A Redis that nodes reach by a network, and its replica.
struct Place {
    redis: Redis,
    replica: Redis,
    proxy: TcpProxy,
}

impl Place {
    fn start() -> Self {
        let redis = Redis::start();
        let proxy = TcpProxy::start(redis.address());
        Self {
            replica: Redis::start(),
            redis,
            proxy,
        }
    }

    /// The replica takes the place of its master, with what that has, or before it has got anything.
    fn fail_over(&self, counters: Counters) {
        // Nobody counts at the master from here on: what the replica has not heard of would be lost indeed.
        self.proxy.refuse();
        self.proxy.cut();
        if counters == Counters::Kept {
            let master = self.redis.address();
            self.replica
                .command(&["REPLICAOF", &master.ip().to_string(), &master.port().to_string()]);
            let deadline = std::time::Instant::now() + GUARD;
            while self.redis.command(&["WAIT", "1", "1000"]) != "1" {
                assert!(std::time::Instant::now() < deadline, "{}", self.replica.log());
            }
        }
        self.redis.sigkill();
        self.replica.command(&["REPLICAOF", "NO", "ONE"]);
        self.proxy.retarget(self.replica.address());
        self.proxy.heal();
    }
}

/// What happens, and what ends it, when that is not the same moment.
struct Event {
    name: &'static str,
    counters: Counters,
    begins: fn(&Place),
    ends: Option<fn(&Place)>,
}

const EVENTS: [Event; 4] = [
    Event {
        name: "stands still",
        counters: Counters::Kept,
        begins: |place| place.redis.freeze(),
        ends: Some(|place| place.redis.thaw()),
    },
    Event {
        name: "is killed",
        counters: Counters::Lost,
        begins: |place| place.redis.sigkill(),
        ends: Some(|place| place.redis.resume()),
    },
    Event {
        name: "is replaced by a replica that has it all",
        counters: Counters::Kept,
        begins: |place| place.fail_over(Counters::Kept),
        ends: None,
    },
    Event {
        name: "is replaced by a replica that has nothing",
        counters: Counters::Lost,
        begins: |place| place.fail_over(Counters::Lost),
        ends: None,
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l5_whatever_happens_in_the_midst_of_a_window_gives_one_window_more_at_most_and_is_counted() {
    // Both at the same time, so that they wait for the same minutes.
    tokio::join!(of_mode(Mode::Exact), of_mode(Mode::Leased));
}

async fn of_mode(mode: Mode) {
    for event in &EVENTS {
        let (name, counters) = (event.name, event.counters);
        let place = Place::start();
        let url = format!("redis://{}", place.proxy.address());
        let start = || Node::start(options(&url, mode, OnFailure::Refuse));
        let nodes = [start().await, start().await];
        early_in_a_minute(&place.redis).await;
        let half = LIMIT / 4;
        let mut passed = 0;
        for node in &nodes {
            passed += passes(node, key(1), LIMIT, half).await;
        }
        (event.begins)(&place);
        if let Some(ends) = event.ends {
            for node in &nodes {
                node.ask(key(1), LIMIT, true).await;
                node.until("Redis is away", |status| !status.redis.as_ref().unwrap().up)
                    .await;
            }
            ends(&place);
        }
        for node in &nodes {
            node.until("Redis counts", |status| status.redis.as_ref().unwrap().up)
                .await;
        }
        // The first one who tells Redis after a loss that it is there notices it.
        let deadline = Instant::now() + GUARD;
        while counters == Counters::Lost && nodes.iter().all(|node| node.redis().lost_all == 0) {
            assert!(
                Instant::now() < deadline,
                "{}, Redis {name}: nobody notices",
                mode.word()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        for node in &nodes {
            passed += passes(node, key(1), LIMIT, LIMIT + half).await;
        }
        let lost: u64 = nodes
            .iter()
            .map(|node| node.redis().lost_all + node.redis().lost_windows)
            .sum();
        let unanswered: u32 = nodes
            .iter()
            .map(|node| node.unanswered.load(Ordering::Relaxed))
            .sum();
        let most = match counters {
            Counters::Kept => LIMIT,
            Counters::Lost => 2 * LIMIT,
        };
        eprintln!(
            "{}, Redis {name}: {passed} passed, {lost} losses noticed",
            mode.word()
        );
        assert!(
            passed <= most,
            "{}, Redis {name}: {passed} of {most}",
            mode.word()
        );
        assert_eq!(
            lost > 0,
            counters == Counters::Lost,
            "{}, Redis {name}",
            mode.word()
        );
        // A question that was cut off, one that was asked while it was noticed, and what is held.
        let may_lack = unanswered + 2 + LIMIT / 100;
        assert!(
            passed + may_lack >= LIMIT,
            "{}, Redis {name}: {passed}",
            mode.word()
        );
    }
}
