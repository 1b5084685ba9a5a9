//! Sessions, and sign-ins that wait for their second factor.

use super::accounts::{hash, is_not_found, new_pending, new_session, password, session, user_with_factor};
use super::samples::{START, event, owner};
use crate::{PendingSignIn, Proof, Store};
use keyward_domain::{Fingerprint, Name, Role, UserStatus};
use std::sync::Arc;

pub async fn a_session_is_found_by_its_token_with_its_user(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let begun = session(&*store, user.id).await;
    let found = store.find_session(&begun.token).await.unwrap().unwrap();
    assert_eq!((&found.session, &found.user), (&begun.record, &user));
    assert_eq!((found.has_second_factor, found.language), (false, None));
    let by_id = store.find_session_by_id(begun.record.id).await.unwrap();
    assert_eq!(by_id, Some(begun.record.clone()));
    assert!(store.find_session(&hash()).await.unwrap().is_none());
    let absent = new_session(user.id, 0).record.id;
    assert_eq!(store.find_session_by_id(absent).await.unwrap(), None);
    let (user, _) = user_with_factor(&*store).await;
    let begun = session(&*store, user.id).await;
    assert!(
        store
            .find_session(&begun.token)
            .await
            .unwrap()
            .unwrap()
            .has_second_factor
    );
}

pub async fn c3_a_session_begins_for_the_credentials_that_were_proved_and_a_valid_user(
    store: Arc<dyn Store>,
) {
    let mut user = owner(&*store).await;
    let old = session(&*store, user.id).await;
    store
        .change_password(
            old.record.id,
            &password("a"),
            &new_session(user.id, 0),
            &event("password.change"),
        )
        .await
        .unwrap();
    for (stamp, begins) in [(0, false), (1, true), (2, false)] {
        let done = store
            .insert_session(&new_session(user.id, stamp), &event("session.create"))
            .await;
        assert_eq!((done.is_ok(), is_not_found(&done)), (begins, !begins), "{stamp}");
        let done = store.insert_pending(&new_pending(user.id, stamp)).await;
        assert_eq!((done.is_ok(), is_not_found(&done)), (begins, !begins), "{stamp}");
    }
    user.disable().unwrap();
    store
        .update_user(&user, user.revision, &event("user.disable"))
        .await
        .unwrap();
    let done = store
        .insert_session(&new_session(user.id, 1), &event("session.create"))
        .await;
    assert!(is_not_found(&done), "{done:?}");
    let done = store.insert_pending(&new_pending(user.id, 1)).await;
    assert!(is_not_found(&done), "{done:?}");
}

pub async fn c11_sessions_are_listed_touched_and_ended(store: Arc<dyn Store>) {
    let (user, other) = (owner(&*store).await, owner(&*store).await);
    let one = session(&*store, user.id).await.record;
    let mut two = session(&*store, user.id).await.record;
    session(&*store, other.id).await;
    let list = async || store.list_sessions(user.id).await.unwrap();
    assert_eq!(list().await, [two.clone(), one.clone()]);
    two.seen_at = START.plus_millis(60_000);
    two.address = None;
    store
        .touch_session(two.id, two.seen_at, two.address)
        .await
        .unwrap();
    assert_eq!(list().await, [two.clone(), one.clone()]);
    store.end_session(one.id, None).await.unwrap();
    store.touch_session(one.id, two.seen_at, None).await.unwrap();
    assert_eq!(list().await, [two]);
    let again = store.end_session(one.id, None).await;
    assert!(is_not_found(&again), "{again:?}");
    assert_eq!(store.list_sessions(other.id).await.unwrap().len(), 1);
}

pub async fn c11_all_sessions_but_one_end_in_one_change(store: Arc<dyn Store>) {
    let (user, other) = (owner(&*store).await, owner(&*store).await);
    session(&*store, other.id).await;
    let kept = session(&*store, user.id).await;
    for _ in 0..3 {
        session(&*store, user.id).await;
    }
    let ended = store
        .end_other_sessions(user.id, kept.record.id, &event("session.end"))
        .await;
    assert_eq!(ended.unwrap(), 3);
    assert_eq!(store.list_sessions(user.id).await.unwrap(), [kept.record]);
    assert_eq!(store.list_sessions(other.id).await.unwrap().len(), 1);
}

pub async fn r7_c3_a_change_of_role_or_status_ends_what_was_begun(store: Arc<dyn Store>) {
    let mut user = owner(&*store).await;
    let other = session(&*store, owner(&*store).await.id).await;
    for (change, ends) in [("name", false), ("role", true), ("status", true)] {
        let begun = session(&*store, user.id).await;
        let waiting = new_pending(user.id, 0);
        store.insert_pending(&waiting).await.unwrap();
        match change {
            "name" => user.name = Name::new("Renamed").unwrap(),
            "role" => user.role = Role::Admin,
            _ => user.status = UserStatus::Disabled,
        }
        // The last administrator cannot go.
        super::samples::owner(&*store).await;
        if change == "status" {
            user.role = Role::Member;
            let mut admin = super::samples::user();
            admin.role = Role::Admin;
            super::samples::new(
                store
                    .insert_user(&admin, &event("user.create"), None)
                    .await
                    .unwrap(),
            );
        }
        user.revision = store
            .update_user(&user, user.revision, &event("user.edit"))
            .await
            .unwrap();
        let found = store.find_session(&begun.token).await.unwrap();
        assert_eq!(found.is_none(), ends, "{change}");
        let found = store.find_pending(&waiting.hash, START).await.unwrap();
        assert_eq!(found.is_none(), ends, "{change}");
    }
    assert!(store.find_session(&other.token).await.unwrap().is_some());
}

