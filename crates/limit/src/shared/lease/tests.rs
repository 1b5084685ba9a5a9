use super::super::counter::Counter;
use super::*;

const MINUTE: u64 = 60_000;
/// Redis's clock is ahead of everybody's.
const AHEAD: u64 = 7 * MINUTE + 1234;

fn limit(number: u32) -> RateLimit {
    RateLimit::new(number).unwrap()
}

fn one() -> Wanted {
    Wanted { once: 1, block: 0 }
}

fn block(count: u32) -> Wanted {
    Wanted {
        once: 0,
        block: count,
    }
}

fn lease(for_limit: RateLimit) -> Lease {
    let lease = Lease::new();
    lease.begin(for_limit);
    lease
}

/// Asks at an instant, and is answered at once.
fn ask(lease: &Lease, counter: &mut Counter, at: u64, limit: RateLimit, wanted: Wanted) -> Reply {
    let asked = lease.ask(at, wanted);
    let reply = counter.take(at + AHEAD, limit, wanted, asked.spent);
    assert!(!lease.put(&reply, limit, &asked, at));
    if wanted.block > 0 {
        lease.end_fill();
    }
    reply
}

#[test]
fn what_is_told_soon_after_the_start_is_known() {
    for left_ms in [500, 5_000, 20_000, 29_000, 31_000, 59_000] {
        let lease = lease(limit(10));
        let asked = lease.ask(0, one());
        let reply = Reply {
            window: 1,
            used: 10,
            taken: 0,
            left_ms,
        };
        assert!(!lease.put(&reply, limit(10), &asked, 0));
        assert!(
            matches!(lease.look(0, limit(10)), Known::Full { .. }),
            "{left_ms}"
        );
    }
}

/// What three nodes let pass together when they share a limit in blocks: all of it but what lies in blocks of nodes that are
/// asked no more.
#[test]
fn leased_nodes_refuse_at_most_one_in_a_hundred_too_early() {
    for n in [600, 1000, 6000, 60_000, RateLimit::MAX] {
        let limit = limit(n);
        let (mut counter, now) = (Counter::default(), 5000);
        let leases = [lease(limit), lease(limit), lease(limit)];
        let most = n / 400;
        let mut passed = 0;
        let mut request = |lease: &Lease| {
            let passes = match lease.take(now, limit) {
                Known::Left { .. } => true,
                Known::Full { .. } => false,
                Known::Nothing => ask(lease, &mut counter, now, limit, one()).taken == 1,
            };
            passed += u32::from(passes);
            if let Some(wanted) = lease.want_block(now, most, 3) {
                ask(lease, &mut counter, now, limit, wanted);
            }
            passes
        };
        // Two nodes are asked a little and then no more; the third one gets the flood.
        for _ in 0..n / 10 {
            request(&leases[0]);
            request(&leases[1]);
        }
        while request(&leases[2]) {}
        assert!(passed <= n, "{passed} of {n}");
        assert!(passed >= n - n / 100, "{passed} of {n}");
    }
}

#[test]
fn the_common_case_asks_nobody() {
    let limit = limit(60_000);
    let (mut counter, now) = (Counter::default(), 5000);
    let lease = lease(limit);
    let mut questions = 0;
    for _ in 0..60_000 {
        match lease.take(now, limit) {
            Known::Left { .. } => {}
            Known::Full { .. } => panic!("too early"),
            Known::Nothing => {
                questions += 1;
                assert_eq!(ask(&lease, &mut counter, now, limit, one()).taken, 1);
            }
        }
        if let Some(wanted) = lease.want_block(now, 300, 1) {
            questions += 1;
            ask(&lease, &mut counter, now, limit, wanted);
        }
    }
    assert!(questions < 1000, "{questions} questions for 60,000 requests");
    assert!(matches!(
        lease.take(now, limit),
        Known::Full { .. } | Known::Nothing
    ));
}

