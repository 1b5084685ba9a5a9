//! The port: what Keyward asks of a database.

use crate::{Accounts, NodeRecord, SeenNode, StoreError};
use async_trait::async_trait;
use keyward_domain::{
    AddressRule, AuditId, Email, Fingerprint, Key, KeyId, KeyStatus, NodeId, RateLimit, Revision, Site,
    SiteId, SiteName, SiteRule, Timestamp, UseCaseName, User, UserId,
};
use std::path::Path;
use std::time::Duration;

mod audit;
mod server;
mod usage;

pub use audit::{AuditActor, AuditEvent, AuditOutcome, AuditQuery};
pub(crate) use audit::{SKEW, first_id};
pub use server::ServerRemark;
pub use usage::{LastUsed, Period, RECENT_ADDRESSES, RecentAddress, UsageBatch, UsageBucket, UsageCount};

/// Connections to a database, and who waited for one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Connections {
    /// At work.
    pub in_use: usize,
    /// Open, and not at work.
    pub idle: usize,
    /// How many there may be.
    pub max: usize,
    /// How often somebody had to wait for one.
    pub waits: u64,
    /// How often that took too long.
    pub timeouts: u64,
}

/// The keys of an import, handed over in portions: a whole import is never in memory.
#[async_trait]
pub trait KeySource: Send {
    /// The next keys; none at the end.
    async fn next_keys(&mut self) -> Result<Vec<Key>, StoreError>;
}

#[async_trait]
impl KeySource for std::slice::Chunks<'_, Key> {
    async fn next_keys(&mut self) -> Result<Vec<Key>, StoreError> {
        Ok(self.next().unwrap_or_default().to_vec())
    }
}

/// A database that holds users, sites, keys, their audit log and their usage.
///
/// Order of truth: `revision` is raised by one by every committed change, so commits are totally ordered, and
/// [`Store::changes_since`] is a complete feed. Entities returned carry the revision of their last change; a mutating
/// method that takes `expected` changes nothing unless the row is still at it ([`StoreError::Conflict`]).
///
/// A user, site or key of which something cannot be read is given as out of force, with the strictest value in that place, and
/// holds up no other: the feed says so in the log, and [`Store::check`] is what fails.
#[async_trait]
pub trait Store: Accounts {
    /// The place of the last committed change. A database that does not hold the last state, as a standby, does not say.
    async fn position(&self) -> Result<Position, StoreError>;

    /// The revision of the last committed change.
    async fn revision(&self) -> Result<Revision, StoreError> {
        Ok(self.position().await?.revision)
    }

    /// Visits everything that a replica holds, as of one instant: all users (deleted ones too), all sites, all keys that
    /// are not deleted, in this order. Returns the position at that instant.
    async fn load(&self, visit: &mut (dyn FnMut(Change) + Send)) -> Result<Position, StoreError>;

    /// Everything that changed after a revision, in its state as of one instant; deleted keys come as such. Whoever
    /// knows another mark of `after` than the feed's follows another history, which the feed does not continue.
    async fn changes_since(&self, after: Revision) -> Result<Feed, StoreError>;

    /// Waits until something may have changed since the last call, as far as the store is told of it by itself. One that
    /// is not told waits forever; so whoever follows also asks from time to time. May be given up at any point.
    async fn changed(&self) {
        std::future::pending::<()>().await;
    }

    /// Whether the store is told of changes now, so that [`Store::changed`] ends at once; `None` of one that never is.
    fn is_listening(&self) -> Option<bool> {
        None
    }

    /// The connections of this process to the database; `None` where there is no server to be connected to.
    fn connections(&self) -> Option<Connections> {
        None
    }

    /// Finds a key, deleted or not.
    async fn find_key(&self, id: KeyId) -> Result<Option<Key>, StoreError>;

    /// Lists keys, in the order that the query names.
    async fn list_keys(&self, query: &KeyQuery) -> Result<Vec<Key>, StoreError>;

