//! The replica: this node's copy of all keys, at a known revision.
//!
//! Proof of order: everything is put in by one applier at a time (the lock), and each time it reads the store *after* it
//! has the lock. So what it puts in is never older than what is there, whoever committed what when.

use arc_swap::ArcSwap;
use foldhash::fast::FixedState;
use keyward_domain::{
    Expiry, Fingerprint, KeyId, KeyRecord, KeyStatus, OwnerRecord, RequestSite, Revision, SiteId, SiteName,
    SiteRule, SiteStatus, UseCaseCatalogue, User, UserId,
};
use keyward_limit::{WindowId, Windows};
use keyward_store::{Change, KeyState, Store, StoreError};
use papaya::Guard;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The copy.
pub(crate) struct Replica {
    keys: papaya::HashMap<Fingerprint, Entry, BuildHasherDefault<FirstBytes>>,
    sites: ArcSwap<SiteTable>,
    catalogue: Arc<UseCaseCatalogue>,
    pub(crate) windows: Windows,
    applied: AtomicU64,
    loaded: AtomicBool,
    started: Instant,
    /// Milliseconds after `started` at which the revision was last confirmed with the store.
    confirmed: AtomicU64,
    applier: tokio::sync::Mutex<Owners>,
    /// Keys that this node has refused as expired and that were deleted then, should they be restored.
    expired_gone: Mutex<HashSet<KeyId>>,
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

#[derive(Default)]
struct SiteTable {
    by_name: HashMap<SiteName, (SiteId, SiteStatus), FixedState>,
    by_id: HashMap<SiteId, SiteName, FixedState>,
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
            windows: Windows::default(),
            applied: AtomicU64::new(0),
            loaded: AtomicBool::new(false),
            started: Instant::now(),
            confirmed: AtomicU64::new(0),
            applier: tokio::sync::Mutex::default(),
            expired_gone: Mutex::default(),
        }
    }

    /// Looks a key up and hands it to `read`, without waiting for anybody.
    pub(crate) fn with_key<T>(&self, fingerprint: &Fingerprint, read: impl FnOnce(Option<&Entry>) -> T) -> T {
        let guard = self.keys.guard();
        read(self.keys.get(fingerprint, &guard))
    }

    pub(crate) fn request_site(&self, name: &str) -> RequestSite {
        match self.sites.load().by_name.get(name) {
            None => RequestSite::Unregistered,
            Some((id, SiteStatus::Active)) => RequestSite::Open(*id),
            Some((_, SiteStatus::Disabled)) => RequestSite::Disabled,
        }
    }

    pub(crate) fn site_names(&self, rule: &SiteRule) -> Option<Vec<SiteName>> {
        let table = self.sites.load();
        rule.ids()
            .map(|ids| ids.iter().filter_map(|id| table.by_id.get(id).cloned()).collect())
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision(self.applied.load(Ordering::Acquire))
    }

    /// Milliseconds since the store last confirmed the revision.
    pub(crate) fn age_millis(&self) -> u64 {
        self.elapsed_millis()
            .saturating_sub(self.confirmed.load(Ordering::Relaxed))
    }

    fn elapsed_millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
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
        let revision = store
            .load(&mut |change| match change {
                Change::User(user) => put_owner(&mut owners, &user),
                Change::Site(site) => sites.put(site),
                Change::Key(key) => self.put_key(&mut owners, key),
            })
            .await?;
        self.sites.store(Arc::new(sites));
        // The tables that were outgrown on the way are freed now, not with the next changes.
        self.keys.guard().flush();
        self.confirm(revision, asked_at);
        self.loaded.store(true, Ordering::Release);
        Ok(revision)
    }

    /// Brings the replica to what the store holds now, or at least to `wanted`.
    pub(crate) async fn catch_up(&self, store: &dyn Store, wanted: Revision) -> Result<(), StoreError> {
        let mut owners = self.applier.lock().await;
        if !self.is_loaded() || self.revision() >= wanted {
            return Ok(());
        }
        let asked_at = self.elapsed_millis();
        let feed = store.changes_since(self.revision()).await?;
        let mut sites = None;
        for change in feed.changes {
            match change {
                Change::User(user) => put_owner(&mut owners, &user),
                Change::Site(site) => sites.get_or_insert_with(|| self.sites.load().copy()).put(site),
                Change::Key(key) => self.put_key(&mut owners, key),
            }
        }
        if let Some(sites) = sites {
            self.sites.store(Arc::new(sites));
        }
        self.confirm(feed.revision, asked_at);
        Ok(())
    }

    /// Asks the store for its revision, and catches up when it has moved.
    pub(crate) async fn follow(&self, store: &dyn Store) -> Result<(), StoreError> {
        let asked_at = self.elapsed_millis();
        // Read before the store is asked: a change on this node may be put in force while the answer is under way.
        let known = self.revision();
        let revision = store.revision().await?;
        if revision > known {
            return self.catch_up(store, revision).await;
        }
        if revision < known {
            // What was revoked since may be good again in there: this copy must not be called confirmed.
            let why = "its revision went back, as after restoring a backup: restart this node";
            return Err(StoreError::Unavailable(why.into()));
        }
        self.confirmed.fetch_max(asked_at, Ordering::Relaxed);
        Ok(())
    }

    fn lock_expired_gone(&self) -> MutexGuard<'_, HashSet<KeyId>> {
        self.expired_gone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn confirm(&self, revision: Revision, asked_at: u64) {
        self.applied.store(revision.0, Ordering::Release);
        self.confirmed.fetch_max(asked_at, Ordering::Relaxed);
    }

    /// Drops what a load that failed has left: a key of it may be deleted by now.
    fn forget_keys(&self) {
        let keys = self.keys.pin();
        for entry in keys.values() {
            self.windows.release(entry.window);
        }
        keys.clear();
    }

    fn put_key(&self, owners: &mut Owners, key: KeyState) {
        let guard = self.keys.guard();
        let known = self.keys.get(&key.fingerprint, &guard);
        if matches!(key.status, KeyStatus::Deleted { .. }) {
            if let Some(entry) = known {
                if entry.seen_expired.load(Ordering::Relaxed) {
                    self.lock_expired_gone().insert(key.id);
                }
                self.windows.release(entry.window);
                self.keys.remove(&key.fingerprint, &guard);
                guard.flush();
            }
            return;
        }
        let owner = Arc::clone(
            owners
                .entry(key.owner)
                .or_insert_with(|| Owner::unknown(key.owner)),
        );
        let window = known.map_or_else(|| self.windows.allocate(), |entry| entry.window);
        let seen_expired = known.map_or_else(
            || self.lock_expired_gone().remove(&key.id),
            |entry| entry.seen_expired.load(Ordering::Relaxed),
        );
        let record = KeyRecord {
            id: key.id,
            active: key.status == KeyStatus::Active,
            expiry: Expiry::from(key.expires_at),
            use_case: self.catalogue.number_of(&key.use_case),
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
}

impl Owner {
    /// A user that the store has not shown yet: not valid.
    fn unknown(id: UserId) -> Arc<Self> {
        let record = OwnerRecord {
            id,
            valid: false,
            sites: SiteRule::ANY,
        };
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

impl SiteTable {
    fn copy(&self) -> Self {
        Self {
            by_name: self.by_name.clone(),
            by_id: self.by_id.clone(),
        }
    }

    fn put(&mut self, site: keyward_domain::Site) {
        if let Some(old) = self.by_id.insert(site.id, site.name.clone()) {
            // Two sites may have swapped names in one feed: only the site's own entry goes.
            if self.by_name.get(&old).is_some_and(|(id, _)| *id == site.id) {
                self.by_name.remove(&old);
            }
        }
        self.by_name.insert(site.name, (site.id, site.status));
    }
}
