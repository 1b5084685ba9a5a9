//! Rows of any database become domain values, or a fault that names table, column and row.
//!
//! Cells are read by place: each list of columns here and the reader below it go together. Every adapter names its
//! columns as they stand here, keeps numbers and instants in 64 bits, ids and hashes as bytes, and rules as JSON text;
//! what else a reader needs of a database is in `raw`. The other way, from a domain value to cells, is in `cells`.
//!
//! A user, site or key is read as far as it can be (`read`): what one row holds must keep no other from being read, least of
//! all a revocation.

mod account;
mod cells;
mod log;
mod node;
mod position;
mod raw;
mod read;

pub(crate) use account::{
    CredentialsRow, IdentityRow, LinkRow, PendingRow, SessionRow, credentials_columns, identity_columns,
    link_columns, pending_columns, session_columns,
};
pub(crate) use log::{AuditRow, GRANTED, LastUsedRow, RecentAddressRow, UsageRow};

pub(crate) use node::{NodeRow, node_columns};
pub(crate) use position::PositionRow;

pub(crate) use cells::{
    actor_cells, address_rule_text, deleted_at, denied_cell, key_status_cells, site_rule_text,
    site_status_text,
};
pub(crate) use raw::{Cell, Raw};
use read::Patient;
pub(crate) use read::{Read, change, key_change};

use crate::{KeyState, StoreError};
use keyward_domain::{
    AddressRule, Description, Email, Fingerprint, Hint, Key, KeyId, KeyStatus, Name, RateLimit, Revision,
    Role, Site, SiteId, SiteName, SiteRule, SiteStatus, Timestamp, UseCaseName, User, UserId, UserStatus,
};
use std::fmt::Display;
use std::net::IpAddr;

macro_rules! key_state_columns {
    () => {
        "id, owner, fingerprint, use_case, status, deleted_at, was_active, expires_at, sites, addresses, rate_limit, \
         revision"
    };
}
macro_rules! key_columns {
    () => {
        concat!(
            $crate::rows::key_state_columns!(),
            ", name, description, hint, created_at, updated_at"
        )
    };
}
macro_rules! user_columns {
    () => {
        "id, email, name, role, status, deleted_at, sites, created_at, revision"
    };
}
macro_rules! site_columns {
    () => {
        "id, name, status, created_at, revision"
    };
}
macro_rules! audit_columns {
    () => {
        "id, at, actor, actor_user, actor_key, address, action, target_kind, target_id, denied, before, after"
    };
}
/// The oldest lines before an id: at most so many, and of each further one only while those before it have less than 4 MiB of texts.
macro_rules! oldest_audit {
    () => {
        "SELECT id, at, actor, actor_user, actor_key, address, action, target_kind, target_id, denied, before, after FROM (\
         SELECT *, sum(coalesce(length(before), 0) + coalesce(length(after), 0)) \
         OVER (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS size FROM (\
         SELECT * FROM audit WHERE id < $1 ORDER BY id LIMIT $2) AS first) AS summed \
         WHERE coalesce(size, 0) < 4194304 ORDER BY id"
    };
}
pub(crate) use {audit_columns, key_columns, key_state_columns, oldest_audit, site_columns, user_columns};

/// A row of a known table.
struct Cells<'r> {
    table: &'static str,
    row: &'r dyn Raw,
}

