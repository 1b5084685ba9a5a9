use super::*;

const START: Timestamp = Timestamp::from_millis(1_795_471_860_000);

fn device(account: u64) -> Counter {
    Counter::Device(account, Fingerprint::from_bytes([7; 32]))
}

#[test]
fn memory_is_bounded_whatever_comes() {
    let throttle = Throttle::default();
    for account in 0..2 * MOST_COUNTERS as u64 {
        let counters = [Counter::Network(account, None), Counter::Anywhere(account)];
        throttle.begin(&counters, START).unwrap();
    }
    assert!(throttle.lock().len() <= MOST_COUNTERS);
}

#[test]
fn strangers_who_fill_the_memory_do_not_free_the_guesser() {
    let throttle = Throttle::default();
    let guessed = device(u64::MAX);
    for _ in 0..5 {
        throttle.begin(&[guessed], START).unwrap();
    }
    for account in 0..2 * MOST_COUNTERS as u64 {
        throttle.begin(&[Counter::Anywhere(account)], START).unwrap();
    }
    assert_eq!(throttle.begin(&[guessed], START), Err(1));
}

#[test]
fn failures_are_forgotten_after_an_hour_without_another() {
    let throttle = Throttle::default();
    for _ in 0..5 {
        throttle.begin(&[device(1)], START).unwrap();
    }
    throttle.sweep(START.plus_millis(KEPT_MILLIS - 1));
    assert_eq!(throttle.lock().len(), 1);
    throttle.sweep(START.plus_millis(KEPT_MILLIS));
    assert_eq!(throttle.lock().len(), 0);
}

#[test]
fn a_try_that_did_not_fail_does_not_count() {
    let throttle = Throttle::default();
    for _ in 0..100 {
        throttle.begin(&[device(1)], START).unwrap();
        throttle.take_back(&[device(1)]);
    }
    assert!(throttle.lock().is_empty(), "nothing is kept of it");
}

#[test]
fn no_wait_is_longer_than_a_minute_however_many_failures_there_were() {
    let throttle = Throttle::default();
    let mut now = START;
    for _ in 0..300 {
        if let Err(wait) = throttle.begin(&[device(1)], now) {
            assert!(wait <= LONGEST_SECS);
            now = now.plus_millis(wait.cast_signed() * 1000);
            throttle.begin(&[device(1)], now).unwrap();
        }
    }
    for jump in [i64::MIN, -1, i64::MAX] {
        let at = Timestamp::from_millis(jump);
        assert!(throttle.begin(&[device(1)], at).err().unwrap_or(0) <= LONGEST_SECS);
    }
}

#[test]
fn a_network_is_an_ipv4_24_or_an_ipv6_64() {
    for (address, network) in [
        ("192.0.2.200", "192.0.2.0"),
        ("::ffff:192.0.2.200", "192.0.2.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
    ] {
        assert_eq!(
            network_of(address.parse().unwrap()),
            network.parse::<IpAddr>().unwrap()
        );
    }
}
