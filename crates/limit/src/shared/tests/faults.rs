//! What Redis may do to a node (L5, S8, S10).

use super::*;
use keyward_testkit::{Certificate, TcpProxy};
use std::io::{Read, Write};

const EACH: [OnFailure; 3] = [OnFailure::Local, OnFailure::Refuse, OnFailure::Allow];

/// Asks until the node knows that Redis is away, and then checks what holds.
pub(super) async fn holds_as_set(node: &Node, on_failure: OnFailure, key: KeyId) {
    node.ask(key, 5, true).await;
    node.until("Redis is away", |status| !status.redis.as_ref().unwrap().up)
        .await;
    assert_eq!(node.limiter.status().mode, on_failure.word());
    let before = node.redis().without;
    let mut passed = 0;
    for _ in 0..20 {
        let question = Question {
            key,
            window: node.window,
            limit: RateLimit::new(5).unwrap(),
            counts: true,
        };
        // Nobody waits while it is known to be away.
        let verdict = node.limiter.at_once(&question, Timestamp::from_millis(0));
        let verdict = verdict.expect("an answer at once");
        assert_eq!(verdict == Verdict::Unknown, on_failure == OnFailure::Refuse);
        passed += u32::from(matches!(verdict, Verdict::Pass(_)));
    }
    assert_eq!(node.redis().without - before, 20);
    match on_failure {
        OnFailure::Local => assert!(passed <= 5, "{passed}"),
        OnFailure::Refuse => assert_eq!(passed, 0),
        OnFailure::Allow => assert_eq!(passed, 20),
    }
}

/// Both at once: on a busy machine a late answer can take Redis away for another moment.
async fn comes_back(node: &Node) {
    node.until("Redis counts again", |status| {
        status.redis.as_ref().unwrap().up && status.mode == "exact"
    })
    .await;
}

#[tokio::test]
async fn s8_s10_a_stopped_redis_is_noticed_and_taken_up_again() {
    for on_failure in EACH {
        let redis = Redis::start();
        let node = Node::start(options(&redis.url(), Mode::Exact, on_failure)).await;
        node.ask(key(1), 5, true).await;
        redis.stop();
        holds_as_set(&node, on_failure, key(1)).await;
        redis.resume();
        comes_back(&node).await;
        assert!(node.redis().failures >= 1);
    }
}

#[tokio::test]
async fn s8_s10_a_frozen_redis_is_noticed_and_taken_up_again() {
    for on_failure in EACH {
        let redis = Redis::start();
        let node = Node::start(options(&redis.url(), Mode::Exact, on_failure)).await;
        redis.freeze();
        holds_as_set(&node, on_failure, key(1)).await;
        redis.thaw();
        comes_back(&node).await;
    }
}

#[tokio::test]
async fn s8_s10_a_network_that_delays_or_drops_is_noticed_and_taken_up_again() {
    let redis = Redis::start();
    type BreakIt = fn(&TcpProxy);
    let faults: [(&str, BreakIt); 3] = [
        ("2 s late", |proxy| proxy.delay(Duration::from_secs(2))),
        ("silent", TcpProxy::hold),
        ("refused", |proxy| {
            proxy.refuse();
            proxy.cut();
        }),
    ];
    for (name, break_it) in faults {
        for on_failure in EACH {
            let proxy = TcpProxy::start(redis.address());
            let url = format!("redis://{}", proxy.address());
            let node = Node::start(options(&url, Mode::Exact, on_failure)).await;
            break_it(&proxy);
            holds_as_set(&node, on_failure, key(1)).await;
            proxy.heal();
            comes_back(&node).await;
            eprintln!("{name}, {}: {:?}", on_failure.word(), node.redis());
        }
    }
}

