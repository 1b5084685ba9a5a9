//! Passwords, second factors, and links.

use super::accounts::{
    hash, is_not_found, link, new_pending, new_session, password, session, user_with_factor,
};
use super::samples::{START, event, footprint, owner, user};
use crate::{ConfirmedFactor, Duplicate, Entry, LinkPurpose, Proof, Store, StoreError};
use keyward_domain::{Revision, TotpKey};
use std::sync::Arc;

pub async fn c3_a_new_password_ends_sessions_links_and_waiting_sign_ins(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let other = session(&*store, owner(&*store).await.id).await;
    let (one, two) = (session(&*store, user.id).await, session(&*store, user.id).await);
    let (waiting, link) = (new_pending(user.id, 0), link(user.id));
    store.insert_pending(&waiting).await.unwrap();
    store.put_link(&link, &event("link.create")).await.unwrap();
    let begun = new_session(user.id, 0);
    store
        .change_password(one.record.id, &password("a"), &begun, &event("password.change"))
        .await
        .unwrap();
    for (token, lives) in [
        (one.token, false),
        (two.token, false),
        (begun.token, true),
        (other.token, true),
    ] {
        assert_eq!(store.find_session(&token).await.unwrap().is_some(), lives);
    }
    assert_eq!(store.find_pending(&waiting.hash, START).await.unwrap(), None);
    assert_eq!(store.find_link(&link.hash).await.unwrap(), None);
    let found = store.find_credentials(user.id).await.unwrap();
    assert_eq!((found.password, found.stamp), (Some(password("a")), 1));
    // What was proved before is worth nothing.
    let late = new_session(user.id, 0);
    let done = store
        .change_password(begun.record.id, &password("b"), &late, &event("password.change"))
        .await;
    assert!(is_not_found(&done), "{done:?}");
    assert!(store.find_session(&begun.token).await.unwrap().is_some());
}

pub async fn a_second_factor_is_confirmed_as_it_was_remembered(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let old = session(&*store, user.id).await;
    let confirm = async |key: u8, stamp: u64| {
        let confirmed = ConfirmedFactor {
            key: TotpKey::from_bytes([key; 20]),
            step: 7,
            codes: vec![hash()],
        };
        let begun = new_session(user.id, stamp);
        let done = store
            .confirm_second_factor(old.record.id, &confirmed, &begun, &event("second_factor.enable"))
            .await;
        done.map(|()| begun)
    };
    for key in [1, 2] {
        store
            .put_second_factor(user.id, &TotpKey::from_bytes([key; 20]))
            .await
            .unwrap();
    }
    let found = store.find_credentials(user.id).await.unwrap();
    assert!(found.second_factor.is_some() && found.second_factor_in_force().is_none());
    let replaced = confirm(1, 0).await;
    assert!(matches!(replaced, Err(StoreError::Conflict)), "{replaced:?}");
    assert!(is_not_found(&confirm(2, 1).await));
    let begun = confirm(2, 0).await.unwrap();
    assert!(store.find_session(&old.token).await.unwrap().is_none());
    assert!(
        store
            .find_session(&begun.token)
            .await
            .unwrap()
            .unwrap()
            .has_second_factor
    );
    let found = store.find_credentials(user.id).await.unwrap();
    let factor = found.second_factor_in_force().unwrap();
    assert_eq!((factor.last_step, found.stamp), (7, 1));
    let again = store
        .put_second_factor(user.id, &TotpKey::from_bytes([3; 20]))
        .await;
    assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
}

pub async fn a_second_factor_is_removed_or_renewed_against_a_proof(store: Arc<dyn Store>) {
    let (user, code) = user_with_factor(&*store).await;
    let new = hash();
    let renew = async |stamp: u64, proof: Proof| {
        store
            .put_recovery_codes(
                user.id,
                stamp,
                &proof,
                &[new],
                &event("second_factor.renew_codes"),
            )
            .await
    };
    assert!(is_not_found(&renew(1, Proof::Step(100)).await));
    assert!(is_not_found(&renew(0, Proof::Step(101)).await));
    renew(1, Proof::RecoveryCode(code)).await.unwrap();
    let remove = async |stamp: u64, proof: Proof| {
        store
            .remove_second_factor(user.id, stamp, &proof, &event("second_factor.disable"))
            .await
    };
    assert!(is_not_found(&remove(1, Proof::RecoveryCode(code)).await));
    assert!(is_not_found(&remove(2, Proof::RecoveryCode(new)).await));
    remove(1, Proof::RecoveryCode(new)).await.unwrap();
    assert!(is_not_found(&remove(2, Proof::Step(200)).await));
    let found = store.find_credentials(user.id).await.unwrap();
    assert_eq!((found.second_factor, found.stamp), (None, 2));
    assert!(!store.list_sessions(user.id).await.unwrap().is_empty());
}

