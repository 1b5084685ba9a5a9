//! Lists of keys: orders, counts, health; who sees what.

use crate::common::{Home, OPERATOR, OWNER, START, create_key, create_user, draft};
use keyward_domain::{KeyId, Role};
use keyward_engine::testing::{self, TestDatabase};
use keyward_engine::{
    Actor, Engine, EngineError, ExpiryDraft, HealthCount, HealthMark, KeyDraft, KeyFilter, KeyOrder, KeyView,
    LastUsed, RestrictionDraft, Store, Who,
};
use keyward_store::UsageBatch;
use std::borrow::Cow;
use std::collections::BTreeSet;

const OTHER: &str = "other@example.com";

fn member(id: &str) -> Actor {
    Actor {
        who: Who::User {
            id: id.parse().unwrap(),
            role: Role::Member,
            key: None,
        },
        address: None,
    }
}

async fn used(home: &Home, key: &str, days_ago: i64) {
    let batch = UsageBatch {
        last_used: vec![LastUsed {
            key: key.parse().unwrap(),
            at: START.plus_days(-days_ago),
            address: None,
        }],
        ..UsageBatch::default()
    };
    home.store.add_usage(&batch).await.unwrap();
}

async fn named(engine: &Engine, owner: &str, name: &str) -> String {
    let draft = KeyDraft {
        owner: Some(owner.to_owned()),
        name: name.to_owned(),
        ..KeyDraft::default()
    };
    create_key(engine, &draft).await.id
}

fn ids(views: &[KeyView]) -> Vec<String> {
    views.iter().map(|view| view.key.id.to_string()).collect()
}

async fn list(engine: &Engine, actor: &Actor, filter: &KeyFilter) -> Vec<String> {
    ids(&engine.list_keys(actor, filter).await.unwrap().items)
}

fn faulty_field(outcome: Result<impl Sized, EngineError>) -> Option<&'static str> {
    match outcome {
        Err(EngineError::Invalid(faults)) => match faults[0].field {
            Cow::Borrowed(field) => Some(field),
            Cow::Owned(_) => None,
        },
        _ => None,
    }
}

#[tokio::test]
async fn pages_visit_every_key_once_in_every_order() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let mut wanted = BTreeSet::new();
    for n in 0..23 {
        let key = named(&node, OWNER, ["b", "B", "a", "c"][n % 4]).await;
        if n % 3 == 0 {
            used(&home, &key, i64::try_from(n % 2).unwrap()).await;
        }
        wanted.insert(key);
    }
    for (order, name) in KeyOrder::ALL {
        for by_offset in [false, true] {
            let mut filter = KeyFilter {
                order,
                limit: Some(5),
                skip: by_offset.then_some(0),
                ..KeyFilter::default()
            };
            let mut visited = Vec::new();
            loop {
                let page = node.list_keys(OPERATOR, &filter).await.unwrap();
                visited.extend(ids(&page.items));
                let Some(next) = page.next else { break };
                if by_offset || order != KeyOrder::default() {
                    filter.skip = Some(next.parse().unwrap());
                } else {
                    filter.cursor = Some(next);
                }
            }
            assert_eq!(visited.len(), wanted.len(), "{name}");
            assert_eq!(visited.into_iter().collect::<BTreeSet<_>>(), wanted, "{name}");
        }
    }
}

#[tokio::test]
async fn a_cursor_is_refused_where_it_does_not_serve() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let cursor = Some(named(&node, OWNER, "key").await);
    let by_name = KeyFilter {
        order: KeyOrder::from_code("name").unwrap(),
        cursor: cursor.clone(),
        ..KeyFilter::default()
    };
    let skipping = KeyFilter {
        skip: Some(0),
        cursor,
        ..KeyFilter::default()
    };
    for filter in [by_name, skipping] {
        assert_eq!(
            faulty_field(node.list_keys(OPERATOR, &filter).await),
            Some("cursor")
        );
    }
}