/// On a clock that goes on when nobody has anything to do, so that no busy machine makes a wait longer.
#[tokio::test]
async fn s8_no_request_waits_longer_than_a_tenth_of_a_second() {
    let redis = Redis::start();
    let proxy = TcpProxy::start(redis.address());
    let url = format!("redis://{}", proxy.address());
    type Act<'a> = Box<dyn Fn() + 'a>;
    let faults: [(&str, Act<'_>, Act<'_>); 4] = [
        ("frozen", Box::new(|| redis.freeze()), Box::new(|| redis.thaw())),
        ("silent", Box::new(|| proxy.hold()), Box::new(|| proxy.heal())),
        (
            "4 s late",
            Box::new(|| proxy.delay(Duration::from_secs(4))),
            Box::new(|| proxy.heal()),
        ),
        (
            "refused",
            Box::new(|| {
                proxy.refuse();
                proxy.cut();
            }),
            Box::new(|| proxy.heal()),
        ),
    ];
    for (name, break_it, mend_it) in &faults {
        let node = Node::start(options(&url, Mode::Exact, OnFailure::Refuse)).await;
        node.request(key(1), 1000).await;
        break_it();
        tokio::time::pause();
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let begun = Instant::now();
            node.ask(key(1), 1000, true).await;
            slowest = slowest.max(begun.elapsed());
        }
        tokio::time::resume();
        mend_it();
        assert!(slowest <= Duration::from_millis(100), "{name}: {slowest:?}");
        assert!(*name != "frozen" || slowest > Duration::ZERO, "nobody waited");
    }
}

#[tokio::test]
async fn s8_a_reset_connection_is_made_anew() {
    let redis = Redis::start();
    let proxy = TcpProxy::start(redis.address());
    let url = format!("redis://{}", proxy.address());
    let node = Node::start(options(&url, Mode::Exact, OnFailure::Refuse)).await;
    early_in_a_minute(&redis).await;
    let mut passed = 0;
    for _ in 0..10 {
        passed += passes(&node, key(1), 100, 15).await;
        proxy.cut();
    }
    // What was counted when its answer was cut off is lost; it is asked twice then.
    let unanswered = node.unanswered.load(Ordering::Relaxed);
    assert!(
        passed <= 100 && passed + unanswered >= 80,
        "{passed}, and {unanswered} without an answer"
    );
}

/// A firewall on the way forgets the connections, and tells nobody; new ones are served.
#[tokio::test]
async fn s8_connections_that_are_swallowed_are_made_anew() {
    let redis = Redis::start();
    let proxy = TcpProxy::start(redis.address());
    let url = format!("redis://{}", proxy.address());
    let node = Node::start(options(&url, Mode::Exact, OnFailure::Refuse)).await;
    for _ in 0..3 {
        node.request(key(1), 1000).await;
        let before = proxy.connections();
        proxy.swallow();
        // The task that looks after Redis has a new connection already; this thread's is still the old one.
        let deadline = Instant::now() + GUARD;
        while proxy.connections() <= before {
            assert!(Instant::now() < deadline, "nobody connects");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let verdict = node.request(key(1), 1000).await;
        assert!(matches!(verdict, Verdict::Pass(_)), "{verdict:?}");
    }
}

/// New connections lead to nobody, and those that are there go on: of a whole node, one thread is without Redis.
#[tokio::test]
async fn s8_a_connection_that_is_slow_to_be_made_does_not_make_redis_away() {
    let redis = Redis::start();
    let proxy = TcpProxy::start(redis.address());
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", proxy.address());
    let node = Node::start(options(&url, Mode::Exact, OnFailure::Refuse)).await;
    proxy.retarget(silent.local_addr().unwrap());
    let mut other = std::net::TcpStream::connect(redis.address()).unwrap();
    let mut longest = Duration::ZERO;
    // Longer than a connection may take.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(1500) {
        let asked = Instant::now();
        tokio::task::yield_now().await;
        assert_eq!(node.ask(key(1), 1000, true).await, Verdict::Unknown);
        other.write_all(b"PING\r\n").unwrap();
        other.read_exact(&mut [0; 7]).unwrap();
        longest = longest.max(asked.elapsed());
    }
    // On a machine that stands still for so long, Redis is silent indeed.
    let is_away = node.redis().failures > 0;
    assert!(!is_away || longest > Duration::from_millis(200), "{longest:?}");
    proxy.retarget(redis.address());
    assert!(matches!(node.request(key(1), 1000).await, Verdict::Pass(_)));
}

