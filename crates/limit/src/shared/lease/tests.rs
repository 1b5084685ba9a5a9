use super::*;
use proptest::prelude::*;

const MINUTE: u64 = 60_000;

fn limit(number: u32) -> RateLimit {
    RateLimit::new(number).unwrap()
}

/// Redis, as the script is: one counter, and a clock that is ahead of everybody's.
#[derive(Default)]
struct Counter {
    window: u64,
    used: u32,
}

const AHEAD: u64 = 7 * MINUTE + 1234;

impl Counter {
    fn take(&mut self, at: u64, limit: RateLimit, wanted: u32) -> Reply {
        let now = at + AHEAD;
        if self.window != now / MINUTE {
            (self.window, self.used) = (now / MINUTE, 0);
        }
        let taken = wanted.min(limit.per_minute().saturating_sub(self.used));
        self.used += taken;
        Reply {
            window: self.window as u32,
            used: self.used,
            taken,
            left_ms: (self.window + 1) * MINUTE - now,
        }
    }
}

fn lease(for_limit: RateLimit) -> Lease {
    let lease = Lease::new();
    lease.begin(for_limit);
    lease
}

/// Asks at an instant, and is answered at once.
fn ask(lease: &Lease, counter: &mut Counter, at: u64, limit: RateLimit, wanted: u32, keep: u32) -> Reply {
    let asked = lease.ask(at);
    let reply = counter.take(at, limit, wanted);
    assert!(!lease.put(&reply, limit, asked, at, reply.taken.min(keep)));
    reply
}

#[test]
fn what_is_told_soon_after_the_start_is_known() {
    for left_ms in [500, 5_000, 20_000, 29_000, 31_000, 59_000] {
        let lease = lease(limit(10));
        let asked = lease.ask(0);
        let reply = Reply {
            window: 1,
            used: 10,
            taken: 0,
            left_ms,
        };
        assert!(!lease.put(&reply, limit(10), asked, 0, 0));
        assert!(
            matches!(lease.look(0, limit(10)), Known::Full { .. }),
            "{left_ms}"
        );
    }
}

/// A question under way.
struct Under {
    node: usize,
    asked: Asked,
    wanted: u32,
    keep: u32,
    reply: Option<Reply>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Request(usize),
    Run(usize),
    Arrive(usize),
    Pass(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3_usize).prop_map(Step::Request),
        3 => (0..8_usize).prop_map(Step::Run),
        3 => (0..8_usize).prop_map(Step::Arrive),
        2 => (1..400_u64).prop_map(Step::Pass),
        1 => (10_000..40_000_u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..600)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Three nodes, answers that take any time and come in any order: no minute of Redis lets more than the limit pass.
    #[test]
    fn l1_no_order_of_answers_lets_more_pass_than_the_limit(steps in steps(), n in 1..40_u32, most in 2..20_u32) {
        let limit = limit(n);
        let (mut counter, mut now) = (Counter::default(), 0_u64);
        let leases = [lease(limit), lease(limit), lease(limit)];
        let mut under: Vec<Under> = Vec::new();
        let mut passed = std::collections::HashMap::<u64, u32>::new();
        for step in steps {
            match step {
                Step::Pass(millis) => now += millis,
                Step::Request(node) => {
                    let lease = &leases[node];
                    let known = lease.take(now, limit);
                    if let Known::Left { .. } = known {
                        *passed.entry((now + AHEAD) / MINUTE).or_default() += 1;
                    }
                    if known == Known::Nothing {
                        under.push(Under { node, asked: lease.ask(now), wanted: 1, keep: 0, reply: None });
                    }
                    if let Some(block) = lease.wanted(now, most, 1) {
                        under.push(Under { node, asked: lease.ask(now), wanted: block, keep: block, reply: None });
                    }
                }
                Step::Run(which) => {
                    let waiting = under.iter_mut().filter(|one| one.reply.is_none()).nth(which);
                    if let Some(one) = waiting {
                        let reply = counter.take(now, limit, one.wanted);
                        if one.keep == 0 {
                            *passed.entry((now + AHEAD) / MINUTE).or_default() += reply.taken;
                        }
                        one.reply = Some(reply);
                    }
                }
                Step::Arrive(which) => {
                    let answered = under.iter().enumerate().filter(|(_, one)| one.reply.is_some()).nth(which);
                    if let Some(place) = answered.map(|(place, _)| place) {
                        let one = under.remove(place);
                        let reply = one.reply.unwrap();
                        let lost = leases[one.node].put(&reply, limit, one.asked, now, reply.taken.min(one.keep));
                        prop_assert!(!lost, "no counter was lost");
                        if one.keep > 0 {
                            leases[one.node].end_fill();
                        }
                    }
                }
            }
        }
        for (minute, count) in passed {
            prop_assert!(count <= n, "{count} of {n} in minute {minute}");
        }
    }

