//! The script against the rule that it is written after.

use super::*;
use keyward_domain::take;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use redis::Script;
use std::cell::{Cell, RefCell};

/// No block is wanted, and none was used.
const ONE_ALONE: [u32; 3] = [0; 3];

/// The script, with a clock that is told.
fn told_the_time() -> Script {
    let text = script::TAKE_SOURCE.replace("redis.call('TIME')", "{ARGV[6], ARGV[7]}");
    assert!(text.contains("ARGV[7]"));
    Script::new(&text)
}

/// Any minute, and the clock set back and forth (L5, S12).
#[test]
fn l5_redis_counts_as_the_memory_does_whatever_its_clock_does() {
    let redis = Redis::start();
    let client = redis::Client::open(redis.url()).unwrap();
    let connection = RefCell::new(client.get_connection().unwrap());
    let script = told_the_time();
    let second = prop_oneof![
        8 => 1_800_000_000_u64..1_800_000_400,
        1 => Just(1_799_996_400_u64),
        1 => Just(0_u64),
        1 => Just(4_102_444_800_u64),
    ];
    let cases = prop::collection::vec((second, 0..1_000_000_u64, 1..6_u32), 1..60);
    let number = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(150));
    let outcome = runner.run(&cases, |asked| {
        number.set(number.get() + 1);
        let mut word = 0;
        for (second, micros, limit) in asked {
            let minute = u32::try_from(second / 60).unwrap();
            let expected = take(word, minute, RateLimit::new(limit).unwrap());
            let (window, used, taken, left): (i64, u32, u32, u64) = script
                .key(format!("keyward:{}", number.get()))
                .arg(limit)
                .arg(1)
                .arg(&ONE_ALONE)
                .arg(second)
                .arg(micros)
                .invoke(&mut *connection.borrow_mut())
                .unwrap();
            prop_assert_eq!(taken == 1, expected.word.is_some());
            prop_assert_eq!((window + 1) * 60, expected.quota.reset);
            prop_assert_eq!(limit.saturating_sub(used), expected.quota.remaining);
            let end = u64::try_from(expected.quota.reset).unwrap() * 1000;
            prop_assert_eq!(left, end - second * 1000 - micros / 1000);
            word = expected.word.unwrap_or(word);
        }
        Ok(())
    });
    outcome.unwrap();
}

/// What the model of the leases takes for Redis is what Redis does.
#[test]
fn l1_redis_lends_as_the_model_has_it() {
    let redis = Redis::start();
    let client = redis::Client::open(redis.url()).unwrap();
    let connection = RefCell::new(client.get_connection().unwrap());
    let script = told_the_time();
    let millis = prop_oneof![
        4 => Just(0_i64), 4 => 1..5000_i64, 1 => 1..90_000_i64, 1 => -90_000..0_i64,
    ];
    let cases = prop::collection::vec(
        (millis, 1..500_u32, 0..3_u32, 0..6_u32, -1..2_i64, 0..6_u32),
        1..60,
    );
    let number = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(150));
    let outcome = runner.run(&cases, |asked| {
        number.set(number.get() + 1);
        let (mut counter, mut now) = (counter::Counter::default(), 1_800_000_000_000_u64);
        for (passed, limit, once, block, spent_of, spent) in asked {
            now = now.saturating_add_signed(passed);
            let window = u32::try_from(now / 60_000).unwrap();
            let spent = Spent {
                window: u32::try_from(i64::from(window) + spent_of).unwrap(),
                count: spent,
            };
            let (window, used, taken, left_ms): (u32, u32, u32, u64) = script
                .key(format!("keyward:{}", number.get()))
                .arg(limit)
                .arg(&[once, block, spent.window, spent.count])
                .arg(now / 1000)
                .arg(now % 1000 * 1000)
                .invoke(&mut *connection.borrow_mut())
                .unwrap();
            let limit = RateLimit::new(limit).unwrap();
            let expected = counter.take(now, limit, Wanted { once, block }, spent);
            prop_assert_eq!(
                Reply {
                    window,
                    used,
                    taken,
                    left_ms
                },
                expected
            );
        }
        Ok(())
    });
    outcome.unwrap();
}

#[test]
fn a_counter_outlives_its_window_by_a_minute_and_no_longer() {
    let redis = Redis::start();
    let mut connection = redis::Client::open(redis.url())
        .unwrap()
        .get_connection()
        .unwrap();
    let script = told_the_time();
    let mut call = script.key("keyward:x");
    call.arg(10).arg(4).arg(&ONE_ALONE).arg(6_000_030_u64).arg(0);
    let told: (u64, u32, u32, u64) = call.invoke(&mut connection).unwrap();
    assert_eq!(told, (100_000, 4, 4, 30_000));
    assert_eq!(redis.command(&["GET", "keyward:x"]), "100000:4");
    let expires: u64 = redis.command(&["PTTL", "keyward:x"]).parse().unwrap();
    assert!((60_000..=90_000).contains(&expires), "{expires}");
}

#[test]
fn a_counter_takes_less_than_200_bytes() {
    const KEYS: u64 = 5000;
    let redis = Redis::start();
    let mut connection = redis::Client::open(redis.url())
        .unwrap()
        .get_connection()
        .unwrap();
    let used = || -> u64 {
        let told = redis.command(&["INFO", "memory"]);
        let line = told.lines().find_map(|line| line.strip_prefix("used_memory:"));
        line.unwrap().trim().parse().unwrap()
    };
    let script = Script::new(script::TAKE_SOURCE);
    let mut count = |number| {
        let mut call = script.key(format!("keyward:{}", key(number)));
        let told: (u64, u32, u32, u64) = call
            .arg(1000)
            .arg(1)
            .arg(&ONE_ALONE)
            .invoke(&mut connection)
            .unwrap();
        assert_eq!(told.1, 1);
    };
    // The script itself takes room once.
    count(0);
    let before = used();
    (1..=KEYS).for_each(&mut count);
    let each = (used() - before) / KEYS;
    assert!(each < 200, "{each} bytes");
}

#[test]
fn what_somebody_else_put_in_a_counters_place_is_no_count() {
    let redis = Redis::start();
    redis.command(&["SET", "keyward:x", "nonsense"]);
    redis.command(&["LPUSH", "keyward:list", "nonsense"]);
    let mut connection = redis::Client::open(redis.url())
        .unwrap()
        .get_connection()
        .unwrap();
    let script = told_the_time();
    for key in ["keyward:x", "keyward:list"] {
        let mut call = script.key(key);
        call.arg(1).arg(1).arg(&ONE_ALONE).arg(600).arg(0);
        let told: (u64, u32, u32, u64) = call.invoke(&mut connection).unwrap();
        assert_eq!(told, (10, 1, 1, 60_000), "{key}");
        assert_eq!(redis.command(&["GET", key]), "10:1");
    }
}
