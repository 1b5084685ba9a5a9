//! The bytes of a snapshot: a mark, the version of this form, revision and instant, the database, then sites, owners, use cases and keys,
//! and the SHA-256 of all of it. Numbers are little-endian; a list begins with its length.
//!
//! Who changes the form raises [`VERSION`]: a node that meets another one refuses it, and writes its own once it has loaded.

use keyward_domain::{
    AddressRule, Expiry, Fingerprint, KeyId, KeyRecord, OwnerRecord, RateLimit, Revision, SiteId, SiteName,
    SiteRule, SiteStatus, Timestamp, UseCaseCatalogue, UseCaseName, UserId,
};
use sha2::{Digest, Sha256};

const MARK: &[u8; 16] = b"keyward replica\n";
const MARK_OF_CONFIRMED: &[u8; 16] = b"keyward confirm\n";
const VERSION: u32 = 2;
/// Stands for the length of a list that is absent, and for the place of what is not there.
const NONE: u32 = u32::MAX;
/// How far clocks may be apart before an instant to come is no instant at all.
pub(super) const SKEW_MILLIS: i64 = 60_000;

const DAMAGED: &str =
    "it is damaged or cut off; remove it: a new one is written once the database has answered";
const FOREIGN: &str = "it is no snapshot of Keyward; correct the path, or remove it";
const OTHER_VERSION: &str =
    "another release of keyward wrote it; remove it: a new one is written once the database has answered";

/// What a snapshot says of itself.
pub(super) struct Head {
    pub(super) revision: Revision,
    pub(super) confirmed_at: Timestamp,
    /// Where the database is that it was read from.
    pub(super) database: String,
    pub(super) digest: [u8; 32],
}

/// What a snapshot holds, read in this order: sites, owners, keys.
pub(crate) struct Rules<'b> {
    reader: Reader<'b>,
}

/// Writes values one after the other.
pub(crate) struct Writer(Vec<u8>);

/// Reads them again. What does not fit is `None`: the bytes were checked, so that is a defect or a forgery.
struct Reader<'b>(&'b [u8]);