/// As the kernel tells: a connection that waits for nothing has a timer for probes.
#[tokio::test]
async fn s8_a_connection_that_nobody_uses_is_probed() {
    let redis = Redis::start();
    let node = Node::start(options(&redis.url(), Mode::Exact, OnFailure::Refuse)).await;
    node.request(key(1), 1000).await;
    let to_redis = format!(":{:04X} 01 ", redis.address().port());
    let deadline = Instant::now() + GUARD;
    loop {
        let connections = std::fs::read_to_string("/proc/self/net/tcp").unwrap();
        let mut ours = connections.lines().filter(|line| {
            // Ours is the one that has Redis at its other end: the third word.
            let words: Vec<&str> = line.split_whitespace().collect();
            words.len() > 5 && format!("{} {} ", words[2], words[3]).ends_with(&to_redis)
        });
        let is_probed = |line: &str| line.split_whitespace().nth(5).unwrap().starts_with("02:");
        if ours.next().is_some_and(is_probed) && ours.all(is_probed) {
            return;
        }
        assert!(Instant::now() < deadline, "{connections}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The password is changed, in Redis and in its file, and connections end.
#[tokio::test]
async fn s15_a_changed_password_is_taken_at_the_next_connection() {
    let redis = Redis::start_with(&["user keyward on >first ~keyward:* +@all"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "first\n").unwrap();
    let mut options = options(
        &redis.url().replace("//", "//keyward@"),
        Mode::Exact,
        OnFailure::Refuse,
    );
    options.password_file = Some(file.clone());
    let node = Node::start(options.clone()).await;
    node.request(key(1), 1000).await;
    redis.command(&["ACL", "SETUSER", "keyward", "resetpass", ">second"]);
    redis.command(&["CLIENT", "KILL", "USER", "keyward"]);
    holds_as_set(&node, OnFailure::Refuse, key(1)).await;
    let fault = inspect(&options).await.unwrap_err().to_string();
    assert!(fault.contains("authentication failed"), "{fault}");
    std::fs::remove_file(&file).unwrap();
    let fault = inspect(&options).await.unwrap_err().to_string();
    assert!(
        fault.contains("limits.password_file") && fault.contains("cannot be read"),
        "{fault}"
    );
    std::fs::write(&file, "second\n").unwrap();
    comes_back(&node).await;
    assert!(matches!(node.request(key(1), 1000).await, Verdict::Pass(_)));
}

/// Redis ends connections that were idle for long; it is there all the same.
#[tokio::test]
async fn a_connection_that_redis_has_ended_is_made_once_more_by_all_who_need_it() {
    let redis = Redis::start();
    let node = Node::start(options(&redis.url(), Mode::Exact, OnFailure::Refuse)).await;
    node.request(key(1), 1000).await;
    let ends = || redis.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    let made = || -> u64 {
        let info = redis.command(&["INFO", "stats"]);
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().trim().parse().unwrap()
    };
    for _ in 0..5 {
        let before = made();
        ends();
        let many = (0..50).map(|_| node.request(key(1), 1000));
        for verdict in futures_util::future::join_all(many).await {
            assert!(matches!(verdict, Verdict::Pass(_)), "{verdict:?}");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let new = made() - before;
        // Two are these commands' own, one the watch's.
        assert!(new < 25, "{new} connections");
    }
    // The watching task notices within a second, and takes it for no failure. A machine that is busy enough makes Redis silent.
    let mut failures = Vec::new();
    for _ in 0..5 {
        let before = node.redis().failures;
        ends();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        failures.push(node.redis().failures - before);
        if failures.ends_with(&[0]) {
            return;
        }
    }
    panic!("{failures:?}");
}

#[tokio::test]
async fn s8_a_wrong_password_is_a_failure_like_others_and_told_without_it() {
    let redis = Redis::start_with(&["user keyward on >s3cret ~keyward:* +@all"]);
    for on_failure in EACH {
        let account = |password: &str| {
            let url = redis.url().replace("//", &format!("//keyward:{password}@"));
            options(&url, Mode::Exact, on_failure)
        };
        let wrong = account("wr0ng");
        let node = Node::start_anyhow(&wrong);
        node.until("it was tried", |status| {
            status.redis.as_ref().unwrap().failures > 0
        })
        .await;
        holds_as_set(&node, on_failure, key(1)).await;
        let fault = inspect(&wrong).await.unwrap_err().to_string();
        assert!(
            fault.contains("authentication failed") && !fault.contains("wr0ng"),
            "{fault}"
        );
        Node::start(account("s3cret")).await;
    }
}

#[tokio::test]
async fn an_account_that_may_do_nothing_is_a_failure() {
    let redis = Redis::start_with(&["user keyward on nopass ~other:* +@all"]);
    let options = options(
        &redis.url().replace("//", "//keyward:x@"),
        Mode::Exact,
        OnFailure::Refuse,
    );
    let seen = inspect(&options).await.unwrap();
    let fault = seen.fault.unwrap();
    assert!(fault.to_lowercase().contains("permission"), "{fault}");
    let node = Node::start_anyhow(&options);
    node.until("it was tried", |status| {
        status.redis.as_ref().unwrap().failures > 0
    })
    .await;
    holds_as_set(&node, OnFailure::Refuse, key(1)).await;
}

/// What the documentation and `doctor` say that an account needs is enough.
#[tokio::test]
async fn an_account_with_the_rights_that_are_named_is_let_count() {
    let rights = crate::RIGHTS;
    let redis = Redis::start_with(&[&format!("user keyward on >s3cret {rights}")]);
    let url = redis.url().replace("//", "//keyward:s3cret@");
    let options = options(&url, Mode::Exact, OnFailure::Refuse);
    assert_eq!(inspect(&options).await.unwrap().fault, None);
    let node = Node::start(options).await;
    assert!(matches!(node.request(key(1), 5).await, Verdict::Pass(_)));
    redis.command(&["SCRIPT", "FLUSH"]);
    assert!(matches!(node.request(key(1), 5).await, Verdict::Pass(_)));
    let documents = include_str!("../../../../../docs/operations.md");
    assert!(documents.contains(rights));
}

#[tokio::test]
async fn tls_is_spoken_to_a_server_that_proves_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let certificate = Certificate::create(folder.path());
    let redis = Redis::start_tls(&[], &certificate);
    let url = format!("rediss://localhost:{}", redis.tls_address().port());
    let mut trusting = options(&url, Mode::Exact, OnFailure::Refuse);
    trusting.authorities = Some(std::fs::read(certificate.certificate_path()).unwrap());
    let node = Node::start(trusting).await;
    assert!(matches!(node.request(key(1), 5).await, Verdict::Pass(_)));
    let stranger = options(&url, Mode::Exact, OnFailure::Refuse);
    let fault = inspect(&stranger).await.unwrap_err().to_string();
    assert!(fault.to_lowercase().contains("certificate"), "{fault}");
}

#[tokio::test]
async fn l5_forgotten_scripts_are_sent_again() {
    let redis = Redis::start();
    let node = Node::start(options(&redis.url(), Mode::Exact, OnFailure::Refuse)).await;
    early_in_a_minute(&redis).await;
    let mut passed = 0;
    for _ in 0..10 {
        redis.command(&["SCRIPT", "FLUSH"]);
        passed += passes(&node, key(1), 50, 10).await;
    }
    assert_all(&[&node], passed, 50);
    assert_eq!((node.redis().lost_windows, node.redis().lost_all), (0, 0));
}

#[tokio::test]
async fn l5_lost_counters_give_one_window_more_and_are_counted() {
    let redis = Redis::start();
    let node = Node::start(options(&redis.url(), Mode::Exact, OnFailure::Refuse)).await;
    early_in_a_minute(&redis).await;
    passes(&node, key(1), 10, 7).await;
    redis.command(&["FLUSHALL"]);
    node.until("the loss of all was seen", |status| {
        status.redis.as_ref().unwrap().lost_all == 1
    })
    .await;
    let passed = passes(&node, key(1), 10, 30).await;
    assert_all(&[&node], passed, 10);
    assert_eq!((node.redis().lost_windows, node.redis().lost_all), (1, 1));
}

#[tokio::test]
async fn l5_an_evicted_counter_gives_one_window_more_and_is_counted() {
    let redis = Redis::start();
    let node = Node::start(options(&redis.url(), Mode::Exact, OnFailure::Refuse)).await;
    early_in_a_minute(&redis).await;
    let passed = passes(&node, key(1), 10, 15).await;
    assert_all(&[&node], passed, 10);
    redis.command(&["DEL", &format!("keyward:{}", key(1))]);
    // A full window is looked at again now and then.
    let mut passed = 0;
    let deadline = Instant::now() + GUARD;
    while passed == 0 && Instant::now() < deadline {
        passed = passes(&node, key(1), 10, 30).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    passed += passes(&node, key(1), 10, 30).await;
    assert_all(&[&node], passed, 10);
    assert_eq!((node.redis().lost_windows, node.redis().lost_all), (1, 0));
}

#[tokio::test]
async fn l5_a_full_memory_a_replica_and_a_busy_server_do_not_count() {
    let redis = Redis::start_with(&["busy-reply-threshold 50"]);
    let node = Node::start(options(&redis.url(), Mode::Exact, OnFailure::Local)).await;
    redis.command(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    redis.command(&["CONFIG", "SET", "maxmemory", "1"]);
    holds_as_set(&node, OnFailure::Local, key(1)).await;
    redis.command(&["CONFIG", "SET", "maxmemory", "0"]);
    comes_back(&node).await;

    redis.command(&["REPLICAOF", "127.0.0.1", "1"]);
    holds_as_set(&node, OnFailure::Local, key(2)).await;
    redis.command(&["REPLICAOF", "NO", "ONE"]);
    comes_back(&node).await;

    let mut endless = redis.spawn_command(&["EVAL", "while true do end", "0"]);
    holds_as_set(&node, OnFailure::Local, key(3)).await;
    let deadline = Instant::now() + GUARD;
    while redis.command(&["SCRIPT", "KILL"]) != "OK" && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    endless.wait().unwrap();
    comes_back(&node).await;
}

#[tokio::test]
async fn l5_a_stale_replica_in_place_of_its_master_is_noticed() {
    let (master, replica) = (Redis::start(), Redis::start());
    let proxy = TcpProxy::start(master.address());
    let url = format!("redis://{}", proxy.address());
    let node = Node::start(options(&url, Mode::Exact, OnFailure::Refuse)).await;
    early_in_a_minute(&master).await;
    let passed = passes(&node, key(1), 10, 15).await;
    assert_all(&[&node], passed, 10);
    // The replica has nothing of it yet when it takes over.
    proxy.retarget(replica.address());
    proxy.cut();
    node.until("the loss was seen", |status| {
        status.redis.as_ref().unwrap().lost_all == 1
    })
    .await;
    comes_back(&node).await;
    let mut passed = 0;
    let deadline = Instant::now() + GUARD;
    while passed == 0 && Instant::now() < deadline {
        passed = passes(&node, key(1), 10, 30).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    passed += passes(&node, key(1), 10, 30).await;
    assert_all(&[&node], passed, 10);
}
