//! People who sign in: values to test with, and what holds for all of it.

use super::identities::{bind, name};
use super::samples::{START, event, footprint, number, owner};
use crate::{
    Credentials, Entry, Link, LinkPurpose, NewPending, NewSession, Proof, SessionRecord, Store, StoreError,
};
use keyward_domain::{Fingerprint, PasswordHash, Revision, SessionId, TotpKey, User, UserId};
use std::sync::Arc;

pub(super) fn hash() -> Fingerprint {
    let mut bytes = [9; 32];
    bytes[..8].copy_from_slice(&number().to_be_bytes());
    Fingerprint::from_bytes(bytes)
}

pub(super) fn password(text: &str) -> PasswordHash {
    PasswordHash::stored(format!("$argon2id${text}"))
}

pub(super) fn new_session(user: UserId, stamp: u64) -> NewSession {
    let number = number();
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    NewSession {
        record: SessionRecord {
            id: SessionId::v7(number, &random),
            user,
            created_at: START,
            seen_at: START,
            ends_at: START.plus_days(7),
            address: Some([192, 0, 2, 1].into()),
            agent: "a browser".to_owned(),
        },
        token: hash(),
        device: Some(hash()),
        stamp,
        binding: None,
    }
}

pub(super) fn new_pending(user: UserId, stamp: u64) -> NewPending {
    NewPending {
        hash: hash(),
        user,
        expires_at: START.plus_millis(300_000),
        tries: 5,
        device: None,
        stamp,
        identity: None,
    }
}

pub(super) fn link(user: UserId) -> Link {
    Link {
        hash: hash(),
        user,
        purpose: LinkPurpose::Reset,
        expires_at: START.plus_days(1),
    }
}

/// Begins a session for the present credentials.
pub(super) async fn session(store: &dyn Store, user: UserId) -> NewSession {
    let stamp = store.find_credentials(user).await.unwrap().stamp;
    let session = new_session(user, stamp);
    store
        .insert_session(&session, &event("session.create"))
        .await
        .unwrap();
    session
}

/// A user with a second factor in force, the step 100 used, and one recovery code.
pub(super) async fn user_with_factor(store: &dyn Store) -> (User, Fingerprint) {
    let user = owner(store).await;
    let (code, key) = (hash(), TotpKey::from_bytes([3; 20]));
    store.put_second_factor(user.id, &key).await.unwrap();
    let old = session(store, user.id).await;
    let confirmed = crate::ConfirmedFactor {
        key,
        step: 100,
        codes: vec![code],
    };
    store
        .confirm_second_factor(old.record.id, &confirmed, &new_session(user.id, 0), &event("on"))
        .await
        .unwrap();
    (user, code)
}

pub(super) fn is_not_found<T>(done: &Result<T, StoreError>) -> bool {
    matches!(done, Err(StoreError::NotFound))
}

pub async fn credentials_of_a_user_who_has_none_are_empty(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let found = store.find_credentials(user.id).await.unwrap();
    assert_eq!(found, Credentials::default());
    store.set_language(user.id, Some("fr")).await.unwrap();
    let found = store.find_credentials(user.id).await.unwrap();
    let wanted = Credentials {
        language: Some("fr".to_owned()),
        ..Credentials::default()
    };
    assert_eq!(found, wanted);
    assert!(is_not_found(
        &store.set_language(UserId::from_bytes([0; 16]), None).await
    ));
}

pub async fn what_concerns_signing_in_raises_no_revision(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let before = store.revision().await.unwrap();
    let first = session(&*store, user.id).await;
    store
        .change_password(
            first.record.id,
            &password("a"),
            &new_session(user.id, 0),
            &event("p"),
        )
        .await
        .unwrap();
    store
        .put_link(&link(user.id), &event("link.create"))
        .await
        .unwrap();
    store.insert_pending(&new_pending(user.id, 1)).await.unwrap();
    bind(&*store, user.id, &name("i", "s")).await.unwrap();
    store
        .remove_identities(user.id, &event("identity.remove"))
        .await
        .unwrap();
    assert_eq!(store.revision().await.unwrap(), before);
}