/// Checks the bytes of a file, and says what they are.
pub(super) fn open(bytes: &[u8]) -> Result<(Head, Rules<'_>), &'static str> {
    let mut reader = Reader(bytes);
    if reader.bytes::<16>().as_ref() != Some(MARK) {
        // What is cut off before its mark ends is no other thing.
        return Err(if MARK.starts_with(bytes) { DAMAGED } else { FOREIGN });
    }
    match reader.u32() {
        Some(VERSION) => {}
        Some(_) => return Err(OTHER_VERSION),
        None => return Err(DAMAGED),
    }
    let (body, sum) = bytes.split_last_chunk::<32>().ok_or(DAMAGED)?;
    if Sha256::digest(body)[..] != sum[..] {
        return Err(DAMAGED);
    }
    let mut reader = Reader(&body[MARK.len() + 4..]);
    let (Some(revision), Some(confirmed_at), Some(database)) =
        (reader.u64(), reader.i64(), reader.long_text())
    else {
        return Err(DAMAGED);
    };
    let head = Head {
        revision: Revision(revision),
        confirmed_at: Timestamp::from_millis(confirmed_at),
        database: database.to_owned(),
        digest: *sum,
    };
    Ok((head, Rules { reader }))
}

/// The sum at the end of a snapshot, by which the note beside it names it.
pub(super) fn digest_of(snapshot: &[u8]) -> [u8; 32] {
    snapshot.last_chunk().copied().unwrap_or_default()
}

pub(super) fn confirmed_bytes(digest: &[u8; 32], at: Timestamp) -> Vec<u8> {
    let mut writer = Writer(MARK_OF_CONFIRMED.to_vec());
    writer.u32(VERSION);
    writer.bytes(digest);
    writer.i64(at.millis());
    writer.finish()
}

pub(super) fn read_confirmed(bytes: &[u8]) -> Option<([u8; 32], Timestamp)> {
    let (body, sum) = bytes.split_last_chunk::<32>()?;
    let mut reader = Reader(body);
    let is_ours = reader.bytes::<16>()? == *MARK_OF_CONFIRMED && reader.u32()? == VERSION;
    if !is_ours || Sha256::digest(body)[..] != sum[..] {
        return None;
    }
    Some((reader.bytes()?, Timestamp::from_millis(reader.i64()?)))
}

impl Writer {
    /// Begins a snapshot.
    pub(crate) fn new(revision: Revision, confirmed_at: Timestamp, database: &str) -> Self {
        let mut writer = Self(MARK.to_vec());
        writer.u32(VERSION);
        writer.u64(revision.0);
        writer.i64(confirmed_at.millis());
        writer.count(database.len());
        writer.bytes(database.as_bytes());
        writer
    }

    /// Makes room at once for what will come.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.reserve(bytes);
    }

    /// How many things of a kind follow.
    pub(crate) fn count(&mut self, number: usize) {
        self.u32(u32::try_from(number).unwrap_or(NONE));
    }

    pub(crate) fn site(&mut self, id: SiteId, name: &SiteName, status: SiteStatus) {
        self.u32(id.0);
        self.0.push(u8::from(status == SiteStatus::Active));
        self.text(name.as_str());
    }

    pub(crate) fn owner(&mut self, owner: &OwnerRecord) {
        self.bytes(owner.id.as_bytes());
        self.0.push(u8::from(owner.valid));
        self.sites(&owner.sites);
    }

    /// A key; its owner is named by the place among those that were written.
    pub(crate) fn key(
        &mut self,
        fingerprint: &Fingerprint,
        key: &KeyRecord,
        owner: u32,
        catalogue: &UseCaseCatalogue,
    ) {
        self.bytes(fingerprint.as_bytes());
        self.bytes(key.id.as_bytes());
        self.u32(owner);
        self.text(
            catalogue
                .get(key.use_case)
                .map_or("", |use_case| use_case.name.as_str()),
        );
        self.0.push(u8::from(key.active));
        self.i64(key.expiry.at().map_or(i64::MAX, Timestamp::millis));
        self.u32(key.limit.map_or(0, RateLimit::per_minute));
        self.sites(&key.sites);
        match key.addresses.nets() {
            None => self.u32(NONE),
            Some(nets) => {
                self.count(nets.len());
                nets.iter().for_each(|net| self.text(&net.to_string()));
            }
        }
    }

    /// The whole, with its sum.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let sum = Sha256::digest(&self.0);
        self.bytes(&sum);
        self.0
    }

    fn sites(&mut self, rule: &SiteRule) {
        match rule.ids() {
            None => self.u32(NONE),
            Some(ids) => {
                self.count(ids.len());
                ids.iter().for_each(|id| self.u32(id.0));
            }
        }
    }

    /// A text of at most 255 bytes; all that stand here are shorter by their own rules.
    fn text(&mut self, text: &str) {
        let length = u8::try_from(text.len()).unwrap_or(u8::MAX);
        self.0.push(length);
        self.bytes(&text.as_bytes()[..usize::from(length)]);
    }

    fn u32(&mut self, number: u32) {
        self.bytes(&number.to_le_bytes());
    }

    fn u64(&mut self, number: u64) {
        self.bytes(&number.to_le_bytes());
    }

    fn i64(&mut self, number: i64) {
        self.bytes(&number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

impl Rules<'_> {
    /// Hands on the sites: the first of three.
    pub(crate) fn sites(
        &mut self,
        mut each: impl FnMut(SiteId, SiteName, SiteStatus),
    ) -> Result<(), &'static str> {
        self.list(|reader| {
            let (id, status, name) = reader.site()?;
            each(id, name, status);
            Some(())
        })
    }

    /// Hands on the owners: the second of three.
    pub(crate) fn owners(&mut self, mut each: impl FnMut(OwnerRecord)) -> Result<(), &'static str> {
        self.list(|reader| {
            each(reader.owner()?);
            Some(())
        })
    }

    /// Hands on the keys: the last of three. Each names its owner by the place that it was handed on at.
    pub(crate) fn keys(
        mut self,
        catalogue: &UseCaseCatalogue,
        mut each: impl FnMut(Fingerprint, KeyRecord, usize) -> Option<()>,
    ) -> Result<(), &'static str> {
        self.list(|reader| {
            let (fingerprint, record, owner) = reader.key(catalogue)?;
            each(fingerprint, record, owner)
        })?;
        if self.reader.0.is_empty() {
            Ok(())
        } else {
            Err(DAMAGED)
        }
    }

    fn list(&mut self, mut each: impl FnMut(&mut Reader<'_>) -> Option<()>) -> Result<(), &'static str> {
        let length = self.reader.u32().ok_or(DAMAGED)?;
        (0..length)
            .try_for_each(|_| each(&mut self.reader))
            .ok_or(DAMAGED)
    }
}

impl<'b> Reader<'b> {
    fn site(&mut self) -> Option<(SiteId, SiteStatus, SiteName)> {
        let id = SiteId(self.u32()?);
        let status = match self.u8()? {
            1 => SiteStatus::Active,
            _ => SiteStatus::Disabled,
        };
        Some((id, status, SiteName::new(self.text()?).ok()?))
    }

    fn owner(&mut self) -> Option<OwnerRecord> {
        Some(OwnerRecord {
            id: UserId::from_bytes(self.bytes()?),
            valid: self.u8()? == 1,
            sites: self.sites()?,
        })
    }

    fn key(&mut self, catalogue: &UseCaseCatalogue) -> Option<(Fingerprint, KeyRecord, usize)> {
        let fingerprint = Fingerprint::from_bytes(self.bytes()?);
        let id = KeyId::from_bytes(self.bytes()?);
        let owner = usize::try_from(self.u32()?).ok()?;
        let use_case = match self.text()? {
            // Of no use case that was configured then: it opens nothing until the database tells its name.
            "" => catalogue.number_of_nothing(),
            name => catalogue.number_of(&UseCaseName::new(name).ok()?),
        };
        let active = self.u8()? == 1;
        let expiry = Expiry::from(
            Some(self.i64()?)
                .filter(|at| *at != i64::MAX)
                .map(Timestamp::from_millis),
        );
        let limit = match self.u32()? {
            0 => None,
            number => Some(RateLimit::new(number).ok()?),
        };
        let record = KeyRecord {
            id,
            active,
            expiry,
            use_case,
            sites: self.sites()?,
            addresses: self.addresses()?,
            limit,
        };
        Some((fingerprint, record, owner))
    }

    fn sites(&mut self) -> Option<SiteRule> {
        let length = self.u32()?;
        if length == NONE {
            return Some(SiteRule::ANY);
        }
        let ids: Option<Vec<SiteId>> = (0..length).map(|_| self.u32().map(SiteId)).collect();
        Some(SiteRule::listed(ids?))
    }

    fn addresses(&mut self) -> Option<AddressRule> {
        let length = self.u32()?;
        if length == NONE {
            return Some(AddressRule::ANY);
        }
        let nets: Option<Vec<&str>> = (0..length).map(|_| self.text()).collect();
        AddressRule::listed(nets?).ok()
    }

    fn text(&mut self) -> Option<&'b str> {
        let length = usize::from(self.u8()?);
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn long_text(&mut self) -> Option<&'b str> {
        let length = usize::try_from(self.u32()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.bytes::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.bytes().map(i64::from_le_bytes)
    }

    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }
}
