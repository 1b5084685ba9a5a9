//! The audit log: in step with every change, filtered, immutable.

use super::nodes::node;
use super::samples::{START, audit_count, claim, event, footprint, key, new, owner, purge, stored_key, user};
use crate::{AuditActor, AuditEvent, AuditOutcome, AuditQuery, Store, StoreError};
use keyward_domain::AuditId;
use serde_json::json;
use std::sync::Arc;

fn query() -> AuditQuery {
    AuditQuery {
        most: 100,
        ..AuditQuery::default()
    }
}

async fn ids(store: &dyn Store, query: AuditQuery) -> Vec<AuditId> {
    let events = store.list_audit(&query).await.unwrap();
    events.iter().map(|event| event.id).collect()
}

pub async fn a11_an_event_is_read_as_it_was_written(store: Arc<dyn Store>) {
    let (user, key) = (user(), super::samples::key_id());
    let full = AuditEvent {
        actor: AuditActor::User {
            user: user.id,
            key: Some(key),
        },
        address: "2001:db8::7".parse().ok(),
        target_id: "a\"b\\c\u{202e}🔑".to_owned(),
        outcome: AuditOutcome::Denied("not_yours".to_owned()),
        before: Some(json!({"name": "a\n\u{1b}[31m"})),
        after: Some(json!({"name": null, "sites": [1, 2], "limit": 1_000_000})),
        ..event("key.update")
    };
    let session = AuditEvent {
        actor: AuditActor::User {
            user: user.id,
            key: None,
        },
        address: "192.0.2.1".parse().ok(),
        ..event("key.update")
    };
    let operator = AuditEvent {
        actor: AuditActor::Operator,
        ..event("site.create")
    };
    for one in [&full, &session, &operator] {
        store.append_audit(one).await.unwrap();
    }
    assert_eq!(
        store.list_audit(&query()).await.unwrap(),
        [operator, session, full]
    );
}

pub async fn a11_an_event_of_no_change_raises_no_revision(store: Arc<dyn Store>) {
    store.append_audit(&event("key.update")).await.unwrap();
    assert_eq!(footprint(&*store).await, (keyward_domain::Revision(0), 1));
}

pub async fn a11_every_change_writes_its_event(store: Arc<dyn Store>) {
    let mut user = owner(&*store).await;
    let mut key = stored_key(&*store, &user, |_| {}).await;
    let site = super::samples::stored_site(&*store, "one").await;
    user.revision = store
        .update_user(&user, user.revision, &event("user.update"))
        .await
        .unwrap();
    store
        .update_site(&site, site.revision, &[event("site.update")])
        .await
        .unwrap();
    key.delete(START).unwrap();
    key.revision = store
        .update_key(&key, key.revision, &event("key.delete"))
        .await
        .unwrap();
    store
        .purge_keys(&[purge(key.id, key.revision, event("key.purge"))])
        .await
        .unwrap();
    store
        .import_keys(
            &mut [super::samples::key(user.id)].chunks(1),
            &event("key.import"),
            &|_| {},
        )
        .await
        .unwrap();
    let events = store.list_audit(&query()).await.unwrap();
    let actions: Vec<&str> = events.iter().rev().map(|event| event.action.as_str()).collect();
    let wanted = [
        "user.create",
        "key.create",
        "site.create",
        "user.update",
        "site.update",
        "key.delete",
        "key.purge",
        "key.import",
    ];
    assert_eq!(actions, wanted);
}

pub async fn a11_a_change_that_fails_leaves_no_event(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let stored = stored_key(&*store, &owner, |_| {}).await;
    let mut twin = key(owner.id);
    twin.fingerprint = stored.fingerprint;
    let before = audit_count(&*store).await;
    assert!(store.insert_key(&twin, &event("key.create"), None).await.is_err());
    assert_eq!(audit_count(&*store).await, before);
}

pub async fn a11_a_change_whose_event_cannot_be_written_is_not_made(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let written = event("user.update");
    store.append_audit(&written).await.unwrap();
    let before = footprint(&*store).await;
    let key = key(owner.id);
    let done = store.insert_key(&key, &written, Some(&claim("t"))).await;
    assert!(matches!(done, Err(StoreError::Conflict)), "{done:?}");
    assert_eq!(store.find_key(key.id).await.unwrap(), None);
    assert_eq!(footprint(&*store).await, before);
    // The claim went with it.
    new(store
        .insert_key(&key, &event("key.create"), Some(&claim("t")))
        .await
        .unwrap());
}

