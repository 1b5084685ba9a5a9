//! Values to test with, by number.

use keyward_domain::{
    AddressRule, AuditId, Description, Email, Fingerprint, Hint, Key, KeyId, KeyStatus, Name, RateLimit,
    Revision, Role, SiteId, SiteRule, Timestamp, UseCaseName, User, UserId, UserStatus,
};
use keyward_store::{AuditActor, AuditEvent, AuditOutcome};

pub(crate) const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

fn random(number: u64) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&number.to_be_bytes());
    bytes
}

pub(crate) fn user(number: u64) -> User {
    User {
        id: UserId::v7(number, &random(number)),
        email: Email::new(&format!("user{number}@example.com")).unwrap(),
        name: Name::new("A user").unwrap(),
        role: Role::Member,
        status: UserStatus::Active,
        sites: SiteRule::ANY,
        created_at: START,
        revision: Revision(0),
    }
}

/// A key; every tenth has restrictions.
pub(crate) fn key(owner: UserId, number: u64) -> Key {
    // As random as a hash, for the index.
    let mut fingerprint = [0; 32];
    for (place, part) in fingerprint.chunks_exact_mut(8).enumerate() {
        let mut x = number
            .wrapping_add(place as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        part.copy_from_slice(&(x ^ (x >> 27)).to_be_bytes());
    }
    let restricted = number.is_multiple_of(10);
    Key {
        id: KeyId::v7(number, &random(number)),
        owner,
        name: Name::new(&format!("Key {number}")).unwrap(),
        description: Description::new("made by a test").unwrap(),
        use_case: UseCaseName::new("rest-api").unwrap(),
        fingerprint: Fingerprint::from_bytes(fingerprint),
        hint: Hint::stored("kw_…abcd"),
        status: KeyStatus::Active,
        expires_at: restricted.then(|| START.plus_days(365)),
        sites: if restricted {
            SiteRule::listed([SiteId(1), SiteId(2)])
        } else {
            SiteRule::ANY
        },
        addresses: match restricted {
            true => AddressRule::listed(["192.0.2.0/24", "2001:db8::/32"]).unwrap(),
            false => AddressRule::ANY,
        },
        limit: restricted.then(|| RateLimit::new(600).unwrap()),
        created_at: START,
        updated_at: START,
        revision: Revision(0),
    }
}

pub(crate) fn event(number: u64) -> AuditEvent {
    AuditEvent {
        id: AuditId::v7(number, &random(number)),
        at: START,
        actor: AuditActor::System,
        address: None,
        action: "test".to_owned(),
        target_kind: "key".to_owned(),
        target_id: number.to_string(),
        outcome: AuditOutcome::Done,
        before: None,
        after: None,
    }
}