#[test]
fn l8_what_is_left_does_not_rise_within_a_window() {
    let limit = limit(1000);
    let (mut counter, now) = (Counter::default(), 5000);
    let lease = lease(limit);
    let mut last = limit.per_minute();
    for _ in 0..1000 {
        let left = match lease.take(now, limit) {
            Known::Left { left, .. } => left,
            Known::Full { .. } => 0,
            Known::Nothing => {
                ask(&lease, &mut counter, now, limit, one());
                lease.left(now, limit).unwrap()
            }
        };
        assert!(left < last || left == 0, "{left} after {last}");
        last = left;
        if let Some(wanted) = lease.want_block(now, 10, 1) {
            ask(&lease, &mut counter, now, limit, wanted);
        }
    }
}

#[test]
fn l7_what_is_known_of_one_limit_says_nothing_of_another() {
    let (low, high) = (limit(10), limit(100));
    let mut counter = Counter::default();
    let lease = lease(low);
    for _ in 0..10 {
        ask(&lease, &mut counter, 5000, low, one());
    }
    assert!(matches!(lease.take(5000, low), Known::Full { .. }));
    assert_eq!(lease.take(5000, high), Known::Nothing);
    let late = lease.ask(5000, one());
    let its_reply = counter.take(5000 + AHEAD, low, one(), Spent::default());
    lease.begin(high);
    assert_eq!(ask(&lease, &mut counter, 5000, high, one()).taken, 1);
    lease.put(&its_reply, low, &late, 5000);
    assert_eq!(
        lease.take(5000, high),
        Known::Nothing,
        "an answer about the old limit is late"
    );
    assert_eq!(lease.left(5000, high), Some(89));
}

#[test]
fn a_full_window_is_known_to_its_end_and_no_longer() {
    let limit = limit(1);
    let mut counter = Counter::default();
    let lease = lease(limit);
    // By Redis's clock, 1234 ms of a minute have passed at 0.
    ask(&lease, &mut counter, 0, limit, one());
    assert!(matches!(lease.take(58_000, limit), Known::Full { .. }));
    assert_eq!(lease.take(MINUTE - 1234, limit), Known::Nothing);
    assert!(lease.is_due(5000));
    assert!(!lease.is_due(5500), "somebody asks already");
    assert!(lease.is_due(6100));
}

#[test]
fn a_block_that_comes_too_late_is_not_used() {
    let limit = limit(2000);
    let mut counter = Counter::default();
    let lease = lease(limit);
    let mut send = || {
        let asked = lease.ask(1000, block(10));
        let reply = counter.take(1000 + AHEAD, limit, asked.wanted, asked.spent);
        assert_eq!(reply.taken, 10);
        (asked, reply)
    };
    let (old, older) = (send(), send());
    ask(&lease, &mut counter, 61_000, limit, one());
    lease.put(&old.1, limit, &old.0, 61_000);
    lease.put(&older.1, limit, &older.0, 5000);
    assert_eq!(lease.take(61_000, limit), Known::Nothing);
    assert_eq!(lease.left(61_000, limit), Some(1999));
}

#[test]
fn l5_a_counter_that_went_back_is_noticed_once() {
    let limit = limit(10);
    let mut counter = Counter::default();
    let lease = lease(limit);
    for _ in 0..10 {
        ask(&lease, &mut counter, 5000, limit, one());
    }
    counter.lose();
    let asked = lease.ask(5000, one());
    let first = counter.take(5000 + AHEAD, limit, one(), asked.spent);
    let second = counter.take(5000 + AHEAD, limit, one(), asked.spent);
    assert!(lease.put(&second, limit, &asked, 5000));
    assert!(!lease.put(&first, limit, &asked, 5000), "the same loss");
    assert_eq!(lease.left(5000, limit), Some(8));
}

