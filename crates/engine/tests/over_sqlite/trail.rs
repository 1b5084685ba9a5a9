//! The history of one key: all of it for its owner, nothing of it for others, and nothing about other people.

use crate::common::{Home, OPERATOR, OWNER, create_key, create_user, draft};
use keyward_domain::Role;
use keyward_engine::{ActBy, Actor, AuditOutcome, EngineError, KeyDraft, KeyEdit, Who};
use std::net::{IpAddr, Ipv4Addr};

fn person(id: &str, role: Role, last: u8) -> Actor {
    Actor {
        who: Who::User {
            id: id.parse().unwrap(),
            role,
            key: None,
        },
        address: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))),
    }
}

#[tokio::test]
async fn a_member_sees_every_act_on_an_own_key_and_nothing_about_other_people() {
    let home = Home::new().await;
    let node = home.node().await;
    let owner = person(&create_user(&node, OWNER).await, Role::Member, 1);
    let admin = person(&create_user(&node, "admin@example.com").await, Role::Admin, 2);
    let other = person(&create_user(&node, "other@example.com").await, Role::Member, 3);
    let key = create_key(&node, &draft()).await.id;
    let theirs = KeyDraft {
        owner: Some("other@example.com".to_owned()),
        ..draft()
    };
    let theirs = create_key(&node, &theirs).await.id;
    // All in one millisecond: lines are in the order in which it happened even so.
    let renamed = KeyEdit {
        name: Some("renamed".to_owned()),
        ..KeyEdit::default()
    };
    node.edit_key(&owner, &key, &renamed, None).await.unwrap();
    node.disable_key(&admin, &key, None).await.unwrap();
    assert!(node.delete_key(&other, &key, None).await.is_err());

    let acts = node.list_key_acts(&owner, &key, 20).await.unwrap();
    let told: Vec<(&str, &ActBy, Option<String>)> = acts
        .iter()
        .map(|act| (act.action.as_str(), &act.by, act.address.map(|at| at.to_string())))
        .collect();
    let own = ActBy::User(OWNER.to_owned());
    let wanted = [
        ("key.delete", &ActBy::Somebody, None),
        ("key.disable", &ActBy::Administrator, None),
        ("key.edit", &own, Some("192.0.2.1".to_owned())),
        ("key.create", &ActBy::Operator, None),
    ];
    assert_eq!(told, wanted);
    assert!(matches!(acts[0].outcome, AuditOutcome::Denied(_)));
    assert!(acts[1].before.is_some() && acts[1].after.is_some());
    let of_one = node.list_key_acts(&owner, &key, 1).await.unwrap();
    assert_eq!(of_one.len(), 2, "the latest that was done, and what was denied");

    let not_theirs = node.list_key_acts(&owner, &theirs, 20).await;
    assert!(
        matches!(not_theirs, Err(EngineError::NotFound("key"))),
        "{not_theirs:?}"
    );
    assert!(node.list_key_acts(&other, &key, 20).await.is_err());
}

#[tokio::test]
async fn whoever_tries_in_vain_pushes_nothing_out_of_sight() {
    let home = Home::new().await;
    let node = home.node().await;
    let owner = person(&create_user(&node, OWNER).await, Role::Member, 1);
    let other = person(&create_user(&node, "other@example.com").await, Role::Member, 2);
    let key = create_key(&node, &draft()).await.id;
    for _ in 0..30 {
        assert!(node.delete_key(&other, &key, None).await.is_err());
    }
    let acts = node.list_key_acts(&owner, &key, 20).await.unwrap();
    assert_eq!(acts.len(), 6);
    assert_eq!(acts[5].action, "key.create");
}

#[tokio::test]
async fn an_administrator_sees_who_acted_and_from_where() {
    let home = Home::new().await;
    let node = home.node().await;
    let owner = person(&create_user(&node, OWNER).await, Role::Member, 1);
    let admin = person(&create_user(&node, "admin@example.com").await, Role::Admin, 2);
    let key = create_key(&node, &draft()).await.id;
    node.disable_key(&owner, &key, None).await.unwrap();
    for actor in [&admin, OPERATOR] {
        let acts = node.list_key_acts(actor, &key, 20).await.unwrap();
        assert_eq!(acts[0].by, ActBy::User(OWNER.to_owned()));
        assert_eq!(acts[0].address, owner.address);
        assert_eq!(acts[1].by, ActBy::Operator);
    }
}
