//! I2, where a trusted proxy names no client: that is no statement, and the operator is told.

use crate::address::{BEHIND_PROXY, forbidden, from, passed, with_key};
use crate::world::World;
use keyward_testkit::{KeySpec, OWNER};

#[tokio::test]
async fn i2_a_trusted_proxy_that_names_no_client_is_nobody_unless_it_may_be_one() {
    let silent: &[&[&str]] = &[
        &[],
        &[""],
        &[" \t"],
        &[",,"],
        &["192.0.2.7,"],
        &["192.0.2.7", ""],
        &["127.0.0.2"],
        &["192.0.2.7, , 127.0.0.2"],
    ];
    let may_be_client = format!("{BEHIND_PROXY}trusted_proxy_may_be_client = true\n");
    for (config, said) in [(BEHIND_PROXY, forbidden()), (&may_be_client, passed())] {
        let world = World::start(config).await;
        // The proxy stands in the network of the key, and so would a client that a silent proxy does not name.
        let secret = world
            .secret_of(KeySpec::new(OWNER, "k").addresses(&["127.0.0.0/8"]))
            .await;
        for fields in silent {
            let ask = fields
                .iter()
                .fold(with_key(&secret), |ask, value| ask.with("X-Forwarded-For", value));
            assert_eq!(from(&world, 2, &ask).await, said, "{fields:?}");
        }
        let unread = with_key(&secret).with("X-Forwarded-For", "127.0.0.9, unknown");
        assert_eq!(from(&world, 2, &unread).await, forbidden());
        assert_eq!(from(&world, 3, &with_key(&secret)).await, passed());
        assert_eq!(from(&world, 2, &with_key(&world.k1)).await, passed());
    }
}

#[tokio::test]
async fn i2_what_a_proxy_leaves_out_or_an_unlisted_one_says_is_logged_once() {
    let console = "[console]\ntrusted_proxies = [\"127.0.0.2\"]\n";
    let world = World::start(&format!("{BEHIND_PROXY}{console}")).await;
    let said = |value: &str| with_key(&world.k1).with("X-Forwarded-For", value);
    for _ in 0..3 {
        from(&world, 3, &said("192.0.2.7")).await;
        from(&world, 2, &said("192.0.2.7")).await;
        from(&world, 2, &said("unix:")).await;
        from(&world, 2, &with_key(&world.k1)).await;
    }
    world.keyward.stop().await;
    let log = world.keyward.log();
    for told in [
        "gateway.trusted_proxies does not list",
        "names no address of its client",
    ] {
        assert_eq!(log.matches(told).count(), 1, "{told}: {log}");
    }
}