    #[test]
    fn a_word_holds_what_is_put_into_it(until in 0..1_u64 << 31, rest in 0..=RateLimit::MAX, held in 0..=5000_u32) {
        let word = Word { until, rest, held };
        prop_assert_eq!(Word::unpack(word.pack()), word);
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
                Known::Nothing => ask(lease, &mut counter, now, limit, 1, 0).taken == 1,
            };
            passed += u32::from(passes);
            if let Some(block) = lease.wanted(now, most, 3) {
                ask(lease, &mut counter, now, limit, block, block);
                lease.end_fill();
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
                assert_eq!(ask(&lease, &mut counter, now, limit, 1, 0).taken, 1);
            }
        }
        if let Some(block) = lease.wanted(now, 300, 1) {
            questions += 1;
            ask(&lease, &mut counter, now, limit, block, block);
            lease.end_fill();
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
                ask(&lease, &mut counter, now, limit, 1, 0);
                lease.left(now, limit).unwrap()
            }
        };
        assert!(left < last || left == 0, "{left} after {last}");
        last = left;
        if let Some(block) = lease.wanted(now, 10, 1) {
            ask(&lease, &mut counter, now, limit, block, block);
            lease.end_fill();
        }
    }
}

#[test]
fn l7_what_is_known_of_one_limit_says_nothing_of_another() {
    let (low, high) = (limit(10), limit(100));
    let mut counter = Counter::default();
    let lease = lease(low);
    for _ in 0..10 {
        ask(&lease, &mut counter, 5000, low, 1, 0);
    }
    assert!(matches!(lease.take(5000, low), Known::Full { .. }));
    assert_eq!(lease.take(5000, high), Known::Nothing);
    let late = (lease.ask(5000), counter.take(5000, low, 1));
    lease.begin(high);
    assert_eq!(ask(&lease, &mut counter, 5000, high, 1, 0).taken, 1);
    lease.put(&late.1, low, late.0, 5000, 0);
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
    ask(&lease, &mut counter, 0, limit, 1, 0);
    assert!(matches!(lease.take(58_000, limit), Known::Full { .. }));
    assert_eq!(lease.take(MINUTE - 1234, limit), Known::Nothing);
    assert!(lease.is_due(5000));
    assert!(!lease.is_due(5500), "somebody asks already");
    assert!(lease.is_due(6100));
}

#[test]
fn a_block_that_comes_too_late_is_not_used() {
    let limit = limit(100);
    let mut counter = Counter::default();
    let lease = lease(limit);
    let old = (lease.ask(1000), counter.take(1000, limit, 10));
    let older = (lease.ask(1000), counter.take(1000, limit, 10));
    ask(&lease, &mut counter, 61_000, limit, 1, 0);
    lease.put(&old.1, limit, old.0, 61_000, 10);
    lease.put(&older.1, limit, older.0, 5000, 10);
    assert_eq!(lease.take(61_000, limit), Known::Nothing);
    assert_eq!(lease.left(61_000, limit), Some(99));
}

#[test]
fn l5_a_counter_that_went_back_is_noticed_once() {
    let limit = limit(10);
    let mut counter = Counter::default();
    let lease = lease(limit);
    for _ in 0..10 {
        ask(&lease, &mut counter, 5000, limit, 1, 0);
    }
    counter.used = 0;
    let asked = lease.ask(5000);
    let first = counter.take(5000, limit, 1);
    let second = counter.take(5000, limit, 1);
    assert!(lease.put(&second, limit, asked, 5000, 0));
    assert!(!lease.put(&first, limit, asked, 5000, 0), "the same loss");
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
        ask(&lease, &mut counter, u64::from(n) * 1000, limit, 0, 0);
    }
    leases.sweep(5000);
    assert_eq!(leases.len(), 100);
    leases.sweep(10 * MINUTE);
    assert_eq!(leases.len(), 0);
}
