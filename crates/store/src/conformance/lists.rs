//! Lists: each filter alone, all together, literal texts, pages.

use super::samples::{START, all_keys, deleted_key, event, owner, stored_key, user};
use crate::{AuditActor, AuditEvent, AuditQuery, KeyQuery, KeyStatusFilter, Store, UserQuery};
use keyward_domain::{Description, Email, Hint, Key, KeyId, KeyStatus, Name, SiteId, SiteRule, UseCaseName};
use std::collections::HashSet;
use std::sync::Arc;

async fn ids(store: &dyn Store, query: KeyQuery) -> Vec<KeyId> {
    let keys = store.list_keys(&query).await.unwrap();
    keys.iter().map(|key| key.id).collect()
}

fn query() -> KeyQuery {
    KeyQuery {
        most: 100,
        ..KeyQuery::default()
    }
}

pub async fn keys_are_listed_newest_first_without_deleted_ones(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let first = stored_key(&*store, &owner, |_| {}).await;
    deleted_key(&*store, &owner, START).await;
    let last = stored_key(&*store, &owner, |_| {}).await;
    assert_eq!(store.list_keys(&query()).await.unwrap(), [last, first]);
}

pub async fn keys_are_filtered_by_owner_and_use_case(store: Arc<dyn Store>) {
    let (one, two) = (owner(&*store).await, owner(&*store).await);
    let of_one = stored_key(&*store, &one, |_| {}).await.id;
    let of_two = stored_key(&*store, &two, |key| {
        key.use_case = UseCaseName::new("other").unwrap();
    })
    .await
    .id;
    let by_owner = |user| KeyQuery {
        owner: Some(user),
        ..query()
    };
    assert_eq!(ids(&*store, by_owner(one.id)).await, [of_one]);
    assert_eq!(ids(&*store, by_owner(two.id)).await, [of_two]);
    assert_eq!(ids(&*store, by_owner(user().id)).await, []);
    let use_case = UseCaseName::new("other").ok();
    assert_eq!(ids(&*store, KeyQuery { use_case, ..query() }).await, [of_two]);
}

pub async fn keys_are_filtered_by_state_with_expiry_read_off_the_instant(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let now = START;
    let active = stored_key(&*store, &owner, |_| {}).await.id;
    let active_still = stored_key(&*store, &owner, |key| key.expires_at = Some(now.plus_millis(1)))
        .await
        .id;
    let disabled = stored_key(&*store, &owner, |key| key.status = KeyStatus::Disabled)
        .await
        .id;
    let expired = stored_key(&*store, &owner, |key| key.expires_at = Some(now))
        .await
        .id;
    let expired_off = stored_key(&*store, &owner, |key| {
        key.status = KeyStatus::Disabled;
        key.expires_at = Some(now.plus_millis(-1));
    })
    .await
    .id;
    let deleted = deleted_key(&*store, &owner, now).await.id;
    let table: [(Option<KeyStatusFilter>, &[KeyId]); 6] = [
        (Some(KeyStatusFilter::Active { now }), &[active_still, active]),
        (Some(KeyStatusFilter::Disabled { now }), &[disabled]),
        (Some(KeyStatusFilter::Expired { now }), &[expired_off, expired]),
        (Some(KeyStatusFilter::Deleted), &[deleted]),
        (None, &[expired_off, expired, disabled, active_still, active]),
        (
            Some(KeyStatusFilter::Any),
            &[deleted, expired_off, expired, disabled, active_still, active],
        ),
    ];
    for (status, wanted) in table {
        assert_eq!(
            ids(&*store, KeyQuery { status, ..query() }).await,
            wanted,
            "{status:?}"
        );
    }
}

pub async fn keys_are_filtered_by_a_site_that_their_rule_names(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    stored_key(&*store, &owner, |_| {}).await;
    stored_key(&*store, &owner, |key| key.sites = SiteRule::listed([])).await;
    stored_key(&*store, &owner, |key| {
        key.sites = SiteRule::listed([SiteId(11), SiteId(2)]);
    })
    .await;
    let named = stored_key(&*store, &owner, |key| {
        key.sites = SiteRule::listed([SiteId(1), SiteId(7)]);
    })
    .await;
    let by_site = |site| KeyQuery {
        site: Some(SiteId(site)),
        ..query()
    };
    assert_eq!(ids(&*store, by_site(1)).await, [named.id]);
    assert_eq!(ids(&*store, by_site(3)).await, []);
}

