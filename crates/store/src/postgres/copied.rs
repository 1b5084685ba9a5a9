//! All keys at once, for loading: PostgreSQL copies them out in its binary form, which takes a fraction of the time that a
//! million rows take cell by cell. Whatever is not read there is read again row by row, which finds the same key, or the
//! fault and where it is.
//!
//! <https://www.postgresql.org/docs/current/sql-copy.html>, "Binary Format".

use super::connection::Connection;
use super::fault::{damaged, reading, silent};
use super::lent::ANSWER;
use crate::rows::{KeyRow, key_change, key_state_columns};
use crate::{Change, KeyState, StoreError};
use futures_util::TryStreamExt;
use keyward_domain::{
    AddressRule, Fingerprint, KeyId, KeyStatus, RateLimit, Revision, SiteId, SiteRule, Timestamp,
    UseCaseName, UserId,
};
use tokio::time::timeout;

const COPY: &str = "COPY (SELECT id, owner, fingerprint, use_case, status, expires_at, sites, addresses, rate_limit, revision \
                    FROM visible_keys WHERE status <> 'deleted') TO STDOUT (FORMAT binary)";
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// The fields of a row of [`COPY`].
const FIELDS: i16 = 10;

/// Visits all keys that are not deleted.
pub(super) async fn load_keys(
    snapshot: &mut Connection,
    visit: &mut (dyn FnMut(Change) + Send),
) -> Result<(), StoreError> {
    let mut unread: Vec<Vec<u8>> = Vec::new();
    let mut reader = Reader::default();
    {
        let begun = timeout(ANSWER, snapshot.raw().copy_out_raw(COPY)).await;
        let mut chunks = begun.map_err(|_| silent())?.map_err(reading)?;
        loop {
            let next = timeout(ANSWER, chunks.try_next()).await.map_err(|_| silent())?;
            let Some(chunk) = next.map_err(reading)? else {
                break;
            };
            reader.add(&chunk);
            while let Some(row) = reader.row().map_err(damaged)? {
                match key(row) {
                    Ok(key) => visit(Change::Key(key)),
                    Err(id) => unread.push(id),
                }
            }
        }
    }
    for id in unread {
        load_one(snapshot, &id, visit).await?;
    }
    Ok(())
}

async fn load_one(
    snapshot: &mut Connection,
    id: &[u8],
    visit: &mut (dyn FnMut(Change) + Send),
) -> Result<(), StoreError> {
    let sql = concat!(
        "SELECT ",
        key_state_columns!(),
        " FROM visible_keys WHERE id = $1"
    );
    let row = timeout(ANSWER, sqlx::query(sql).bind(id).fetch_one(snapshot))
        .await
        .map_err(|_| silent())?
        .map_err(reading)?;
    if let Some(change) = key_change(KeyRow(&row).state()) {
        visit(change);
    }
    Ok(())
}

/// Puts the pieces that come together, and takes them apart into rows.
#[derive(Default)]
struct Reader {
    bytes: Vec<u8>,
    /// Where what was not read yet begins.
    at: usize,
    has_begun: bool,
}

impl Reader {
    fn add(&mut self, piece: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(piece);
    }

    /// The fields of the next row, once all of it is there: length and bytes of each.
    fn row(&mut self) -> Result<Option<&[u8]>, String> {
        if !self.has_begun && !self.begin()? {
            return Ok(None);
        }
        let rest = &self.bytes[self.at..];
        let Some((count, mut fields)) = rest
            .split_first_chunk()
            .map(|(n, rest)| (i16::from_be_bytes(*n), rest))
        else {
            return Ok(None);
        };
        match count {
            // The end.
            -1 => return Ok(None),
            FIELDS => {}
            other => return Err(format!("a copied row has {other} fields in place of {FIELDS}")),
        }
        let whole = fields;
        for _ in 0..FIELDS {
            if field(&mut fields).is_none() {
                return Ok(None);
            }
        }
        let row = &whole[..whole.len() - fields.len()];
        self.at = self.bytes.len() - fields.len();
        Ok(Some(row))
    }

