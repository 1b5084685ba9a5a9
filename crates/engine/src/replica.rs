//! The replica: this node's copy of all keys, at a known revision.
//!
//! Proof of order: everything is put in by one applier at a time (the lock), and each time it reads the store *after* it
//! has the lock. So what it puts in is never older than what is there, whoever committed what when; and a store that shows
//! another history then (by the mark of the revision that is known here) has itself gone back, and is read anew.

mod follow;
mod gone;
mod imported;
mod reload;
mod sites;
mod snapshot;

use arc_swap::ArcSwap;
use gone::Gone;
use imported::Importing;
use keyward_domain::{
    Expiry, Fingerprint, KeyId, KeyRecord, KeyStatus, OwnerRecord, RequestSite, Revision, SiteName, SiteRule,
    UseCaseCatalogue, UseCaseName, User, UserId,
};
use keyward_limit::{Limiter, WindowId};
use keyward_store::{Change, KeyState, Position, Store, StoreError};
use papaya::Guard;
use sites::SiteTable;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// The copy.
pub(crate) struct Replica {
    keys: papaya::HashMap<Fingerprint, Entry, BuildHasherDefault<FirstBytes>>,
    sites: ArcSwap<SiteTable>,
    catalogue: Arc<UseCaseCatalogue>,
    pub(crate) limiter: Limiter,
    /// Everything up to this revision is in force here.
    in_force: AtomicU64,
    /// How far the store was followed, with the mark that it gave: further than `in_force` while keys of an import are still to come.
    position: Mutex<Position>,
    importing: Mutex<Importing>,
    /// Tells those who wait that something has come into force, up to the revision that was followed.
    moved: watch::Sender<Revision>,
    loaded: AtomicBool,
    started: Instant,
    /// Milliseconds after `started` at which the revision was last confirmed with the store; of a snapshot, before.
    confirmed: AtomicI64,
    /// Cleared while everything is read anew: if that fails, what is here is of no one instant.
    whole: AtomicBool,
    /// What is here comes from a snapshot, and the store has not been read yet.
    from_snapshot: AtomicBool,
    /// The revision that was known here, and the one that was there, when the store was last found to have gone back; until that is in
    /// the audit log.
    undone: Mutex<Option<(Revision, Revision)>>,
    applier: tokio::sync::Mutex<Owners>,
    /// Held by whoever takes over keys of an import.
    taker: tokio::sync::Mutex<()>,
    /// What is kept of keys that were deleted, should they be restored.
    gone: Mutex<Gone>,
    /// Use cases of keys that the configuration does not name, which have been told of.
    unnamed: Mutex<HashSet<UseCaseName>>,
    /// How often the store held another history than the one that was followed.
    went_back: AtomicU64,
}

type Owners = HashMap<UserId, Arc<Owner>>;

/// One key.
pub(crate) struct Entry {
    pub(crate) record: KeyRecord,
    pub(crate) owner: Arc<Owner>,
    pub(crate) window: WindowId,
    /// Once this node has refused the key as expired, it stays expired here, whatever the clock does.
    pub(crate) seen_expired: AtomicBool,
}

/// A user, shared by all their keys.
pub(crate) struct Owner(ArcSwap<OwnerRecord>);

impl Owner {
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<OwnerRecord>> {
        self.0.load()
    }
}