pub async fn text_is_looked_for_in_name_description_and_hint_whatever_the_case(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    stored_key(&*store, &owner, |_| {}).await;
    let name = stored_key(&*store, &owner, |key| key.name = Name::new("xNeedLe").unwrap())
        .await
        .id;
    let described = stored_key(&*store, &owner, |key| {
        key.description = Description::new("a NEEDLE\n").unwrap();
    })
    .await
    .id;
    let hinted = stored_key(&*store, &owner, |key| key.hint = Hint::stored("kw_…needle"))
        .await
        .id;
    for text in ["needle", "NEEDLE", "eedl"] {
        let found = ids(
            &*store,
            KeyQuery {
                text: Some(text.into()),
                ..query()
            },
        )
        .await;
        assert_eq!(found, [hinted, described, name], "{text}");
    }
    assert_eq!(
        ids(
            &*store,
            KeyQuery {
                text: Some("needles".into()),
                ..query()
            }
        )
        .await,
        []
    );
    assert_eq!(
        ids(
            &*store,
            KeyQuery {
                text: Some(String::new()),
                ..query()
            }
        )
        .await
        .len(),
        4
    );
}

pub async fn neither_accents_nor_case_matter_to_a_search_of_keys_and_users(store: Arc<dyn Store>) {
    let mut marc = user();
    marc.name = Name::new("Marc Lefèvre").unwrap();
    marc.email = Email::new("m.lefevre@boutique.example").unwrap();
    store
        .insert_user(&marc, &event("user.create"), None)
        .await
        .unwrap();
    let by_marc = AuditEvent {
        actor: AuditActor::User {
            user: marc.id,
            key: None,
        },
        ..event("user.update")
    };
    store.append_audit(&by_marc).await.unwrap();
    let other = owner(&*store).await;
    let named = |name: &'static str| move |key: &mut Key| key.name = Name::new(name).unwrap();
    let first = stored_key(&*store, &marc, named("Réactivation des comptes"))
        .await
        .id;
    let second = stored_key(&*store, &other, named("Œuvres ŁÓDŹ Straße")).await.id;
    let third = stored_key(&*store, &other, |key| {
        key.description = Description::new("ΑΘΗΝΑ, Ёлка; 日本 100%").unwrap();
    })
    .await
    .id;
    for (text, found) in [
        ("reactivation", vec![first]),
        ("RÉACTIVATION", vec![first]),
        ("oeuvre", vec![second]),
        ("ŒUVRE", vec![second]),
        ("lodz strasse", vec![second]),
        ("αθηνά", vec![third]),
        ("елка", vec![third]),
        ("日本 100%", vec![third]),
        ("reactivations", vec![]),
    ] {
        let text = Some(text.to_owned());
        assert_eq!(
            ids(
                &*store,
                KeyQuery {
                    text: text.clone(),
                    ..query()
                }
            )
            .await,
            found,
            "{text:?}"
        );
    }
    for (text, found) in [
        ("marc", vec![first]),
        ("LEFEVRE", vec![first]),
        ("m.lefèvre@bout", vec![first]),
        ("nobody", vec![]),
    ] {
        let owner_text = Some(text.to_owned());
        assert_eq!(
            ids(
                &*store,
                KeyQuery {
                    owner_text,
                    ..query()
                }
            )
            .await,
            found,
            "{text}"
        );
        let in_owner = KeyQuery {
            text: Some(text.to_owned()),
            text_in_owner: true,
            ..query()
        };
        assert_eq!(ids(&*store, in_owner).await, found, "{text}");
        let users = UserQuery {
            text: Some(text.to_owned()),
            most: 10,
            ..UserQuery::default()
        };
        let users = store.list_users(&users).await.unwrap();
        assert_eq!(users.len(), found.len(), "{text}");
        let by = AuditQuery {
            user_text: Some(text.to_owned()),
            most: 10,
            ..AuditQuery::default()
        };
        let events = store.list_audit(&by).await.unwrap();
        assert_eq!(events.len(), found.len(), "{text}");
    }
}