#[tokio::test]
async fn a2_members_count_and_search_their_own_keys_only() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let other = member(&create_user(&node, OTHER).await);
    named(&node, OWNER, "first").await;
    named(&node, OWNER, "second").await;
    let own = named(&node, OTHER, "second").await;
    let all = KeyFilter::default();
    assert_eq!(node.count_keys(OPERATOR, &all).await.unwrap(), 3);
    assert_eq!(node.count_keys(&other, &all).await.unwrap(), 1);
    let by_text = KeyFilter {
        text: Some("SECOND".into()),
        ..all.clone()
    };
    assert_eq!(node.count_keys(OPERATOR, &by_text).await.unwrap(), 2);
    assert_eq!(node.count_keys(&other, &by_text).await.unwrap(), 1);
    assert_eq!(list(&node, &other, &by_text).await, [own]);
    let owners = KeyFilter {
        owner: Some(OWNER.into()),
        ..all
    };
    assert_eq!(node.count_keys(OPERATOR, &owners).await.unwrap(), 2);
    let denied = node.count_keys(&other, &owners).await;
    assert!(matches!(denied, Err(EngineError::NotFound("user"))), "{denied:?}");
    let denied = node.key_health(&other, Some(OWNER)).await;
    assert!(matches!(denied, Err(EngineError::NotFound("user"))), "{denied:?}");
}

#[tokio::test]
async fn a_count_reads_neither_order_nor_page_but_names_faults() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    for name in ["a", "b", "c"] {
        named(&node, OWNER, name).await;
    }
    let page = KeyFilter {
        order: KeyOrder::from_code("-name").unwrap(),
        skip: Some(2),
        limit: Some(1),
        cursor: Some("no id".into()),
        ..KeyFilter::default()
    };
    assert_eq!(node.count_keys(OPERATOR, &page).await.unwrap(), 3);
    let bad = KeyFilter {
        status: Some("gone".into()),
        ..KeyFilter::default()
    };
    assert_eq!(
        faulty_field(node.count_keys(OPERATOR, &bad).await),
        Some("status")
    );
}

#[tokio::test]
async fn a_text_finds_the_owners_address_for_administrators_who_ask() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let other = member(&create_user(&node, OTHER).await);
    let key = named(&node, OTHER, "key").await;
    named(&node, OWNER, "key").await;
    let filter = |text_in_owner| KeyFilter {
        text: Some("other@".into()),
        text_in_owner,
        ..KeyFilter::default()
    };
    assert_eq!(list(&node, OPERATOR, &filter(true)).await, [key]);
    assert!(list(&node, OPERATOR, &filter(false)).await.is_empty());
    assert!(list(&node, &other, &filter(true)).await.is_empty());
}

/// A key with no mark but those that `edit` gives it.
async fn healthy(home: &Home, node: &Engine, edit: impl FnOnce(&mut KeyDraft)) -> String {
    let mut healthy = KeyDraft {
        expires_at: ExpiryDraft::At(START.plus_days(365).to_string()),
        addresses: RestrictionDraft::Only(vec!["192.0.2.0/24".into()]),
        ..draft()
    };
    edit(&mut healthy);
    let key = create_key(node, &healthy).await.id;
    used(home, &key, 1).await;
    key
}

#[tokio::test]
async fn health_counts_active_keys_by_mark_with_examples_and_a_list_of_each() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let mut wanted = Vec::new();
    healthy(&home, &node, |_| {}).await;
    let bare = KeyDraft {
        expires_at: ExpiryDraft::At(START.plus_days(365).to_string()),
        addresses: RestrictionDraft::Only(vec!["192.0.2.0/24".into()]),
        ..draft()
    };
    wanted.push((HealthMark::NeverUsed, create_key(&node, &bare).await.id));
    let unused = create_key(&node, &bare).await.id;
    used(&home, &unused, 91).await;
    wanted.push((HealthMark::Unused90Days, unused));
    let just_used = create_key(&node, &bare).await.id;
    used(&home, &just_used, 90).await;
    let endless = healthy(&home, &node, |key| key.expires_at = ExpiryDraft::Never).await;
    wanted.push((HealthMark::NoExpiry, endless));
    let open = healthy(&home, &node, |key| key.addresses = RestrictionDraft::Any).await;
    wanted.push((HealthMark::NoAddressRestriction, open));
    let in_days =
        |days| move |key: &mut KeyDraft| key.expires_at = ExpiryDraft::At(START.plus_days(days).to_string());
    let ending = healthy(&home, &node, in_days(14)).await;
    wanted.push((HealthMark::Expiring14Days, ending));
    healthy(&home, &node, in_days(15)).await;
    // Neither those that are off nor those that are gone count.
    let off = create_key(
        &node,
        &KeyDraft {
            expires_at: ExpiryDraft::Never,
            addresses: RestrictionDraft::Any,
            ..bare.clone()
        },
    )
    .await
    .id;
    node.disable_key(OPERATOR, &off, None).await.unwrap();
    let gone = create_key(
        &node,
        &KeyDraft {
            expires_at: ExpiryDraft::Never,
            addresses: RestrictionDraft::Any,
            ..bare
        },
    )
    .await
    .id;
    node.delete_key(OPERATOR, &gone, None).await.unwrap();

    let health = node.key_health(OPERATOR, None).await.unwrap();
    let counts = [
        &health.never_used,
        &health.unused_90_days,
        &health.no_expiry,
        &health.no_address_restriction,
        &health.expiring_14_days,
    ];
    for ((mark, key), count) in wanted.iter().zip(counts) {
        assert_eq!(
            (count.count, ids(&count.examples)),
            (1, vec![key.clone()]),
            "{mark:?}"
        );
        let filter = KeyFilter {
            health: Some(*mark),
            ..KeyFilter::default()
        };
        assert_eq!(list(&node, OPERATOR, &filter).await, std::slice::from_ref(key));
        assert_eq!(HealthMark::from_code(mark.code()), Some(*mark));
    }
    let disabled = KeyFilter {
        health: Some(HealthMark::NoExpiry),
        status: Some("disabled".into()),
        ..KeyFilter::default()
    };
    assert_eq!(list(&node, OPERATOR, &disabled).await, [off]);
    home.clock.advance(365 * 86_400_000);
    assert_eq!(node.key_health(OPERATOR, None).await.unwrap().never_used.count, 0);
}

