//! Keys a thousand at a time, for loading.
//!
//! A driver that hands over a million rows cell by cell spends most of its time on the handing over, so SQLite packs a
//! chunk of keys into one value. Whatever does not unpack is read again row by row, which finds the same keys, or the
//! fault and where it is.

use super::fault::reading;
use crate::{KeyState, StoreError};
use keyward_domain::{
    AddressRule, Fingerprint, KeyId, KeyStatus, RateLimit, Revision, SiteId, SiteRule, Timestamp,
    UseCaseName, UserId,
};
use sqlx::{Row, SqliteConnection};

/// A chunk of keys, and where it lies in the table.
pub(super) struct Chunk {
    /// The place before its first row.
    pub(super) after: i64,
    /// The place of its last row.
    pub(super) last: i64,
    packed: Vec<u8>,
}

const FIELD_END: u8 = 0x1f;
const FIXED: usize = 1 + 16 + 16 + 32;

/// Reads the chunk of keys that are not deleted after a place; `None` when there are no more.
pub(super) async fn chunk(
    connection: &mut SqliteConnection,
    after: i64,
) -> Result<Option<Chunk>, StoreError> {
    // `concat` leaves out what is NULL. The digit in front says whether the ids are as long as they are read.
    let row = sqlx::query(
        "SELECT max(place), CAST(group_concat(concat( \
         length(id) = 16 AND length(owner) = 16 AND length(fingerprint) = 32, id, owner, fingerprint, \
         use_case, x'1f', status, x'1f', expires_at, x'1f', sites, x'1f', addresses, x'1f', rate_limit, x'1f', \
         revision, x'1f'), '') AS BLOB) \
         FROM (SELECT * FROM visible_keys WHERE place > ? AND status <> 'deleted' ORDER BY place LIMIT 1000)",
    )
    .bind(after)
    .fetch_one(connection)
    .await
    .map_err(reading)?;
    let last: Option<i64> = row.try_get(0).map_err(reading)?;
    let Some(last) = last else { return Ok(None) };
    let packed: Vec<u8> = row.try_get(1).map_err(reading)?;
    Ok(Some(Chunk { after, last, packed }))
}

impl Chunk {
    /// The keys, or `None` when they are to be read row by row.
    pub(super) fn unpack(&self) -> Option<Vec<KeyState>> {
        let mut rest = self.packed.as_slice();
        let mut keys = Vec::with_capacity(1000);
        while !rest.is_empty() {
            keys.push(key(&mut rest)?);
        }
        Some(keys)
    }
}

fn key(rest: &mut &[u8]) -> Option<KeyState> {
    let (fixed, texts) = rest.split_first_chunk::<FIXED>()?;
    let (&[b'1', ref ids @ ..], mut texts) = (fixed, texts) else {
        return None;
    };
    let (id, ids) = ids.split_first_chunk::<16>()?;
    let (owner, ids) = ids.split_first_chunk::<16>()?;
    let (fingerprint, _) = ids.split_first_chunk::<32>()?;
    let state = KeyState {
        id: KeyId::from_bytes(*id),
        owner: UserId::from_bytes(*owner),
        fingerprint: Fingerprint::from_bytes(*fingerprint),
        use_case: UseCaseName::new(field(&mut texts)?).ok()?,
        status: match field(&mut texts)? {
            "active" => KeyStatus::Active,
            "disabled" => KeyStatus::Disabled,
            _ => return None,
        },
        expires_at: match field(&mut texts)? {
            "" => None,
            millis => Some(Timestamp::from_millis(millis.parse().ok()?)),
        },
        sites: match field(&mut texts)? {
            "" => SiteRule::ANY,
            text => SiteRule::listed(
                serde_json::from_str::<Vec<u32>>(text)
                    .ok()?
                    .into_iter()
                    .map(SiteId),
            ),
        },
        addresses: match field(&mut texts)? {
            "" => AddressRule::ANY,
            text => AddressRule::listed(serde_json::from_str::<Vec<&str>>(text).ok()?).ok()?,
        },
        limit: match field(&mut texts)? {
            "" => None,
            number => Some(RateLimit::new(number.parse().ok()?).ok()?),
        },
        revision: Revision(field(&mut texts)?.parse().ok()?),
    };
    *rest = texts;
    Some(state)
}

fn field<'t>(texts: &mut &'t [u8]) -> Option<&'t str> {
    let end = texts.iter().position(|byte| *byte == FIELD_END)?;
    let text = std::str::from_utf8(&texts[..end]).ok()?;
    *texts = &texts[end + 1..];
    Some(text)
}