#[test]
fn keys_that_nobody_uses_are_forgotten() {
    let leases = Leases::default();
    let key = |n: u8| KeyId::v7(u64::from(n), &[n; 10]);
    let limit = limit(10);
    let mut counter = Counter::default();
    for n in 0..100 {
        let lease = leases.get(key(n));
        lease.begin(limit);
        ask(
            &lease,
            &mut counter,
            u64::from(n) * 1000,
            limit,
            Wanted::default(),
        );
    }
    leases.sweep(5000);
    assert_eq!(leases.len(), 100);
    leases.sweep(10 * MINUTE);
    assert_eq!(leases.len(), 0);
}

/// What is lost with nodes and with answers, Redis does not lend again.
#[test]
fn however_many_blocks_are_lost_ninety_nine_in_a_hundred_pass() {
    for n in [400, 1000, 30_000] {
        let limit = limit(n);
        let (mut counter, now) = (Counter::default(), 50_000);
        let mut passed = 0;
        for _ in 0..200 {
            let killed = lease(limit);
            let first = killed.want_one(now, max_held(limit, 1));
            passed += ask(&killed, &mut counter, now, limit, first).taken.min(1);
        }
        let lease = lease(limit);
        while ask(&lease, &mut counter, now, limit, one()).taken == 1 {
            passed += 1;
        }
        assert!(passed <= n && passed >= n - n / 100, "{passed} of {n}");
    }
}

/// What a node has used of its blocks is no longer lent, so it goes on without asking each time, however long the window.
#[test]
fn what_is_used_can_be_lent_again() {
    let limit = limit(100_000);
    let (mut counter, now) = (Counter::default(), 5000);
    let lease = lease(limit);
    let most = max_held(limit, 1);
    ask(&lease, &mut counter, now, limit, lease.want_one(now, most));
    for _ in 0..90_000 {
        assert!(matches!(lease.take(now, limit), Known::Left { .. }));
        if let Some(wanted) = lease.want_block(now, most, 1) {
            assert!(ask(&lease, &mut counter, now, limit, wanted).taken > 0);
        }
    }
}

#[test]
fn a_node_that_may_hold_no_more_asks_for_no_block_for_a_second() {
    let limit = limit(10_000);
    let mut counter = Counter::default();
    counter.take(5000 + AHEAD, limit, block(100), Spent::default());
    let lease = lease(limit);
    ask(&lease, &mut counter, 5000, limit, one());
    let wanted = lease.want_block(5000, 50, 1).unwrap();
    assert_eq!(ask(&lease, &mut counter, 5000, limit, wanted).taken, 0);
    assert_eq!(lease.want_block(5900, 50, 1), None);
    assert!(lease.want_block(6100, 50, 1).is_some());
}

/// Redis's clock is set forward by 40 seconds, and the next minute comes before it was due.
#[test]
fn s12_an_end_that_comes_early_is_believed() {
    let limit = limit(1);
    let mut counter = Counter::default();
    let lease = lease(limit);
    ask(&lease, &mut counter, 0, limit, one());
    assert!(matches!(lease.look(9_000, limit), Known::Full { .. }));
    let asked = lease.ask(10_000, Wanted::default());
    let reply = counter.take(50_000 + AHEAD, limit, Wanted::default(), asked.spent);
    lease.put(&reply, limit, &asked, 10_000);
    assert!(matches!(lease.look(10_000, limit), Known::Full { .. }));
    assert_eq!(lease.look(19_000, limit), Known::Nothing);
}

/// It is set back, by a little and by much.
#[test]
fn s12_an_answer_about_a_window_of_before_is_believed_when_it_was_asked_for_late_enough() {
    for back in [20_000, 3 * MINUTE] {
        let limit = limit(10);
        let mut counter = Counter::default();
        let lease = lease(limit);
        let at = 4 * MINUTE;
        for _ in 0..10 {
            ask(&lease, &mut counter, at, limit, one());
        }
        let asked = lease.ask(at, one());
        let reply = counter.take(at - back + AHEAD, limit, one(), asked.spent);
        lease.put(&reply, limit, &asked, at);
        assert_eq!(lease.left(at, limit), Some(reply.left(limit)), "{back}");
    }
}