#[tokio::test]
async fn health_is_of_all_keys_of_one_owner_or_of_the_members_own() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let other = member(&create_user(&node, OTHER).await);
    for _ in 0..7 {
        named(&node, OWNER, "key").await;
    }
    let own = named(&node, OTHER, "key").await;
    let summary = |count: &HealthCount| (count.count, count.examples.len());
    let all = node.key_health(OPERATOR, None).await.unwrap();
    assert_eq!(summary(&all.never_used), (8, 5));
    let owners = node.key_health(OPERATOR, Some(OWNER)).await.unwrap();
    assert_eq!(summary(&owners.no_expiry), (7, 5));
    assert_eq!(summary(&owners.unused_90_days), (0, 0));
    let members = node.key_health(&other, None).await.unwrap();
    assert_eq!(ids(&members.no_address_restriction.examples), [own]);
}

#[tokio::test]
async fn a_list_shows_each_keys_own_owner_and_last_use() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    create_user(&node, OTHER).await;
    let first = named(&node, OWNER, "a").await;
    let second = named(&node, OTHER, "b").await;
    used(&home, &second, 3).await;
    let filter = KeyFilter {
        order: KeyOrder::from_code("name").unwrap(),
        ..KeyFilter::default()
    };
    let page = node.list_keys(OPERATOR, &filter).await.unwrap();
    assert_eq!(ids(&page.items), [first, second.clone()]);
    let emails: Vec<_> = page.items.iter().map(|view| view.owner_email.as_str()).collect();
    assert_eq!(emails, [OWNER, OTHER]);
    assert_eq!(page.items[0].last_used, None);
    let used = page.items[1].last_used.unwrap();
    assert_eq!(
        (used.key, used.at),
        (second.parse::<KeyId>().unwrap(), START.plus_days(-3))
    );
}

#[tokio::test]
async fn a_use_case_of_other_peoples_keys_alone_is_one_that_a_member_does_not_know() {
    let home = Home::new().await;
    let retired = testing::settings(vec![testing::use_case("retired", "Retired")]);
    let before = TestDatabase::node(&home, retired).await;
    let owner = member(&create_user(&before, OWNER).await);
    create_key(
        &before,
        &KeyDraft {
            use_case: Some("retired".to_owned()),
            ..draft()
        },
    )
    .await;
    let engine = home.node().await;
    let stranger = member(&create_user(&engine, OTHER).await);
    let filter = KeyFilter {
        use_case: Some("retired".to_owned()),
        limit: Some(0),
        ..KeyFilter::default()
    };
    let told = async |actor: &Actor| match engine.list_keys(actor, &filter).await {
        Err(EngineError::Invalid(faults)) => faults.len(),
        other => panic!("{:?}", other.is_ok()),
    };
    assert_eq!(told(&owner).await, 1, "the limit");
    assert_eq!(told(&stranger).await, 2, "and the use case");
}