pub async fn a_reset_second_factor_ends_the_sessions(store: Arc<dyn Store>) {
    let (user, _) = user_with_factor(&*store).await;
    session(&*store, user.id).await;
    store
        .reset_second_factor(user.id, &event("second_factor.reset"))
        .await
        .unwrap();
    assert_eq!(store.list_sessions(user.id).await.unwrap(), []);
    let found = store.find_credentials(user.id).await.unwrap();
    assert_eq!(found.second_factor, None);
    let again = store
        .reset_second_factor(user.id, &event("second_factor.reset"))
        .await;
    assert!(is_not_found(&again), "{again:?}");
}

pub async fn a_user_and_their_link_are_added_together_or_not_at_all(store: Arc<dyn Store>) {
    let invited = user();
    let mut invite = link(invited.id);
    invite.purpose = LinkPurpose::Invite;
    let audit = [event("user.create"), event("link.create")];
    let revision = store
        .insert_user_with_link(&invited, &invite, &audit)
        .await
        .unwrap();
    assert_eq!(
        (revision, footprint(&*store).await),
        (Revision(1), (Revision(1), 2))
    );
    assert_eq!(store.find_link(&invite.hash).await.unwrap(), Some(invite));
    let mut again = user();
    again.email = invited.email;
    let refused = store
        .insert_user_with_link(&again, &link(again.id), &[event("user.create")])
        .await;
    let email = Duplicate::Email;
    assert!(
        matches!(refused, Err(StoreError::Duplicate { what, .. }) if what == email),
        "{refused:?}"
    );
    assert_eq!(footprint(&*store).await, (Revision(1), 2));
}

pub async fn a_new_link_takes_the_place_of_the_users_others(store: Arc<dyn Store>) {
    let (one, other) = (owner(&*store).await, owner(&*store).await);
    let (first, second, others) = (link(one.id), link(one.id), link(other.id));
    for link in [&first, &others, &second] {
        store.put_link(link, &event("link.create")).await.unwrap();
    }
    assert_eq!(store.find_link(&first.hash).await.unwrap(), None);
    assert_eq!(store.find_link(&second.hash).await.unwrap(), Some(second));
    assert_eq!(store.find_link(&others.hash).await.unwrap(), Some(others));
}

pub async fn a_link_is_redeemed_once_of_100_parallel_tries(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let link = link(user.id);
    let old = session(&*store, user.id).await;
    store.put_link(&link, &event("link.create")).await.unwrap();
    let before = footprint(&*store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..100 {
        let store = store.clone();
        tasks.spawn(async move {
            let begun = new_session(user.id, 0);
            let entry = Entry::Session(begun.clone());
            let secret = password(&n.to_string());
            let audit = [event("link.redeem"), event("session.create")];
            let done = store
                .redeem_link(&link.hash, START, &secret, &entry, &audit)
                .await;
            assert!(done.is_ok() || is_not_found(&done), "{done:?}");
            done.ok().map(|()| (begun.token, secret))
        });
    }
    let won: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(footprint(&*store).await, (before.0, before.1 + 2));
    assert!(store.find_session(&won[0].0).await.unwrap().is_some());
    assert!(store.find_session(&old.token).await.unwrap().is_none());
    assert_eq!(store.find_device(&old.device.unwrap()).await.unwrap(), None);
    let found = store.find_credentials(user.id).await.unwrap();
    assert_eq!(found.password.as_ref(), Some(&won[0].1));
}

pub async fn a_link_is_worth_nothing_from_its_expiry_on_or_without_a_valid_user(store: Arc<dyn Store>) {
    let mut user = owner(&*store).await;
    let link = link(user.id);
    let redeem = async |now| {
        let entry = Entry::Session(new_session(user.id, 0));
        store
            .redeem_link(&link.hash, now, &password("p"), &entry, &[])
            .await
    };
    store.put_link(&link, &event("link.create")).await.unwrap();
    assert!(is_not_found(&redeem(link.expires_at).await));
    redeem(link.expires_at.plus_millis(-1)).await.unwrap();
    store.put_link(&link, &event("link.create")).await.unwrap();
    user.disable().unwrap();
    store
        .update_user(&user, user.revision, &event("user.disable"))
        .await
        .unwrap();
    assert_eq!(store.find_link(&link.hash).await.unwrap(), None);
}

pub async fn a_link_of_a_user_with_a_second_factor_leads_to_a_waiting_sign_in(store: Arc<dyn Store>) {
    let (user, code) = user_with_factor(&*store).await;
    let (link, waiting) = (link(user.id), new_pending(user.id, 1));
    store.put_link(&link, &event("link.create")).await.unwrap();
    let entry = Entry::Pending(waiting.clone());
    store
        .redeem_link(&link.hash, START, &password("p"), &entry, &[event("link.redeem")])
        .await
        .unwrap();
    let found = store.find_pending(&waiting.hash, START).await.unwrap().unwrap();
    assert_eq!(found.stamp, 2, "it is the new password that was proved");
    let begun = new_session(user.id, found.stamp);
    store
        .complete_pending(
            &waiting.hash,
            &Proof::RecoveryCode(code),
            &begun,
            &event("session.create"),
        )
        .await
        .unwrap();
}