pub async fn a_waiting_sign_in_has_so_many_tries_of_100_parallel_ones(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let waiting = new_pending(user.id, 0);
    store.insert_pending(&waiting).await.unwrap();
    let wanted = PendingSignIn {
        user: user.id,
        device: None,
        stamp: 0,
        identity: None,
    };
    assert_eq!(
        store.find_pending(&waiting.hash, START).await.unwrap(),
        Some(wanted)
    );
    assert_eq!(
        store
            .find_pending(&waiting.hash, waiting.expires_at)
            .await
            .unwrap(),
        None
    );
    assert!(is_not_found(
        &store.try_pending(&waiting.hash, waiting.expires_at).await
    ));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        tasks.spawn(async move { store.try_pending(&waiting.hash, START).await });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 5);
    assert!(done.iter().all(|done| done.is_ok() || is_not_found(done)));
    assert_eq!(store.find_pending(&waiting.hash, START).await.unwrap(), None);
}

/// Completes 100 waiting sign-ins at once with one proof.
async fn complete_100(store: &Arc<dyn Store>, user: keyward_domain::UserId, proof: &Proof) -> usize {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (store, proof, waiting) = (store.clone(), proof.clone(), new_pending(user, 1));
        store.insert_pending(&waiting).await.unwrap();
        tasks.spawn(async move {
            let session = new_session(user, 1);
            let done = store
                .complete_pending(&waiting.hash, &proof, &session, &event("session.create"))
                .await;
            assert!(done.is_ok() || is_not_found(&done), "{done:?}");
            let found = store.find_session(&session.token).await.unwrap();
            assert_eq!(found.is_some(), done.is_ok());
            done.is_ok()
        });
    }
    let done = tasks.join_all().await;
    done.into_iter().filter(|done| *done).count()
}

pub async fn a_proof_lets_one_of_100_parallel_sign_ins_in(store: Arc<dyn Store>) {
    let (user, code) = user_with_factor(&*store).await;
    for (proof, wanted) in [
        (Proof::Step(100), 0),
        (Proof::Step(101), 1),
        (Proof::Step(101), 0),
        (Proof::Step(99), 0),
        (Proof::RecoveryCode(code), 1),
        (Proof::RecoveryCode(code), 0),
        (Proof::RecoveryCode(Fingerprint::from_bytes([0; 32])), 0),
    ] {
        assert_eq!(complete_100(&store, user.id, &proof).await, wanted, "{proof:?}");
    }
}

pub async fn a_waiting_sign_in_is_completed_once_and_by_its_own_user(store: Arc<dyn Store>) {
    let (user, _) = user_with_factor(&*store).await;
    let (other, _) = user_with_factor(&*store).await;
    let waiting = new_pending(user.id, 1);
    store.insert_pending(&waiting).await.unwrap();
    let complete = async |step: u64, of| {
        let session = new_session(of, 1);
        store
            .complete_pending(
                &waiting.hash,
                &Proof::Step(step),
                &session,
                &event("session.create"),
            )
            .await
    };
    assert!(is_not_found(&complete(101, other.id).await));
    complete(101, user.id).await.unwrap();
    assert!(is_not_found(&complete(102, user.id).await));
}

pub async fn the_20_latest_devices_of_a_user_are_known(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let mut devices = Vec::new();
    for n in 0..25 {
        let mut begun = new_session(user.id, 0);
        begun.record.created_at = START.plus_millis(n);
        store
            .insert_session(&begun, &event("session.create"))
            .await
            .unwrap();
        devices.push(begun.device.unwrap());
    }
    for (n, device) in devices.iter().enumerate() {
        let found = store.find_device(device).await.unwrap();
        assert_eq!(found, (n >= 5).then_some(user.id), "{n}");
    }
    // Whoever was let in just now is known, also when the clock stands still or has gone back.
    for at in [START.plus_millis(24), START] {
        let mut begun = new_session(user.id, 0);
        begun.record.created_at = at;
        store
            .insert_session(&begun, &event("session.create"))
            .await
            .unwrap();
        let found = store.find_device(&begun.device.unwrap()).await.unwrap();
        assert_eq!(found, Some(user.id));
        let mut known = 0;
        for device in &devices {
            known += usize::from(store.find_device(device).await.unwrap().is_some());
        }
        assert!(known < 20, "{known}");
    }
}