    /// How many keys pass the filters of a query; its order and its page are not read.
    async fn count_keys(&self, query: &KeyQuery) -> Result<u64, StoreError>;

    /// Adds a key.
    async fn insert_key(
        &self,
        key: &Key,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError>;

    /// Puts a key's new state in place of the one at revision `expected`. Id, owner, use case, fingerprint, hint,
    /// creation and expiry are not written.
    async fn update_key(
        &self,
        key: &Key,
        expected: Revision,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError>;

    /// Adds many keys as one change: all or none, and none when their source fails. Nobody sees any of them before, and other changes
    /// do not wait meanwhile. `progress` is told how many rows are written so far.
    async fn import_keys(
        &self,
        keys: &mut dyn KeySource,
        audit: &AuditEvent,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Revision, StoreError>;

    /// Up to `most` keys of an import that the feed has named, in their state as of one instant, by id, after one of them. `known` is
    /// the revision up to which the caller has followed the feed.
    async fn imported_keys(
        &self,
        import: ImportId,
        after: Option<KeyId>,
        most: u32,
        known: Revision,
    ) -> Result<ImportedKeys, StoreError>;

    /// Lists up to `most` keys that were deleted before an instant, oldest id first.
    async fn list_purgeable_keys(&self, deleted_before: Timestamp, most: u32)
    -> Result<Vec<Key>, StoreError>;

    /// Removes deleted keys for good, their fingerprints and usage with them, in one change. One that is not deleted, or not
    /// at its expected revision, is passed over with its event. `None` when no key went.
    async fn purge_keys(&self, purges: &[Purge]) -> Result<Option<Revision>, StoreError>;

    /// Finds a user, deleted or not.
    async fn find_user(&self, id: UserId) -> Result<Option<User>, StoreError>;

    /// Finds many users at once, deleted or not, in no order; absent ones are left out.
    async fn find_users(&self, ids: &[UserId]) -> Result<Vec<User>, StoreError>;

    /// Finds a user that is not deleted by address.
    async fn find_user_by_email(&self, email: &Email) -> Result<Option<User>, StoreError>;

    /// Lists users, newest first (by id, descending).
    async fn list_users(&self, query: &UserQuery) -> Result<Vec<User>, StoreError>;

    /// Adds a user.
    async fn insert_user(
        &self,
        user: &User,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError>;

    /// Puts a user's new state in place of the one at revision `expected`. Id, e-mail and creation are not written. That
    /// the last active administrator goes is a conflict: the caller has seen another one, who went meanwhile. A change of
    /// role or status ends the user's sessions and waiting sign-ins; links go with a status that is not active, and all
    /// that they sign in with when they are deleted.
    async fn update_user(
        &self,
        user: &User,
        expected: Revision,
        audit: &AuditEvent,
    ) -> Result<Revision, StoreError>;

    /// Lists all sites by name.
    async fn list_sites(&self) -> Result<Vec<Site>, StoreError>;

    /// Finds a site by name.
    async fn find_site(&self, name: &SiteName) -> Result<Option<Site>, StoreError>;

    /// Adds a site; the store gives it its number, so `site.id` is not read. That number is the [`Inserted::Replay`] target,
    /// for names can change.
    async fn insert_site(
        &self,
        site: &Site,
        audit: &AuditEvent,
        once: Option<&IdempotencyClaim>,
    ) -> Result<Inserted, StoreError>;

    /// Puts a site's new name and status in place of those at revision `expected`.
    async fn update_site(
        &self,
        site: &Site,
        expected: Revision,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError>;

    /// What an earlier insert under a claim of this actor and token has added: an [`Inserted::Replay`].
    async fn find_claim(&self, actor: &str, token: &str) -> Result<Option<Inserted>, StoreError>;

    /// Writes an audit event for something that changed nothing (a denied change). Raises no revision.
    async fn append_audit(&self, event: &AuditEvent) -> Result<(), StoreError>;

    /// Lists audit events, newest first (by id, descending).
    async fn list_audit(&self, query: &AuditQuery) -> Result<Vec<AuditEvent>, StoreError>;

    /// Takes the right to archive the audit log, or keeps it: of several nodes that are there one has it, until it ends or is not
    /// seen any more.
    async fn claim_archive(&self, node: NodeId) -> Result<bool, StoreError>;

    /// The oldest audit events before an id, by id: at most so many, and not more than fit in some MiB.
    async fn oldest_audit(&self, before: AuditId, most: u32) -> Result<Vec<AuditEvent>, StoreError>;

    /// Removes audit events that are archived, in one transaction with the event that says so. Raises no revision.
    /// [`StoreError::Conflict`], and nothing is removed, when the node has not the right to archive, or not all of them are there.
    async fn remove_audit(
        &self,
        node: NodeId,
        archived: &[AuditId],
        audit: &AuditEvent,
    ) -> Result<(), StoreError>;

    /// Puts a set-up token, known by the SHA-256 of it, in place of any other.
    async fn put_setup_token(&self, hash: &[u8; 32], expires_at: Timestamp) -> Result<(), StoreError>;

    /// Trades a set-up token that has not expired for the first administrator and their key, in one command.
    /// [`StoreError::NotFound`] when there is no such token (any more).
    async fn redeem_setup_token(
        &self,
        hash: &[u8; 32],
        now: Timestamp,
        user: &User,
        key: &Key,
        audit: &[AuditEvent],
    ) -> Result<Revision, StoreError>;

    /// Adds counts to the minute, hour and day they fall in, moves last uses forward (never back), and keeps the
    /// [`RECENT_ADDRESSES`] addresses of each key that were used last. What belongs to keys that are no longer there is
    /// dropped. A batch with a [`UsageBatch::flush`] is counted once, however often it comes; one that is not later than the
    /// last of its node was counted. Raises no revision.
    async fn add_usage(&self, batch: &UsageBatch) -> Result<(), StoreError>;

    /// The counts of a key in `from <= start < until`, ordered by start.
    async fn usage(
        &self,
        key: KeyId,
        period: Period,
        from: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<UsageBucket>, StoreError>;

    /// The last uses of keys; keys never used are left out.
    async fn last_used(&self, keys: &[KeyId]) -> Result<Vec<LastUsed>, StoreError>;

    /// The addresses that a key was granted from last, latest first: [`RECENT_ADDRESSES`] at most.
    async fn recent_addresses(&self, key: KeyId) -> Result<Vec<RecentAddress>, StoreError>;

    /// Notes a node, and that it is there now.
    async fn put_node(&self, node: &NodeRecord) -> Result<(), StoreError>;

    /// Lists the nodes that were seen within a day, by host and address.
    async fn list_nodes(&self) -> Result<Vec<SeenNode>, StoreError>;

    /// Forgets a node; one that is not there is no fault.
    async fn remove_node(&self, id: NodeId) -> Result<(), StoreError>;

    /// How often a node notes that it is there: seldom where there is one, which every write makes sync its disk.
    fn node_interval(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Drops what has outlived its use, and sees to it that nothing of what was purged before can be read in files of the store's
    /// own. Not more than a short transaction drops: says whether there may be more. What goes: minute counts older than 2 days, hour counts older than 62 days, day counts
    /// older than 800 days, idempotency claims older than 24 hours, devices not seen for 400 days, nodes not seen for a
    /// day, and expired set-up
    /// tokens, sessions, links and waiting sign-ins; and keys of imports that came to nothing.
    async fn prune(&self, now: Timestamp) -> Result<bool, StoreError>;

    /// Writes a consistent copy of the whole store to a new file that only its owner may read.
    async fn backup(&self, to: &Path) -> Result<(), StoreError>;

    /// Checks the integrity of what is stored; an error says what is wrong.
    async fn check(&self) -> Result<(), StoreError>;

    /// What the server does otherwise than the manual advises; nothing of a database that has none.
    async fn server_remarks(&self) -> Result<Vec<ServerRemark>, StoreError> {
        Ok(Vec::new())
    }

    /// Finishes what is under way and closes all connections.
    async fn close(&self);
}

/// A deleted key that is to go for good.
#[derive(Clone, Debug)]
pub struct Purge {
    /// The key.
    pub key: KeyId,
    /// The revision that it was read at.
    pub expected: Revision,
    /// What the audit log says of it.
    pub audit: AuditEvent,
}

/// One entity of the feed, in its whole state.
#[derive(Clone, Debug)]
pub enum Change {
    /// A user.
    User(User),
    /// A site.
    Site(Site),
    /// A key.
    Key(KeyState),
    /// A key whose fingerprint cannot be read: no secret opens anything by it.
    LostKey(KeyId),
}

/// What a replica needs of a key: everything but the texts for people.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// Id.
    pub id: KeyId,
    /// Owner.
    pub owner: UserId,
    /// What it is looked up by.
    pub fingerprint: Fingerprint,
    /// What it is for.
    pub use_case: UseCaseName,
    /// Life.
    pub status: KeyStatus,
    /// First instant at which it is refused.
    pub expires_at: Option<Timestamp>,
    /// Sites.
    pub sites: SiteRule,
    /// Clients.
    pub addresses: AddressRule,
    /// Requests a minute.
    pub limit: Option<RateLimit>,
    /// The revision of its last change.
    pub revision: Revision,
}

/// A place in a history of changes. Two databases that have parted give the same revisions, but not the same marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// How many changes there were.
    pub revision: Revision,
    /// What was drawn at random for the last of them; `None` before the first, and of what lies more than
    /// [`MARKS_KEPT`] changes back.
    pub mark: Option<[u8; 16]>,
}

/// Of how many changes a store keeps the marks.
pub const MARKS_KEPT: u64 = 1000;

/// Changes after some revision, up to that of `position`.
#[derive(Clone, Debug)]
pub struct Feed {
    /// Of the instant at which the feed was read.
    pub position: Position,
    /// The mark that the revision has here after which the changes were asked for.
    pub mark_before: Option<[u8; 16]>,
    /// Users first, then sites, then keys.
    pub changes: Vec<Change>,
    /// Imports, whose keys are not among the changes as long as nothing has changed them since: they may be millions, and are read
    /// by [`Store::imported_keys`].
    pub imports: Vec<PublishedImport>,
}

/// The number of an import.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ImportId(pub(crate) i64);

/// An import whose keys are visible.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PublishedImport {
    /// Its number.
    pub id: ImportId,
    /// The revision of the change that made them so.
    pub revision: Revision,
}

/// Some keys of an import.
#[derive(Clone, Debug)]
pub struct ImportedKeys {
    /// Of the instant at which they were read.
    pub position: Position,
    /// The mark that the revision has here up to which the caller has followed.
    pub mark_before: Option<[u8; 16]>,
    /// The keys.
    pub changes: Vec<Change>,
    /// The last of them, which the next ones come after; `None` when there were none.
    pub last: Option<KeyId>,
}

/// Which keys to list.
#[derive(Clone, Debug, Default)]
pub struct KeyQuery {
    /// Only this owner's.
    pub owner: Option<UserId>,
    /// Only of owners with this text in name or e-mail, as `text` is looked for.
    pub owner_text: Option<String>,
    /// Only in this state; without it, all that are not deleted.
    pub status: Option<KeyStatusFilter>,
    /// Only keys whose site rule names this site.
    pub site: Option<SiteId>,
    /// Only of this use case.
    pub use_case: Option<UseCaseName>,
    /// Only with this text in name, description or hint, as [`Search`](keyward_domain::Search) finds it: neither case nor accents
    /// matter; no wildcards.
    pub text: Option<String>,
    /// Whether the text is looked for in the owner's name and e-mail address as well.
    pub text_in_owner: bool,
    /// Only keys that are remarkable in this way.
    pub mark: Option<KeyMark>,
    /// The order of the list.
    pub order: KeyOrder,
    /// Only after this id, in the order of creation. Other orders are paged with `skip` and do not read this.
    pub after: Option<KeyId>,
    /// Leaves out so many from the beginning.
    pub skip: u64,
    /// At most so many.
    pub most: u32,
}

/// The order of a list of keys. Every order is total: keys that are equal in it follow each other by id, in the same
/// direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// By creation (by id).
    Created(Direction),
    /// By name, whatever the case of ASCII letters.
    Name(Direction),
    /// By expiry; keys that never expire are the latest.
    Expires(Direction),
    /// By last granted use; keys that were never used are the earliest.
    LastUsed(Direction),
}

/// The direction of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The least or earliest first.
    Ascending,
    /// The greatest or latest first.
    Descending,
}

impl KeyOrder {
    /// Every order, and its name in addresses of pages: `-` in front says descending.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Created(Direction::Ascending), "created"),
        (Self::Created(Direction::Descending), "-created"),
        (Self::Name(Direction::Ascending), "name"),
        (Self::Name(Direction::Descending), "-name"),
        (Self::Expires(Direction::Ascending), "expires"),
        (Self::Expires(Direction::Descending), "-expires"),
        (Self::LastUsed(Direction::Ascending), "last_used"),
        (Self::LastUsed(Direction::Descending), "-last_used"),
    ];

    /// The order of a name.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find_map(|(order, name)| (name == code).then_some(order))
    }
}