/// The first eight bytes of a SHA-256 are as good a hash as any: nobody can choose them for many keys at will.
#[derive(Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    /// Called with the length of the array that follows; says nothing.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Replica {
    pub(crate) fn new(catalogue: Arc<UseCaseCatalogue>) -> Self {
        Self {
            keys: papaya::HashMap::builder()
                .hasher(BuildHasherDefault::default())
                .resize_mode(papaya::ResizeMode::Blocking)
                .build(),
            sites: ArcSwap::default(),
            catalogue,
            limiter: Limiter::default(),
            in_force: AtomicU64::new(0),
            position: Mutex::default(),
            importing: Mutex::default(),
            moved: watch::Sender::new(Revision(0)),
            loaded: AtomicBool::new(false),
            started: Instant::now(),
            confirmed: AtomicI64::new(0),
            whole: AtomicBool::new(true),
            from_snapshot: AtomicBool::new(false),
            undone: Mutex::default(),
            applier: tokio::sync::Mutex::default(),
            taker: tokio::sync::Mutex::default(),
            gone: Mutex::default(),
            unnamed: Mutex::default(),
            went_back: AtomicU64::new(0),
        }
    }

    /// Looks a key up and hands it to `read`, without waiting for anybody.
    pub(crate) fn with_key<T>(&self, fingerprint: &Fingerprint, read: impl FnOnce(Option<&Entry>) -> T) -> T {
        let guard = self.keys.guard();
        read(self.keys.get(fingerprint, &guard))
    }

    pub(crate) fn request_site(&self, name: &str) -> RequestSite {
        self.sites.load().of_request(name)
    }

    pub(crate) fn site_names(&self, rule: &SiteRule) -> Option<Vec<SiteName>> {
        self.sites.load().names(rule)
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Everything up to this revision is in force here; what came after it may be.
    pub(crate) fn revision(&self) -> Revision {
        Revision(self.in_force.load(Ordering::Acquire))
    }

    /// What tells of each revision that comes into force here; of several in a row perhaps the last alone.
    pub(crate) fn moves(&self) -> watch::Receiver<Revision> {
        self.moved.subscribe()
    }

    pub(crate) fn position(&self) -> Position {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn move_to(&self, position: Position) {
        *self.position.lock().unwrap_or_else(PoisonError::into_inner) = position;
        let revision = position.revision;
        self.note_in_force();
        self.moved
            .send_if_modified(|known| std::mem::replace(known, revision) != revision);
    }

    /// Milliseconds since the store last confirmed the revision.
    pub(crate) fn age_millis(&self) -> i64 {
        let age = self
            .elapsed_millis()
            .saturating_sub(self.confirmed.load(Ordering::Relaxed));
        age.max(0)
    }

    fn elapsed_millis(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    /// Loads everything. Requests are answered once it is done. What is loaded already only catches up: a second load
    /// would not tell of keys that were deleted since the first.
    pub(crate) async fn load(&self, store: &dyn Store) -> Result<Revision, StoreError> {
        let mut owners = self.applier.lock().await;
        if self.is_loaded() {
            drop(owners);
            self.follow(store).await?;
            return Ok(self.revision());
        }
        self.forget_keys();
        let asked_at = self.elapsed_millis();
        let mut sites = SiteTable::default();
        let position = store
            .load(&mut |change| match change {
                Change::User(user) => put_owner(&mut owners, &user),
                Change::Site(site) => sites.put(site.id, site.name, site.status),
                Change::Key(key) => self.put_key(&mut owners, key),
                Change::LostKey(_) => {}
            })
            .await?;
        self.sites.store(Arc::new(sites));
        self.forget_imports();
        // The tables that were outgrown on the way are freed now, not with the next changes.
        self.keys.guard().flush();
        self.confirm(position, asked_at);
        self.loaded.store(true, Ordering::Release);
        Ok(position.revision)
    }

    fn apply(&self, owners: &mut Owners, changes: Vec<Change>) {
        let mut sites = None;
        for change in changes {
            match change {
                Change::User(user) => put_owner(owners, &user),
                Change::Site(site) => {
                    let sites = sites.get_or_insert_with(|| SiteTable::clone(&self.sites.load()));
                    sites.put(site.id, site.name, site.status);
                }
                Change::Key(key) => self.put_key(owners, key),
                Change::LostKey(key) => self.lose_key(key),
            }
        }
        if let Some(sites) = sites {
            self.sites.store(Arc::new(sites));
        }
    }

    fn confirm(&self, position: Position, asked_at: i64) {
        self.move_to(position);
        self.confirmed.fetch_max(asked_at, Ordering::Relaxed);
        self.forget_gone(Instant::now());
    }

    /// Drops what a load that failed has left: a key of it may be deleted by now.
    fn forget_keys(&self) {
        let keys = self.keys.pin();
        for entry in keys.values() {
            self.limiter.release(entry.window);
        }
        keys.clear();
    }

    fn drop_key(&self, fingerprint: &Fingerprint, guard: &papaya::LocalGuard<'_>) {
        let Some(entry) = self.keys.get(fingerprint, guard) else {
            return;
        };
        let (id, now) = (entry.record.id, Instant::now());
        let mut gone = self.lock_gone();
        if entry.seen_expired.load(Ordering::Relaxed) {
            gone.expired.put(id, (), now);
        }
        gone.windows.put(id, entry.window, now);
        drop(gone);
        self.keys.remove(fingerprint, guard);
        guard.flush();
    }

    /// Drops a key of which the id alone is known. That the store cannot read a fingerprint is rare enough to look at all.
    fn lose_key(&self, id: KeyId) {
        let guard = self.keys.guard();
        let held = self.keys.iter(&guard).find(|(_, entry)| entry.record.id == id);
        if let Some((fingerprint, _)) = held {
            self.drop_key(fingerprint, &guard);
        }
    }

    fn put_key(&self, owners: &mut Owners, key: KeyState) {
        let guard = self.keys.guard();
        if matches!(key.status, KeyStatus::Deleted { .. }) {
            self.drop_key(&key.fingerprint, &guard);
            return;
        }
        let known = self.keys.get(&key.fingerprint, &guard);
        let owner = Arc::clone(
            owners
                .entry(key.owner)
                .or_insert_with(|| Owner::unknown(key.owner)),
        );
        let (window, seen_expired) = known.map_or_else(
            || self.what_it_had(&key.id),
            |entry| (entry.window, entry.seen_expired.load(Ordering::Relaxed)),
        );
        let use_case = self.catalogue.number_of(&key.use_case);
        if use_case == self.catalogue.number_of_nothing() {
            self.tell_unnamed(&key.use_case);
        }
        let record = KeyRecord {
            id: key.id,
            active: key.status == KeyStatus::Active,
            expiry: Expiry::from(key.expires_at),
            use_case,
            sites: key.sites,
            addresses: key.addresses,
            limit: key.limit,
        };
        let entry = Entry {
            record,
            owner,
            window,
            seen_expired: AtomicBool::new(seen_expired),
        };
        self.keys.insert(key.fingerprint, entry, &guard);
    }

    /// The window of a key that is new here, and whether it was seen expired: a restored one goes on with its own.
    fn what_it_had(&self, id: &KeyId) -> (WindowId, bool) {
        let mut gone = self.lock_gone();
        let window = gone.windows.take(id).unwrap_or_else(|| self.limiter.allocate());
        (window, gone.expired.take(id).is_some())
    }

    /// Says once of a use case that the configuration does not name it: its keys open nothing here, whatever other nodes do.
    fn tell_unnamed(&self, use_case: &UseCaseName) {
        let mut unnamed = self.unnamed.lock().unwrap_or_else(PoisonError::into_inner);
        if !unnamed.contains(use_case) {
            tracing::warn!(
                %use_case,
                "keys of this use case are refused: no [[use_cases]] of this node's configuration has its name"
            );
            unnamed.insert(use_case.clone());
        }
    }
}

impl Owner {
    /// A user that the store has not shown yet: not valid.
    fn unknown(id: UserId) -> Arc<Self> {
        Self::of(OwnerRecord {
            id,
            valid: false,
            sites: SiteRule::ANY,
        })
    }

    fn of(record: OwnerRecord) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(record)))
    }
}

fn put_owner(owners: &mut Owners, user: &User) {
    let record = OwnerRecord {
        id: user.id,
        valid: user.is_valid(),
        sites: user.sites.clone(),
    };
    owners
        .entry(user.id)
        .or_insert_with(|| Owner::unknown(user.id))
        .0
        .store(Arc::new(record));
}
