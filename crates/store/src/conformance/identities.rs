//! Names by which providers of identities know users: bound with a session, and taken away.

use super::accounts::{
    hash, is_not_found, link, new_pending, new_session, password, session, user_with_factor,
};
use super::samples::{START, event, footprint, owner};
use crate::{
    Binding, BoundIdentity, Entry, IdentityName, LinkPurpose, NewSession, PendingSignIn, Proof, Store,
    StoreError,
};
use keyward_domain::UserId;
use std::sync::Arc;

const HERE: &str = "https://a.example";
const THERE: &str = "https://b.example";

pub(super) fn name(issuer: &str, subject: &str) -> IdentityName {
    IdentityName {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    }
}

/// A session that binds.
fn binding(user: UserId, stamp: u64, name: IdentityName) -> NewSession {
    let audit = event("identity.add");
    NewSession {
        binding: Some(Box::new(Binding { name, audit })),
        ..new_session(user, stamp)
    }
}

/// Signs in with a name for the present credentials.
pub(super) async fn bind(store: &dyn Store, user: UserId, name: &IdentityName) -> Result<(), StoreError> {
    let stamp = store.find_credentials(user).await?.stamp;
    let session = binding(user, stamp, name.clone());
    store.insert_session(&session, &event("session.create")).await
}

async fn found(store: &dyn Store, name: &IdentityName) -> Option<UserId> {
    let user = store.find_user_by_identity(name).await.unwrap();
    user.map(|user| user.id)
}

pub async fn an_identity_stands_for_one_user_who_has_one_at_an_issuer(store: Arc<dyn Store>) {
    let (one, other) = (owner(&*store).await.id, owner(&*store).await.id);
    let (here, there) = (name(HERE, "subject"), name(THERE, "subject"));
    bind(&*store, one, &here).await.unwrap();
    bind(&*store, other, &there).await.unwrap();
    let before = footprint(&*store).await;
    for (user, name) in [
        (other, here.clone()),
        (one, name(HERE, "another")),
        (other, name(THERE, "another")),
    ] {
        let sessions = store.list_sessions(user).await.unwrap();
        let taken = bind(&*store, user, &name).await;
        assert!(matches!(taken, Err(StoreError::Conflict)), "{taken:?}");
        assert_eq!(store.list_sessions(user).await.unwrap(), sessions);
    }
    assert_eq!(footprint(&*store).await, before);
    assert_eq!(found(&*store, &here).await, Some(one));
    assert_eq!(found(&*store, &there).await, Some(other));
    assert_eq!(found(&*store, &name("https://c.example", "subject")).await, None);
    bind(&*store, one, &name(THERE, "second")).await.unwrap();
    let wanted = [here, name(THERE, "second")].map(|name| BoundIdentity {
        name,
        bound_at: START,
    });
    assert_eq!(store.list_identities(one).await.unwrap(), wanted);
}

pub async fn of_100_parallel_first_sign_ins_one_binds_and_all_begin(store: Arc<dyn Store>) {
    let user = owner(&*store).await.id;
    let before = footprint(&*store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = store.clone();
        tasks.spawn(async move { bind(&*store, user, &name(HERE, "subject")).await });
    }
    for done in tasks.join_all().await {
        done.unwrap();
    }
    assert_eq!(store.list_sessions(user).await.unwrap().len(), 100);
    assert_eq!(footprint(&*store).await, (before.0, before.1 + 101));
}

pub async fn nothing_is_bound_before_the_second_factor(store: Arc<dyn Store>) {
    let (user, code) = user_with_factor(&*store).await;
    let here = name(HERE, "subject");
    let mut waiting = new_pending(user.id, 1);
    waiting.identity = Some(here.clone());
    store.insert_pending(&waiting).await.unwrap();
    let kept = store.find_pending(&waiting.hash, START).await.unwrap();
    let wanted = PendingSignIn {
        user: user.id,
        device: None,
        stamp: 1,
        identity: Some(here.clone()),
    };
    assert_eq!(kept, Some(wanted));
    let complete = async |code| {
        let begun = binding(user.id, 1, here.clone());
        let proof = Proof::RecoveryCode(code);
        store
            .complete_pending(&waiting.hash, &proof, &begun, &event("session.create"))
            .await
    };
    assert!(is_not_found(&complete(hash()).await));
    assert_eq!(found(&*store, &here).await, None);
    complete(code).await.unwrap();
    assert_eq!(found(&*store, &here).await, Some(user.id));
}

