//! What may happen once only.

use super::samples::{START, claim, event, footprint, key, new, owner, site, user};
use crate::{IdempotencyClaim, Inserted, Store, StoreError};
use keyward_domain::Revision;
use std::sync::Arc;

fn replay(target: &str) -> Inserted {
    Inserted::Replay {
        target: target.to_owned(),
        request_hash: [5; 32],
    }
}

pub async fn a9_ten_parallel_creates_under_one_claim_make_one_key(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let before = footprint(&*store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (store, key) = (store.clone(), key(owner.id));
        tasks.spawn(async move {
            let done = store
                .insert_key(&key, &event("key.create"), Some(&claim("token")))
                .await;
            (key.id, done.unwrap())
        });
    }
    let done = tasks.join_all().await;
    let made: Vec<_> = done
        .iter()
        .filter(|(_, done)| matches!(done, Inserted::New(_)))
        .collect();
    assert_eq!(made.len(), 1);
    let target = made[0].0.to_string();
    assert!(
        done.iter().all(|one| one == made[0] || one.1 == replay(&target)),
        "{done:?}"
    );
    assert_eq!(
        store.list_keys(&super::samples::all_keys()).await.unwrap().len(),
        1
    );
    assert_eq!(footprint(&*store).await, (Revision(before.0.0 + 1), before.1 + 1));
}

pub async fn a_replay_tells_target_and_hash_of_the_first_request(store: Arc<dyn Store>) {
    let (user, site) = (user(), site("one"));
    new(store
        .insert_user(&user, &event("user.create"), Some(&claim("u")))
        .await
        .unwrap());
    new(store
        .insert_site(&site, &event("site.create"), Some(&claim("s")))
        .await
        .unwrap());
    let number = store
        .find_site(&site.name)
        .await
        .unwrap()
        .unwrap()
        .id
        .0
        .to_string();
    let before = footprint(&*store).await;
    let other = IdempotencyClaim {
        request_hash: [6; 32],
        ..claim("u")
    };
    let done = store
        .insert_user(&super::samples::user(), &event("user.create"), Some(&other))
        .await
        .unwrap();
    assert_eq!(done, replay(&user.id.to_string()));
    // Even when the same thing is sent again, which would be a duplicate.
    let done = store
        .insert_site(&site, &event("site.create"), Some(&claim("s")))
        .await
        .unwrap();
    assert_eq!(done, replay(&number));
    assert_eq!(footprint(&*store).await, before);
    // It is also found before anything is sent again.
    let actor = claim("s").actor;
    for (actor, token, wanted) in [
        (&*actor, "s", Some(replay(&number))),
        (&*actor, "u", Some(replay(&user.id.to_string()))),
        (&*actor, "none", None),
        ("nobody", "s", None),
    ] {
        assert_eq!(
            store.find_claim(actor, token).await.unwrap(),
            wanted,
            "{actor} {token}"
        );
    }
}

pub async fn claims_of_different_actors_and_tokens_never_meet(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    for (actor, token) in [("a", "bc"), ("ab", "c"), ("a", "BC"), ("", "abc")] {
        let claim = IdempotencyClaim {
            actor: actor.to_owned(),
            ..claim(token)
        };
        new(store
            .insert_key(&key(owner.id), &event("key.create"), Some(&claim))
            .await
            .unwrap());
    }
}

pub async fn an_insert_that_fails_gives_its_claim_back(store: Arc<dyn Store>) {
    let first = owner(&*store).await;
    let mut second = user();
    second.email = first.email;
    let done = store
        .insert_user(&second, &event("user.create"), Some(&claim("t")))
        .await;
    assert!(matches!(done, Err(StoreError::Duplicate { .. })), "{done:?}");
    new(store
        .insert_user(&user(), &event("user.create"), Some(&claim("t")))
        .await
        .unwrap());
}

pub async fn c12_a_setup_token_is_redeemed_once_of_100_parallel_tries(store: Arc<dyn Store>) {
    store.put_setup_token(&[9; 32], START.plus_days(1)).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        tasks.spawn(async move {
            let user = user();
            let key = key(user.id);
            let audit = [event("user.create"), event("key.create")];
            store
                .redeem_setup_token(&[9; 32], START, &user, &key, &audit)
                .await
        });
    }
    let done = tasks.join_all().await;
    let won: Vec<_> = done.iter().filter_map(|done| done.as_ref().ok()).collect();
    assert_eq!(won, [&Revision(1)]);
    assert!(
        done.iter()
            .all(|done| matches!(done, Ok(_) | Err(StoreError::NotFound)))
    );
    assert_eq!(footprint(&*store).await, (Revision(1), 2));
    let keys = store.list_keys(&super::samples::all_keys()).await.unwrap();
    assert_eq!((keys.len(), keys[0].revision), (1, Revision(1)));
    assert_eq!(
        store
            .find_user(keys[0].owner)
            .await
            .unwrap()
            .map(|user| user.revision),
        Some(Revision(1))
    );
}

pub async fn c12_a_setup_token_is_worth_nothing_from_its_expiry_on(store: Arc<dyn Store>) {
    let (user, expiry) = (user(), START.plus_days(1));
    let key = key(user.id);
    store.put_setup_token(&[8; 32], expiry).await.unwrap();
    // The later one takes the place of the earlier.
    store.put_setup_token(&[9; 32], expiry).await.unwrap();
    for (hash, now) in [
        ([9; 32], expiry),
        ([9; 32], expiry.plus_days(1)),
        ([8; 32], START),
        ([0; 32], START),
    ] {
        let done = store
            .redeem_setup_token(&hash, now, &user, &key, &[event("user.create")])
            .await;
        assert!(matches!(done, Err(StoreError::NotFound)), "{done:?}");
    }
    assert_eq!(footprint(&*store).await, (Revision(0), 0));
    let now = expiry.plus_millis(-1);
    store
        .redeem_setup_token(&[9; 32], now, &user, &key, &[event("user.create")])
        .await
        .unwrap();
}

pub async fn c12_a_setup_that_fails_leaves_the_token(store: Arc<dyn Store>) {
    let first = owner(&*store).await;
    let mut second = user();
    second.email = first.email;
    store.put_setup_token(&[9; 32], START.plus_days(1)).await.unwrap();
    let before = footprint(&*store).await;
    let done = store
        .redeem_setup_token(&[9; 32], START, &second, &key(second.id), &[event("user.create")])
        .await;
    assert!(matches!(done, Err(StoreError::Duplicate { .. })), "{done:?}");
    assert_eq!(footprint(&*store).await, before);
    let third = user();
    store
        .redeem_setup_token(&[9; 32], START, &third, &key(third.id), &[])
        .await
        .unwrap();
}