impl<'r> Cells<'r> {
    fn get<T: Cell<'r>>(&self, index: usize, column: &'static str) -> Result<T, StoreError> {
        T::read(self.row, index).map_err(|fault| self.fault(column, fault))
    }

    fn id(&self, index: usize, column: &'static str) -> Result<[u8; 16], StoreError> {
        self.bytes(index, column)
    }

    fn bytes<const N: usize>(&self, index: usize, column: &'static str) -> Result<[u8; N], StoreError> {
        let bytes: &[u8] = self.get(index, column)?;
        bytes
            .try_into()
            .map_err(|_| self.fault(column, format_args!("{} bytes instead of {N}", bytes.len())))
    }

    fn text<T, E: Display>(
        &self,
        index: usize,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        read(self.get(index, column)?).map_err(|fault| self.fault(column, fault))
    }

    fn instant(&self, index: usize, column: &'static str) -> Result<Timestamp, StoreError> {
        self.get(index, column).map(Timestamp::from_millis)
    }

    fn instant_or_none(&self, index: usize, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let millis: Option<i64> = self.get(index, column)?;
        Ok(millis.map(Timestamp::from_millis))
    }

    fn revision(&self, index: usize) -> Result<Revision, StoreError> {
        let number: i64 = self.get(index, "revision")?;
        u64::try_from(number)
            .map(Revision)
            .map_err(|fault| self.fault("revision", fault))
    }

    fn sites(&self, index: usize) -> Result<SiteRule, StoreError> {
        let Some(text) = self.get::<Option<&str>>(index, "sites")? else {
            return Ok(SiteRule::ANY);
        };
        let ids: Vec<u32> = serde_json::from_str(text).map_err(|fault| self.fault("sites", fault))?;
        Ok(SiteRule::listed(ids.into_iter().map(SiteId)))
    }

    fn addresses(&self, index: usize) -> Result<AddressRule, StoreError> {
        let Some(text) = self.get::<Option<&str>>(index, "addresses")? else {
            return Ok(AddressRule::ANY);
        };
        let entries: Vec<&str> =
            serde_json::from_str(text).map_err(|fault| self.fault("addresses", fault))?;
        AddressRule::listed(entries).map_err(|fault| self.fault("addresses", fault))
    }

    fn address(&self, index: usize) -> Result<Option<IpAddr>, StoreError> {
        let text: Option<&str> = self.get(index, "address")?;
        text.map(str::parse)
            .transpose()
            .map_err(|fault: std::net::AddrParseError| self.fault("address", fault))
    }

    fn json(&self, index: usize, column: &'static str) -> Result<Option<serde_json::Value>, StoreError> {
        let text: Option<&str> = self.get(index, column)?;
        text.map(serde_json::from_str)
            .transpose()
            .map_err(|fault| self.fault(column, fault))
    }

    fn fault(&self, column: &'static str, fault: impl Display) -> StoreError {
        StoreError::Corrupt {
            table: self.table,
            column,
            row: row_name(self.row),
            fault: fault.to_string(),
        }
    }
}

/// How people name a row: by its first cell.
fn row_name(row: &dyn Raw) -> String {
    if let Ok(Some(number)) = row.number(0) {
        return number.to_string();
    }
    match row.bytes(0).ok().flatten().map(<[u8; 16]>::try_from) {
        Some(Ok(id)) => KeyId::from_bytes(id).to_string(),
        _ => "?".to_owned(),
    }
}

/// A row of [`key_state_columns`] or [`key_columns`].
pub(crate) struct KeyRow<'r>(pub(crate) &'r dyn Raw);

impl KeyRow<'_> {
    /// Whose row it is.
    pub(crate) fn id(&self) -> Result<KeyId, StoreError> {
        let cells = Cells {
            table: "keys",
            row: self.0,
        };
        Ok(KeyId::from_bytes(cells.id(0, "id")?))
    }

    /// What replicas need of the key.
    pub(crate) fn state(&self) -> Result<Read<KeyState>, StoreError> {
        let cells = Patient::of("keys", self.0);
        let mut state = key_state(&cells)?;
        let fault = cells.into_fault();
        if fault.is_some() && state.status == KeyStatus::Active {
            state.status = KeyStatus::Disabled;
        }
        Ok(Read { value: state, fault })
    }

    /// The whole key.
    pub(crate) fn key(&self) -> Result<Read<Key>, StoreError> {
        let Read { value: state, fault } = self.state()?;
        let cells = Patient::of("keys", self.0);
        let key = Key {
            id: state.id,
            owner: state.owner,
            name: cells.text(12, "name", Name::stored),
            description: cells.text(13, "description", Description::stored),
            use_case: state.use_case,
            fingerprint: state.fingerprint,
            hint: cells.text(14, "hint", Hint::stored),
            status: state.status,
            expires_at: state.expires_at,
            sites: state.sites,
            addresses: state.addresses,
            limit: state.limit,
            created_at: cells.instant(15, "created_at"),
            updated_at: cells.instant(16, "updated_at"),
            revision: state.revision,
        };
        let fault = fault.or(cells.into_fault());
        Ok(Read { value: key, fault })
    }
}

impl TryFrom<KeyRow<'_>> for Key {
    type Error = StoreError;

    fn try_from(row: KeyRow<'_>) -> Result<Self, StoreError> {
        row.key().map(|read| read.value)
    }
}

fn key_state(patient: &Patient<'_>) -> Result<KeyState, StoreError> {
    let cells = &patient.cells;
    let use_case = || UseCaseName::new(UNREADABLE).map_err(|fault| cells.fault("use_case", fault));
    Ok(KeyState {
        id: KeyId::from_bytes(cells.id(0, "id")?),
        owner: UserId::from_bytes(patient.or(cells.id(1, "owner"), [0; 16])),
        fingerprint: Fingerprint::from_bytes(patient.or(cells.bytes(2, "fingerprint"), NO_FINGERPRINT)),
        use_case: patient.or(cells.text(3, "use_case", UseCaseName::new), use_case()?),
        status: patient.or(key_status(cells), KeyStatus::Disabled),
        expires_at: patient.or(
            cells.instant_or_none(7, "expires_at"),
            Some(Timestamp::from_millis(0)),
        ),
        sites: patient.or(cells.sites(8), SiteRule::listed([])),
        addresses: patient.or(cells.addresses(9), AddressRule::nobody()),
        limit: patient.or(rate_limit(cells), Some(RateLimit::LEAST)),
        revision: patient.revision(11)?,
    })
}