pub async fn a11_an_event_cannot_be_written_over(store: Arc<dyn Store>) {
    let written = event("key.create");
    store.append_audit(&written).await.unwrap();
    let forged = AuditEvent {
        action: "forged".to_owned(),
        ..written.clone()
    };
    let done = store.append_audit(&forged).await;
    assert!(matches!(done, Err(StoreError::Conflict)), "{done:?}");
    assert_eq!(store.list_audit(&query()).await.unwrap(), [written]);
}

pub async fn events_are_filtered_by_each_field_and_by_all(store: Arc<dyn Store>) {
    let user = user();
    let fits = || AuditEvent {
        actor: AuditActor::User {
            user: user.id,
            key: None,
        },
        target_kind: "user".to_owned(),
        target_id: "u1".to_owned(),
        at: START.plus_millis(500),
        outcome: AuditOutcome::Denied("forbidden".to_owned()),
        ..event("user.update")
    };
    let other = AuditEvent {
        at: START,
        ..event("key.update")
    };
    let one = fits();
    store.append_audit(&other).await.unwrap();
    store.append_audit(&one).await.unwrap();
    let all = AuditQuery {
        user: Some(user.id),
        user_text: None,
        target_kind: Some("user".into()),
        target_id: Some("u1".into()),
        action: Some("user.update".into()),
        done: Some(false),
        since: Some(START.plus_millis(500)),
        until: Some(START.plus_millis(501)),
        after: None,
        most: 100,
    };
    let table = [
        AuditQuery {
            user: all.user,
            ..query()
        },
        AuditQuery {
            target_kind: all.target_kind.clone(),
            ..query()
        },
        AuditQuery {
            target_id: all.target_id.clone(),
            ..query()
        },
        AuditQuery {
            action: all.action.clone(),
            ..query()
        },
        AuditQuery {
            done: all.done,
            ..query()
        },
        AuditQuery {
            since: all.since,
            ..query()
        },
        all.clone(),
    ];
    for query in table {
        assert_eq!(ids(&*store, query.clone()).await, [one.id], "{query:?}");
    }
    let done = Some(true);
    assert_eq!(ids(&*store, AuditQuery { done, ..query() }).await, [other.id]);
    let until = Some(START.plus_millis(500));
    assert_eq!(ids(&*store, AuditQuery { until, ..query() }).await, [other.id]);
    assert_eq!(
        ids(
            &*store,
            AuditQuery {
                action: Some("user.%".into()),
                ..query()
            }
        )
        .await,
        []
    );
}

/// Ids begin with an instant, which is not always that of the line.
pub async fn a_time_bounds_lines_whatever_their_ids_say(store: Arc<dyn Store>) {
    const MINUTE: i64 = 60_000;
    let mut written = Vec::new();
    // Of each pair the first number is the minute of the id, the second that of the line.
    for (by_id, at) in [(0, 0), (1, 1), (2, 2), (3, 900), (4, 4), (500, 5), (501, 501)] {
        let millis = START.plus_millis(by_id * MINUTE).millis().unsigned_abs();
        let line = AuditEvent {
            id: AuditId::v7(millis, &[1; 10]),
            at: START.plus_millis(at * MINUTE + 1),
            ..event("key.update")
        };
        store.append_audit(&line).await.unwrap();
        written.push((at, line.id));
    }
    for (since, until) in [(0, 3), (2, 5), (5, 6), (3, 600), (0, 1000), (600, 1000), (6, 7)] {
        let found = AuditQuery {
            since: Some(START.plus_millis(since * MINUTE)),
            until: Some(START.plus_millis(until * MINUTE)),
            ..query()
        };
        let mut wanted: Vec<AuditId> = written
            .iter()
            .filter(|(at, _)| (since..until).contains(at))
            .map(|(_, id)| *id)
            .collect();
        wanted.sort_by(|a, b| b.cmp(a));
        assert_eq!(ids(&*store, found).await, wanted, "{since} to {until}");
    }
}

