//! The addresses that a key was used from last.

use crate::common::{Home, OPERATOR, START, TestKey, at_once, create_key, create_user, draft};
use crate::faulty::Faulty;
use keyward_domain::{ClientAddress, Presented, Role, StrictPath};
use keyward_engine::{Actor, Asked, Counting, Engine, EngineError, KeyDraft, RestrictionDraft, Who};
use std::net::IpAddr;
use std::sync::atomic::Ordering;

fn ask_from(engine: &Engine, key: &TestKey, address: &str) {
    let asked = Asked {
        site: Some("1"),
        client: address
            .parse()
            .map_or(ClientAddress::Unknown, ClientAddress::Known),
        method: "GET",
        path: StrictPath::parse(b"/api/1/x").unwrap(),
    };
    at_once(engine.authenticate(Presented::parse(key.secret.as_bytes()), &asked, Counting::Count));
}

async fn addresses(engine: &Engine, key: &TestKey) -> Vec<String> {
    let found = engine.recent_addresses(OPERATOR, &key.id).await.unwrap();
    found.iter().map(|recent| recent.address.to_string()).collect()
}

#[tokio::test]
async fn addresses_of_granted_requests_gather_over_minutes_and_flushes() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(
        &node,
        &KeyDraft {
            addresses: RestrictionDraft::Only(vec!["192.0.2.0/24".into(), "2001:db8::/32".into()]),
            ..draft()
        },
    )
    .await;
    assert!(addresses(&node, &key).await.is_empty());
    ask_from(&node, &key, "192.0.2.1");
    home.clock.advance(60_000);
    ask_from(&node, &key, "2001:db8::1");
    node.flush_usage().await.unwrap();
    assert_eq!(addresses(&node, &key).await, ["2001:db8::1", "192.0.2.1"]);
    home.clock.advance(1000);
    ask_from(&node, &key, "192.0.2.1");
    node.flush_usage().await.unwrap();
    // Refused ones and unknown ones are not kept.
    ask_from(&node, &key, "198.51.100.1");
    ask_from(&node, &key, "unknown");
    node.flush_usage().await.unwrap();
    assert_eq!(addresses(&node, &key).await, ["192.0.2.1", "2001:db8::1"]);
    let found = node.recent_addresses(OPERATOR, &key.id).await.unwrap();
    assert_eq!(found[0].address, "192.0.2.1".parse::<IpAddr>().unwrap());
    assert_eq!(found[0].at, START.plus_millis(61_000));
}

#[tokio::test]
async fn ten_addresses_of_a_key_are_kept_and_a_failed_flush_loses_none() {
    let home = Home::new().await;
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    node.load().await.unwrap();
    create_user(&node, crate::common::OWNER).await;
    let key = create_key(&node, &draft()).await;
    for n in 0..14 {
        ask_from(&node, &key, &format!("192.0.2.{n}"));
        home.clock.advance(60_000);
        faulty.fail_usage.store(n % 2 == 0, Ordering::SeqCst);
        let _ = node.flush_usage().await;
    }
    let wanted: Vec<String> = (4..14).rev().map(|n| format!("192.0.2.{n}")).collect();
    assert_eq!(addresses(&node, &key).await, wanted);
}

#[tokio::test]
async fn a2_addresses_of_another_users_key_are_not_found() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(&node, &draft()).await;
    let stranger = Actor {
        who: Who::User {
            id: create_user(&node, "other@example.com").await.parse().unwrap(),
            role: Role::Member,
            key: None,
        },
        address: None,
    };
    for id in [key.id.as_str(), "no id"] {
        let found = node.recent_addresses(&stranger, id).await;
        assert!(matches!(found, Err(EngineError::NotFound("key"))), "{found:?}");
    }
}