pub async fn a_binding_needs_the_credentials_that_were_proved_and_a_valid_user(store: Arc<dyn Store>) {
    let mut user = owner(&*store).await;
    let here = name(HERE, "subject");
    let try_at = async |stamp| {
        let begun = binding(user.id, stamp, here.clone());
        store.insert_session(&begun, &event("session.create")).await
    };
    assert!(is_not_found(&try_at(1).await));
    let (disabled, revision) = (&mut user.clone(), user.revision);
    disabled.disable().unwrap();
    store
        .update_user(disabled, revision, &event("user.disable"))
        .await
        .unwrap();
    assert!(is_not_found(&try_at(0).await));
    assert_eq!(found(&*store, &here).await, None);
    user = store.find_user(user.id).await.unwrap().unwrap();
    user.delete(START).unwrap();
    store
        .update_user(&user, user.revision, &event("user.delete"))
        .await
        .unwrap();
    let late = binding(user.id, 0, here.clone());
    let done = store.insert_session(&late, &event("session.create")).await;
    assert!(is_not_found(&done), "{done:?}");
    assert_eq!(found(&*store, &here).await, None);
}

pub async fn a_binding_takes_the_invitation_away_and_no_other_link(store: Arc<dyn Store>) {
    for (purpose, stays) in [(LinkPurpose::Invite, false), (LinkPurpose::Reset, true)] {
        let user = owner(&*store).await.id;
        let mut link = link(user);
        link.purpose = purpose;
        store.put_link(&link, &event("link.create")).await.unwrap();
        session(&*store, user).await;
        assert!(store.find_link(&link.hash).await.unwrap().is_some());
        bind(&*store, user, &name(HERE, &user.to_string())).await.unwrap();
        assert_eq!(store.find_link(&link.hash).await.unwrap().is_some(), stays);
    }
}

pub async fn a_redeemed_link_takes_identities_away(store: Arc<dyn Store>) {
    let (user, other) = (owner(&*store).await.id, owner(&*store).await.id);
    let (here, others) = (name(HERE, "subject"), name(HERE, "other"));
    bind(&*store, user, &here).await.unwrap();
    bind(&*store, other, &others).await.unwrap();
    let link = link(user);
    store.put_link(&link, &event("link.create")).await.unwrap();
    assert_eq!(found(&*store, &here).await, Some(user));
    let entry = Entry::Session(new_session(user, 0));
    let audit = [event("link.redeem")];
    store
        .redeem_link(&link.hash, START, &password("p"), &entry, &audit)
        .await
        .unwrap();
    assert_eq!(found(&*store, &here).await, None);
    assert_eq!(store.list_identities(user).await.unwrap(), []);
    assert_eq!(found(&*store, &others).await, Some(other));
}

pub async fn identities_are_taken_away_with_what_was_begun_by_them(store: Arc<dyn Store>) {
    let (user, other) = (owner(&*store).await.id, owner(&*store).await.id);
    for user in [user, other] {
        for issuer in [HERE, THERE] {
            bind(&*store, user, &name(issuer, &user.to_string()))
                .await
                .unwrap();
        }
    }
    let (waiting, late) = (new_pending(user, 0), new_session(user, 0));
    store.insert_pending(&waiting).await.unwrap();
    let before = footprint(&*store).await;
    let remove = async || store.remove_identities(user, &event("identity.remove")).await;
    remove().await.unwrap();
    assert!(is_not_found(&remove().await));
    assert_eq!(footprint(&*store).await, (before.0, before.1 + 1));
    assert_eq!(store.list_identities(user).await.unwrap(), []);
    assert_eq!(store.list_sessions(user).await.unwrap(), []);
    assert_eq!(store.find_pending(&waiting.hash, START).await.unwrap(), None);
    // What was proved before is worth nothing.
    let done = store.insert_session(&late, &event("session.create")).await;
    assert!(is_not_found(&done), "{done:?}");
    assert_eq!(store.list_identities(other).await.unwrap().len(), 2);
    assert_eq!(store.list_sessions(other).await.unwrap().len(), 2);
}