/// Stands for a name that cannot be read, in rows that are out of force for it.
const UNREADABLE: &str = "unreadable";

/// Stands for a fingerprint that cannot be read; no secret has it.
const NO_FINGERPRINT: [u8; 32] = [0; 32];

fn key_status(cells: &Cells<'_>) -> Result<KeyStatus, StoreError> {
    match cells.get(4, "status")? {
        "active" => Ok(KeyStatus::Active),
        "disabled" => Ok(KeyStatus::Disabled),
        "deleted" => Ok(KeyStatus::Deleted {
            at: cells.instant(5, "deleted_at")?,
            was_active: cells.get(6, "was_active")?,
        }),
        other => Err(cells.fault("status", format_args!("`{other}` is no status of a key"))),
    }
}

fn rate_limit(cells: &Cells<'_>) -> Result<Option<RateLimit>, StoreError> {
    let Some(number) = cells.get::<Option<i64>>(10, "rate_limit")? else {
        return Ok(None);
    };
    let number = u32::try_from(number).map_err(|fault| cells.fault("rate_limit", fault))?;
    RateLimit::new(number)
        .map(Some)
        .map_err(|fault| cells.fault("rate_limit", fault))
}

/// A row of [`user_columns`].
pub(crate) struct UserRow<'r>(pub(crate) &'r dyn Raw);

impl UserRow<'_> {
    /// The user.
    pub(crate) fn user(&self) -> Result<Read<User>, StoreError> {
        let patient = Patient::of("users", self.0);
        let cells = &patient.cells;
        let mut user = User {
            id: UserId::from_bytes(cells.id(0, "id")?),
            email: patient.text(1, "email", Email::stored),
            name: patient.text(2, "name", Name::stored),
            role: patient.or(cells.text(3, "role", str::parse), Role::Member),
            status: patient.or(user_status(cells), UserStatus::Disabled),
            sites: patient.or(cells.sites(6), SiteRule::listed([])),
            created_at: patient.instant(7, "created_at"),
            revision: patient.revision(8)?,
        };
        let fault = patient.into_fault();
        if fault.is_some() && user.status == UserStatus::Active {
            user.status = UserStatus::Disabled;
        }
        Ok(Read { value: user, fault })
    }
}

impl TryFrom<UserRow<'_>> for User {
    type Error = StoreError;

    fn try_from(row: UserRow<'_>) -> Result<Self, StoreError> {
        row.user().map(|read| read.value)
    }
}

fn user_status(cells: &Cells<'_>) -> Result<UserStatus, StoreError> {
    match cells.get(4, "status")? {
        "active" => Ok(UserStatus::Active),
        "disabled" => Ok(UserStatus::Disabled),
        "deleted" => Ok(UserStatus::Deleted {
            at: cells.instant(5, "deleted_at")?,
        }),
        other => Err(cells.fault("status", format_args!("`{other}` is no status of a user"))),
    }
}

/// A row of [`site_columns`].
pub(crate) struct SiteRow<'r>(pub(crate) &'r dyn Raw);

impl SiteRow<'_> {
    /// The site.
    pub(crate) fn site(&self) -> Result<Read<Site>, StoreError> {
        let patient = Patient::of("sites", self.0);
        let cells = &patient.cells;
        let id: i64 = cells.get(0, "id")?;
        let id = u32::try_from(id).map_err(|fault| cells.fault("id", fault))?;
        let name =
            SiteName::new(&format!("{UNREADABLE}-{id}")).map_err(|fault| cells.fault("name", fault))?;
        let mut site = Site {
            id: SiteId(id),
            name: patient.or(cells.text(1, "name", SiteName::new), name),
            status: patient.or(site_status(cells), SiteStatus::Disabled),
            created_at: patient.instant(3, "created_at"),
            revision: patient.revision(4)?,
        };
        let fault = patient.into_fault();
        if fault.is_some() {
            site.status = SiteStatus::Disabled;
        }
        Ok(Read { value: site, fault })
    }
}

impl TryFrom<SiteRow<'_>> for Site {
    type Error = StoreError;

    fn try_from(row: SiteRow<'_>) -> Result<Self, StoreError> {
        row.site().map(|read| read.value)
    }
}

fn site_status(cells: &Cells<'_>) -> Result<SiteStatus, StoreError> {
    match cells.get(2, "status")? {
        "active" => Ok(SiteStatus::Active),
        "disabled" => Ok(SiteStatus::Disabled),
        other => Err(cells.fault("status", format_args!("`{other}` is no status of a site"))),
    }
}
