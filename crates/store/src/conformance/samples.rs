//! Values to test with. Ids grow with every call, so what is made later is listed first.

use crate::{
    AuditActor, AuditEvent, AuditOutcome, AuditQuery, IdempotencyClaim, Inserted, KeyQuery, Purge, Store,
};
use keyward_domain::{
    AddressRule, AuditId, Description, Email, Fingerprint, Hint, Key, KeyId, KeyStatus, Name, Revision, Role,
    Site, SiteId, SiteName, SiteRule, SiteStatus, Timestamp, UseCaseName, User, UserId, UserStatus,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// 2026-01-01T00:00:00Z.
pub(super) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

pub(super) fn number() -> u64 {
    static NUMBERS: AtomicU64 = AtomicU64::new(1);
    NUMBERS.fetch_add(1, Ordering::Relaxed)
}

fn random(number: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    bytes
}

pub(super) fn key_id() -> KeyId {
    let number = number();
    KeyId::v7(number, &random(number))
}

pub(super) fn user() -> User {
    let number = number();
    User {
        id: UserId::v7(number, &random(number)),
        email: Email::new(&format!("user{number}@example.com")).unwrap(),
        name: Name::new(&format!("User {number}")).unwrap(),
        role: Role::Member,
        status: UserStatus::Active,
        sites: SiteRule::ANY,
        created_at: START,
        revision: Revision(0),
    }
}

pub(super) fn key(owner: UserId) -> Key {
    let number = number();
    let mut fingerprint = [7; 32];
    fingerprint[..8].copy_from_slice(&number.to_be_bytes());
    Key {
        id: KeyId::v7(number, &random(number)),
        owner,
        name: Name::new("A key").unwrap(),
        description: Description::new("").unwrap(),
        use_case: UseCaseName::new("rest-api").unwrap(),
        fingerprint: Fingerprint::from_bytes(fingerprint),
        hint: Hint::stored("kw_…abcd"),
        status: KeyStatus::Active,
        expires_at: None,
        sites: SiteRule::ANY,
        addresses: AddressRule::ANY,
        limit: None,
        created_at: START,
        updated_at: START,
        revision: Revision(0),
    }
}

pub(super) fn site(name: &str) -> Site {
    Site {
        id: SiteId(0),
        name: SiteName::new(name).unwrap(),
        status: SiteStatus::Active,
        created_at: START,
        revision: Revision(0),
    }
}

pub(super) fn event(action: &str) -> AuditEvent {
    let number = number();
    AuditEvent {
        id: AuditId::v7(number, &random(number)),
        at: START,
        actor: AuditActor::System,
        address: None,
        action: action.to_owned(),
        target_kind: "key".to_owned(),
        target_id: "target".to_owned(),
        outcome: AuditOutcome::Done,
        before: None,
        after: None,
    }
}

pub(super) fn purge(key: KeyId, expected: Revision, audit: AuditEvent) -> Purge {
    Purge { key, expected, audit }
}

pub(super) fn claim(token: &str) -> IdempotencyClaim {
    IdempotencyClaim {
        actor: "actor".to_owned(),
        token: token.to_owned(),
        request_hash: [5; 32],
        at: START,
    }
}

/// The revision of what was added.
#[expect(clippy::needless_pass_by_value, reason = "stands around an insert")]
pub(super) fn new(inserted: Inserted) -> Revision {
    match inserted {
        Inserted::New(revision) => revision,
        Inserted::Replay { .. } => unreachable!("a replay where something new was to be added"),
    }
}

/// Adds a user.
pub(super) async fn owner(store: &dyn Store) -> User {
    let mut user = user();
    user.revision = new(store
        .insert_user(&user, &event("user.create"), None)
        .await
        .unwrap());
    user
}

/// Adds a key, changed by `edit`.
pub(super) async fn stored_key(store: &dyn Store, owner: &User, edit: impl FnOnce(&mut Key)) -> Key {
    let mut key = key(owner.id);
    edit(&mut key);
    key.revision = new(store.insert_key(&key, &event("key.create"), None).await.unwrap());
    key
}

/// Adds a key and deletes it.
pub(super) async fn deleted_key(store: &dyn Store, owner: &User, at: Timestamp) -> Key {
    let mut key = stored_key(store, owner, |_| {}).await;
    key.delete(at).unwrap();
    key.revision = store
        .update_key(&key, key.revision, &event("key.delete"))
        .await
        .unwrap();
    key
}

/// Adds a site.
pub(super) async fn stored_site(store: &dyn Store, name: &str) -> Site {
    let site = site(name);
    new(store
        .insert_site(&site, &event("site.create"), None)
        .await
        .unwrap());
    store.find_site(&site.name).await.unwrap().unwrap()
}

pub(super) fn all_keys() -> KeyQuery {
    KeyQuery {
        status: Some(crate::KeyStatusFilter::Any),
        most: 10_000,
        ..KeyQuery::default()
    }
}

/// How many audit events there are.
pub(super) async fn audit_count(store: &dyn Store) -> usize {
    let query = AuditQuery {
        most: 1_000_000,
        ..AuditQuery::default()
    };
    store.list_audit(&query).await.unwrap().len()
}

/// Revision and number of audit events: what nothing may move that failed.
pub(super) async fn footprint(store: &dyn Store) -> (Revision, usize) {
    (store.revision().await.unwrap(), audit_count(store).await)
}