    /// Reads what stands before the rows; false until it is there.
    fn begin(&mut self) -> Result<bool, String> {
        let head = SIGNATURE.len() + 8;
        let Some((head, _)) = self.bytes.split_at_checked(head) else {
            return Ok(false);
        };
        let (signature, numbers) = head.split_at(SIGNATURE.len());
        if signature != SIGNATURE || numbers != [0; 8] {
            return Err("the server copies rows in a form that is not known here".to_owned());
        }
        self.at = head.len();
        self.has_begun = true;
        Ok(true)
    }
}

/// The next field, `Some(None)` when it is NULL; `None` when it is not there whole.
fn field<'r>(fields: &mut &'r [u8]) -> Option<Option<&'r [u8]>> {
    let (length, rest) = fields.split_first_chunk()?;
    let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
        *fields = rest;
        return Some(None);
    };
    let (value, rest) = rest.split_at_checked(length)?;
    *fields = rest;
    Some(Some(value))
}

/// A key, or the id of what is to be read in another way.
fn key(row: &[u8]) -> Result<KeyState, Vec<u8>> {
    let mut fields = row;
    read(&mut fields).ok_or_else(|| {
        let id = field(&mut &*row).flatten().unwrap_or_default();
        id.to_vec()
    })
}

fn read(fields: &mut &[u8]) -> Option<KeyState> {
    Some(KeyState {
        id: KeyId::from_bytes(field(fields)??.try_into().ok()?),
        owner: UserId::from_bytes(field(fields)??.try_into().ok()?),
        fingerprint: Fingerprint::from_bytes(field(fields)??.try_into().ok()?),
        use_case: UseCaseName::new(text(field(fields)??)?).ok()?,
        status: match field(fields)?? {
            b"active" => KeyStatus::Active,
            b"disabled" => KeyStatus::Disabled,
            _ => return None,
        },
        expires_at: match field(fields)? {
            None => None,
            Some(millis) => Some(Timestamp::from_millis(number(millis)?)),
        },
        sites: match field(fields)? {
            None => SiteRule::ANY,
            Some(list) => SiteRule::listed(
                serde_json::from_slice::<Vec<u32>>(list)
                    .ok()?
                    .into_iter()
                    .map(SiteId),
            ),
        },
        addresses: match field(fields)? {
            None => AddressRule::ANY,
            Some(list) => AddressRule::listed(serde_json::from_slice::<Vec<&str>>(list).ok()?).ok()?,
        },
        limit: match field(fields)? {
            None => None,
            Some(limit) => Some(RateLimit::new(u32::try_from(number(limit)?).ok()?).ok()?),
        },
        revision: Revision(u64::try_from(number(field(fields)??)?).ok()?),
    })
}

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

fn number(bytes: &[u8]) -> Option<i64> {
    bytes.try_into().ok().map(i64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of three-byte fields.
    fn copied(rows: usize) -> Vec<u8> {
        let mut bytes = [SIGNATURE, &[0; 8]].concat();
        for _ in 0..rows {
            bytes.extend(FIELDS.to_be_bytes());
            for n in 0..FIELDS {
                match n % 3 {
                    0 => bytes.extend((-1_i32).to_be_bytes()),
                    _ => bytes.extend([&3_i32.to_be_bytes()[..], b"abc"].concat()),
                }
            }
        }
        bytes.extend((-1_i16).to_be_bytes());
        bytes
    }

    #[test]
    fn rows_are_found_however_they_are_cut() {
        let bytes = copied(3);
        for size in 1..=bytes.len() {
            let mut reader = Reader::default();
            let mut rows = 0;
            for piece in bytes.chunks(size) {
                reader.add(piece);
                while let Some(row) = reader.row().unwrap() {
                    let mut fields = row;
                    assert_eq!(field(&mut fields), Some(None));
                    assert_eq!(field(&mut fields), Some(Some(&b"abc"[..])));
                    rows += 1;
                }
            }
            assert_eq!(rows, 3, "pieces of {size}");
        }
    }

    #[test]
    fn another_form_is_a_fault() {
        let mut reader = Reader::default();
        reader.add(b"PGCOPY\n\xff\r\n\0\0\0\0\x01\0\0\0\0");
        assert!(reader.row().is_err());
        let mut reader = Reader::default();
        reader.add(&[SIGNATURE, &[0; 8], &9_i16.to_be_bytes()].concat());
        assert!(reader.row().is_err());
    }
}