pub async fn p12_wildcards_and_quotes_in_a_text_are_literal(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    stored_key(&*store, &owner, |key| {
        key.name = Name::new("plain").unwrap();
        key.hint = Hint::stored("…abcd");
    })
    .await;
    for text in [
        "%",
        "_",
        "'",
        "\"",
        "\\",
        "' or 1=1--",
        "*",
        "[a-z]",
        "ж",
        "🔑",
        "?",
        "$1",
        ":x",
        "a\0",
    ] {
        let users = UserQuery {
            text: Some(text.into()),
            most: 10,
            ..UserQuery::default()
        };
        let found = store.list_users(&users).await.unwrap();
        assert!(
            found.is_empty() || owner.email.as_str().contains(text) || owner.name.as_str().contains(text)
        );
        let none = ids(
            &*store,
            KeyQuery {
                text: Some(text.into()),
                ..query()
            },
        )
        .await;
        assert_eq!(none, [], "{text}");
    }
    for text in [
        "100%",
        "a_b",
        "it's",
        "\"q\"",
        "back\\slash",
        "' or 1=1--",
        "é",
        "🔑",
    ] {
        let id = stored_key(&*store, &owner, |key| key.name = Name::new(text).unwrap())
            .await
            .id;
        let found = ids(
            &*store,
            KeyQuery {
                text: Some(text.into()),
                ..query()
            },
        )
        .await;
        assert!(found.contains(&id), "{text}");
    }
    assert_eq!(
        ids(
            &*store,
            KeyQuery {
                text: Some("\0".into()),
                ..query()
            }
        )
        .await,
        []
    );
}

pub async fn all_filters_hold_together(store: Arc<dyn Store>) {
    let (one, two) = (owner(&*store).await, owner(&*store).await);
    let fits = |key: &mut Key| {
        key.name = Name::new("Needle").unwrap();
        key.use_case = UseCaseName::new("special").unwrap();
        key.sites = SiteRule::listed([SiteId(4)]);
    };
    let first = stored_key(&*store, &one, fits).await.id;
    let second = stored_key(&*store, &one, fits).await.id;
    stored_key(&*store, &two, fits).await;
    for spoil in [
        (|key| key.name = Name::new("x").unwrap()) as fn(&mut Key),
        |key| key.use_case = UseCaseName::new("x").unwrap(),
        |key| key.sites = SiteRule::ANY,
        |key| key.status = KeyStatus::Disabled,
        |key| key.expires_at = Some(START),
    ] {
        stored_key(&*store, &one, |key| {
            fits(key);
            spoil(key);
        })
        .await;
    }
    let all = KeyQuery {
        owner: Some(one.id),
        status: Some(KeyStatusFilter::Active { now: START }),
        site: Some(SiteId(4)),
        use_case: UseCaseName::new("special").ok(),
        text: Some("need".into()),
        most: 9,
        ..KeyQuery::default()
    };
    assert_eq!(ids(&*store, all.clone()).await, [second, first]);
    assert_eq!(
        ids(
            &*store,
            KeyQuery {
                after: Some(second),
                ..all.clone()
            }
        )
        .await,
        [first]
    );
    assert_eq!(ids(&*store, KeyQuery { most: 1, ..all }).await, [second]);
}

pub async fn pages_visit_every_key_once_while_keys_are_added(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let mut wanted = HashSet::new();
    for _ in 0..53 {
        wanted.insert(stored_key(&*store, &owner, |_| {}).await.id);
    }
    let mut visited = Vec::new();
    let mut after = None;
    loop {
        let page = ids(
            &*store,
            KeyQuery {
                after,
                most: 10,
                ..all_keys()
            },
        )
        .await;
        stored_key(&*store, &owner, |_| {}).await;
        let Some(last) = page.last() else { break };
        after = Some(*last);
        visited.extend(page);
    }
    assert!(visited.is_sorted_by(|a, b| a > b), "not in order, or one twice");
    assert_eq!(visited.into_iter().collect::<HashSet<_>>(), wanted);
    assert_eq!(
        ids(
            &*store,
            KeyQuery {
                most: 0,
                ..all_keys()
            }
        )
        .await,
        []
    );
}