pub async fn lines_of_users_with_a_text_are_found_however_many_they_are(store: Arc<dyn Store>) {
    let mut wanted = Vec::new();
    for n in 0..120 {
        let owner = owner(&*store).await;
        let line = AuditEvent {
            actor: AuditActor::User {
                user: owner.id,
                key: None,
            },
            ..event("key.update")
        };
        store.append_audit(&line).await.unwrap();
        wanted.insert(0, line.id);
        if [0, 99, 119].contains(&n) {
            let found = AuditQuery {
                user_text: Some("EXAMPLE.com".to_owned()),
                action: Some("key.update".to_owned()),
                ..query()
            };
            let most = wanted.len().min(100);
            assert_eq!(ids(&*store, found).await, wanted[..most], "{n}");
        }
    }
    let nobody = AuditQuery {
        user_text: Some("nobody".to_owned()),
        ..query()
    };
    assert_eq!(ids(&*store, nobody).await, []);
}

pub async fn events_are_paged_newest_first(store: Arc<dyn Store>) {
    let mut wanted = Vec::new();
    for _ in 0..7 {
        let one = event("key.update");
        store.append_audit(&one).await.unwrap();
        wanted.insert(0, one.id);
    }
    let first = ids(&*store, AuditQuery { most: 4, ..query() }).await;
    let second = ids(
        &*store,
        AuditQuery {
            after: first.last().copied(),
            most: 4,
            ..query()
        },
    )
    .await;
    assert_eq!([first, second].concat(), wanted);
}

pub async fn what_is_archived_is_removed_with_its_event_and_nothing_else_is(store: Arc<dyn Store>) {
    let (here, elsewhere) = (node("a").id, node("b").id);
    let mut written = Vec::new();
    for _ in 0..5 {
        let one = event("key.update");
        store.append_audit(&one).await.unwrap();
        written.push(one);
    }
    let all: Vec<AuditId> = written.iter().map(|one| one.id).collect();
    // Long texts bound a piece as well as its number does.
    let long = AuditEvent {
        after: Some(json!({ "description": "x".repeat(3 << 20) })),
        ..event("key.update")
    };
    let longer = AuditEvent {
        after: long.after.clone(),
        ..event("key.update")
    };
    let next = event("key.update");
    for one in [&long, &longer, &next] {
        store.append_audit(one).await.unwrap();
    }
    let oldest = async |before, most| store.oldest_audit(before, most).await.unwrap();
    assert_eq!(oldest(all[4], 100).await, written[..4]);
    assert_eq!(oldest(all[4], 2).await, written[..2]);
    assert_eq!(oldest(event("later").id, 100).await.len(), 7);
    let before = footprint(&*store).await;
    let said = event("audit.archived");
    // Whoever has not the right to, and what is not there.
    assert!(store.claim_archive(here).await.unwrap());
    let unknown = [all[0], event("unknown").id];
    for (node, ids) in [(elsewhere, &all[..1]), (here, &unknown)] {
        let done = store.remove_audit(node, ids, &said).await;
        assert!(matches!(done, Err(StoreError::Conflict)), "{done:?}");
    }
    assert_eq!(footprint(&*store).await, before);
    store.remove_audit(here, &all[..3], &said).await.unwrap();
    assert_eq!(oldest(all[4], 100).await, written[3..4]);
    assert_eq!(ids(&*store, query()).await[0], said.id);
    assert_eq!(footprint(&*store).await, (before.0, before.1 - 3 + 1));
    // Its event cannot be written, so it stays.
    let done = store.remove_audit(here, &all[3..4], &said).await;
    assert!(matches!(done, Err(StoreError::Conflict)), "{done:?}");
    assert_eq!(oldest(all[4], 100).await, written[3..4]);
    store.remove_audit(here, &[], &said).await.unwrap();
}

pub async fn of_several_nodes_that_are_there_one_archives(store: Arc<dyn Store>) {
    let (one, other) = (node("a"), node("b"));
    for told in [&one, &other] {
        store.put_node(told).await.unwrap();
    }
    for _ in 0..2 {
        assert!(store.claim_archive(one.id).await.unwrap());
        assert!(!store.claim_archive(other.id).await.unwrap());
    }
    store.remove_node(one.id).await.unwrap();
    assert!(store.claim_archive(other.id).await.unwrap());
    store.put_node(&one).await.unwrap();
    assert!(!store.claim_archive(one.id).await.unwrap());
    store.remove_node(other.id).await.unwrap();
    store.remove_node(one.id).await.unwrap();
}
