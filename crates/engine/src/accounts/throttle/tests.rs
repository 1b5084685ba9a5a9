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

/// A try from a client, without a known device.
fn from(client: &str) -> Vec<Counter> {
    let client: IpAddr = client.parse().unwrap();
    let around = around_of(client).map(|around| Counter::Around(1, around));
    let own = [
        Counter::Network(1, Some(network_of(client))),
        Counter::Anywhere(1),
        Counter::Strangers(1),
    ];
    own.into_iter().chain(around).collect()
}

/// An account that one network has guessed at, until the whole of it waits for a minute.
fn guessed_at(throttle: &Throttle) -> Timestamp {
    let mut now = START;
    for _ in 0..26 {
        while let Err(wait) = throttle.begin(&from("192.0.2.1"), now) {
            now = now.plus_millis(wait.cast_signed() * 1000);
        }
    }
    now
}

#[test]
fn an_account_that_is_guessed_at_is_open_to_other_networks_also_after_a_slip() {
    let throttle = Throttle::default();
    let now = guessed_at(&throttle);
    for client in ["198.51.100.1", "2001:db8::1"] {
        assert_eq!(throttle.begin(&from(client), now), Ok(()), "{client}");
        assert_eq!(throttle.begin(&from(client), now), Ok(()), "{client}: a slip");
        assert_eq!(throttle.begin(&from(client), now), Err(60), "{client}");
    }
}

#[test]
fn all_networks_of_one_ipv6_subscriber_are_looked_at_as_one() {
    let throttle = Throttle::default();
    let now = guessed_at(&throttle);
    let looked_at = (0..100).filter(|network| {
        let client = format!("2001:db8:1:{network:x}::1");
        throttle.begin(&from(&client), now).is_ok()
    });
    assert_eq!(looked_at.count(), 2);
    assert_eq!(throttle.begin(&from("2001:db8:2::1"), now), Ok(()));
}

#[test]
fn however_many_networks_guess_a_hundred_an_hour_are_looked_at_and_known_devices_always() {
    let at = |network: u32| from(&format!("10.{}.{}.1", network / 256, network % 256));
    // All at once in each second, one after the other, and each at most twice.
    for (networks, each) in [(1000, 1), (1000, 2), (20, 50), (3, 300)] {
        let throttle = Throttle::default();
        let mut looked_at = Vec::new();
        for second in 0..3 * 3600 {
            let now = START.plus_millis(second * 1000);
            let turns = if second % 600 == 0 { networks * each } else { 1 };
            for turn in 0..turns {
                let network = (turn + u32::try_from(second).unwrap()) % networks;
                if throttle.begin(&at(network), now).is_ok() {
                    looked_at.push(second);
                }
            }
        }
        let in_the_hour_from = |begin: &i64| {
            let within = looked_at
                .iter()
                .filter(|second| (*begin..begin + 3600).contains(second));
            within.count()
        };
        let most = looked_at.iter().map(in_the_hour_from).max().unwrap_or(0);
        assert!((50..=100).contains(&most), "{networks} networks: {most}");
        let end = START.plus_millis(3 * 3_600_000);
        assert_eq!(throttle.begin(&[device(1)], end), Ok(()));
        // A success takes back what it counted, so those who come in do not fill the bucket.
        throttle.succeed(&[device(1)]);
    }
}

#[test]
fn one_password_at_everybodys_account_is_slowed_by_network_and_other_networks_are_not() {
    let throttle = Throttle::default();
    let at = |account: u64, network: &str| {
        let network = Some(network_of(network.parse().unwrap()));
        [
            Counter::Network(account, network),
            Counter::Anywhere(account),
            Counter::Strangers(account),
            Counter::Spray(network),
        ]
    };
    let tried = (0..1000).filter(|account| throttle.begin(&at(*account, "192.0.2.7"), START).is_ok());
    assert_eq!(tried.count(), 30);
    assert_eq!(throttle.begin(&at(2000, "192.0.2.8"), START), Err(20));
    assert_eq!(throttle.begin(&at(2000, "198.51.100.1"), START), Ok(()));
    assert_eq!(throttle.begin(&[device(2000)], START), Ok(()));
    let mut tried = 0;
    for second in 1..=3600 {
        let now = START.plus_millis(second * 1000);
        tried += u32::from(
            throttle
                .begin(&at(3000 + second.cast_unsigned(), "192.0.2.7"), now)
                .is_ok(),
        );
    }
    assert_eq!(tried, 180);
    // Who is let in takes nothing of it.
    let later = START.plus_millis(8_000_000);
    for account in 10_000..10_100 {
        throttle.begin(&at(account, "192.0.2.7"), later).unwrap();
        throttle.succeed(&at(account, "192.0.2.7"));
    }
}

#[test]
fn who_asks_all_the_time_does_not_take_the_try_of_those_who_wait_as_told() {
    let throttle = Throttle::default();
    let mut now = guessed_at(&throttle);
    for _ in 0..2 {
        throttle.begin(&from("198.51.100.1"), now).unwrap();
    }
    assert_eq!(throttle.begin(&from("198.51.100.1"), now), Err(60));
    for _ in 0..60 {
        assert!(throttle.begin(&from("192.0.2.1"), now).is_err());
        now = now.plus_millis(1000);
    }
    assert!(throttle.begin(&from("192.0.2.1"), now).is_err());
    assert_eq!(throttle.begin(&from("198.51.100.1"), now), Ok(()));
}