impl Default for KeyOrder {
    /// Newest first.
    fn default() -> Self {
        Self::Created(Direction::Descending)
    }
}

/// What makes a key worth a look. The state of the key is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMark {
    /// It was never granted.
    NeverUsed,
    /// It was granted once, but last before an instant.
    UnusedSince(Timestamp),
    /// It does not expire.
    NoExpiry,
    /// Every client may use it.
    NoAddressRestriction,
    /// It expires at an instant or before.
    ExpiresBy(Timestamp),
}

/// A state of keys, as people see it. `expired` is read off `now`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStatusFilter {
    /// On and not expired.
    Active {
        /// The instant of the question.
        now: Timestamp,
    },
    /// Off and not expired.
    Disabled {
        /// The instant of the question.
        now: Timestamp,
    },
    /// Past expiry, not deleted.
    Expired {
        /// The instant of the question.
        now: Timestamp,
    },
    /// Deleted, not purged.
    Deleted,
    /// All, deleted ones too.
    Any,
}

/// Which users to list.
#[derive(Clone, Debug, Default)]
pub struct UserQuery {
    /// Deleted ones too.
    pub with_deleted: bool,
    /// Only with this text in name or e-mail, as [`Search`](keyward_domain::Search) finds it; no wildcards.
    pub text: Option<String>,
    /// Only after this id (in the order of the list).
    pub after: Option<UserId>,
    /// At most so many.
    pub most: u32,
}

/// The outcome of an insert under an idempotency claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// Added, at this revision.
    New(Revision),
    /// An earlier insert used the same claim; nothing was added now.
    Replay {
        /// The id of what the earlier insert added (id of a key or user, number of a site).
        target: String,
        /// The hash of the earlier request.
        request_hash: [u8; 32],
    },
}

/// A client's wish that a create is done once, however often it is sent (the `Idempotency-Key` header).
#[derive(Clone, Debug)]
pub struct IdempotencyClaim {
    /// Who claims; claims of different actors never meet.
    pub actor: String,
    /// The client's token.
    pub token: String,
    /// SHA-256 of the request.
    pub request_hash: [u8; 32],
    /// When it was claimed.
    pub at: Timestamp,
}