pub async fn a11_each_change_writes_its_event_and_none_that_fails(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let first = session(&*store, user.id).await;
    let (revision, events) = footprint(&*store).await;
    store
        .put_link(&link(user.id), &event("link.create"))
        .await
        .unwrap();
    store
        .end_session(first.record.id, Some(&event("session.end")))
        .await
        .unwrap();
    assert_eq!(footprint(&*store).await, (revision, events + 2));
    let absent = new_session(user.id, 0);
    let failed = [
        store
            .end_session(absent.record.id, Some(&event("session.end")))
            .await,
        store
            .insert_session(&new_session(user.id, 9), &event("session.create"))
            .await,
        store
            .change_password(
                absent.record.id,
                &password("a"),
                &absent,
                &event("password.change"),
            )
            .await,
        store
            .reset_second_factor(user.id, &event("second_factor.reset"))
            .await,
        store
            .remove_second_factor(user.id, 0, &Proof::Step(1), &event("second_factor.disable"))
            .await,
        store
            .redeem_link(
                &hash(),
                START,
                &password("b"),
                &Entry::Session(absent.clone()),
                &[event("x")],
            )
            .await,
    ];
    assert!(failed.iter().all(is_not_found), "{failed:?}");
    let none = store
        .end_other_sessions(user.id, absent.record.id, &event("session.end"))
        .await;
    assert_eq!(none.unwrap(), 0);
    assert_eq!(footprint(&*store).await, (revision, events + 2));
    assert_eq!(
        store.find_credentials(user.id).await.unwrap(),
        Credentials::default()
    );
}

pub async fn r7_a_deleted_user_leaves_nothing_to_sign_in_with(store: Arc<dyn Store>) {
    let (mut user, _) = user_with_factor(&*store).await;
    let device = session(&*store, user.id).await.device.unwrap();
    bind(&*store, user.id, &name("i", "s")).await.unwrap();
    assert_eq!(store.find_device(&device).await.unwrap(), Some(user.id));
    user.delete(START).unwrap();
    store
        .update_user(&user, user.revision, &event("user.delete"))
        .await
        .unwrap();
    let found = store.find_credentials(user.id).await.unwrap();
    assert_eq!(found, Credentials::default());
    assert_eq!(store.find_device(&device).await.unwrap(), None);
    assert_eq!(store.find_user_by_identity(&name("i", "s")).await.unwrap(), None);
    assert_eq!(store.list_sessions(user.id).await.unwrap(), []);
}

pub async fn prune_drops_what_signing_in_has_left_behind(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let (session, pending, link) = (
        session(&*store, user.id).await,
        new_pending(user.id, 0),
        link(user.id),
    );
    store.insert_pending(&pending).await.unwrap();
    store.put_link(&link, &event("link.create")).await.unwrap();
    let kept = async || {
        (
            store.find_session(&session.token).await.unwrap().is_some(),
            store.find_pending(&pending.hash, START).await.unwrap().is_some(),
            store.find_link(&link.hash).await.unwrap().is_some(),
            store
                .find_device(&session.device.unwrap())
                .await
                .unwrap()
                .is_some(),
        )
    };
    for (now, wanted) in [
        (pending.expires_at.plus_millis(-1), (true, true, true, true)),
        (pending.expires_at, (true, false, true, true)),
        (link.expires_at, (true, false, false, true)),
        (session.record.ends_at, (false, false, false, true)),
        (START.plus_days(400), (false, false, false, true)),
        (START.plus_days(401), (false, false, false, false)),
    ] {
        store.prune(now).await.unwrap();
        assert_eq!(kept().await, wanted, "{now}");
    }
}

pub async fn c12_a_set_up_with_a_password_is_done_once_of_100_parallel_tries(store: Arc<dyn Store>) {
    let token = hash();
    store
        .put_setup_token(token.as_bytes(), START.plus_millis(1))
        .await
        .unwrap();
    assert!(store.find_setup_token(&token, START).await.unwrap());
    assert!(
        !store
            .find_setup_token(&token, START.plus_millis(1))
            .await
            .unwrap()
    );
    assert!(!store.find_setup_token(&hash(), START).await.unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        tasks.spawn(async move {
            let user = super::samples::user();
            let session = new_session(user.id, 0);
            let done = store
                .redeem_setup_token_with_password(&token, &user, &password("p"), &session, &[event("s")])
                .await;
            (done, session.token)
        });
    }
    let done = tasks.join_all().await;
    let won: Vec<_> = done.iter().filter(|(done, _)| done.is_ok()).collect();
    assert_eq!(won.len(), 1);
    assert!(done.iter().all(|(done, _)| done.is_ok() || is_not_found(done)));
    assert_eq!(footprint(&*store).await, (Revision(1), 1));
    let found = store.find_session(&won[0].1).await.unwrap().unwrap();
    let credentials = store.find_credentials(found.user.id).await.unwrap();
    assert_eq!(credentials.password, Some(password("p")));
    assert_eq!(found.user.revision, Revision(1));
}
