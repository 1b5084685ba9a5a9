//! Rows about people who sign in. No fault shows a value: a cell may hold what proves somebody.

use super::{Cells, Raw};
use crate::{
    BoundIdentity, Credentials, IdentityName, Link, LinkPurpose, PendingSignIn, SecondFactor, SessionRecord,
    StoreError,
};
use keyward_domain::{Fingerprint, PasswordHash, SessionId, TotpKey, UserId};

macro_rules! session_columns {
    () => {
        "id, user_id, created_at, seen_at, ends_at, address, agent"
    };
}
macro_rules! credentials_columns {
    () => {
        "user_id, password, totp_key, totp_confirmed, totp_last_step, language, stamp"
    };
}
macro_rules! link_columns {
    () => {
        "hash, user_id, purpose, expires_at"
    };
}
macro_rules! pending_columns {
    () => {
        "user_id, device, stamp, issuer, subject"
    };
}
macro_rules! identity_columns {
    () => {
        "issuer, subject, created_at"
    };
}
pub(crate) use {credentials_columns, identity_columns, link_columns, pending_columns, session_columns};

/// A row of [`session_columns`].
pub(crate) struct SessionRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<SessionRow<'_>> for SessionRecord {
    type Error = StoreError;

    fn try_from(SessionRow(row): SessionRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells {
            table: "sessions",
            row,
        };
        Ok(Self {
            id: SessionId::from_bytes(cells.id(0, "id")?),
            user: UserId::from_bytes(cells.id(1, "user_id")?),
            created_at: cells.instant(2, "created_at")?,
            seen_at: cells.instant(3, "seen_at")?,
            ends_at: cells.instant(4, "ends_at")?,
            address: cells.address(5)?,
            agent: cells.get(6, "agent")?,
        })
    }
}

/// A row of [`credentials_columns`].
pub(crate) struct CredentialsRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<CredentialsRow<'_>> for Credentials {
    type Error = StoreError;

    fn try_from(CredentialsRow(row): CredentialsRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells {
            table: "credentials",
            row,
        };
        let second_factor = match cells.get::<Option<&[u8]>>(2, "totp_key")? {
            None => None,
            Some(_) => Some(SecondFactor {
                key: TotpKey::from_bytes(cells.bytes(2, "totp_key")?),
                is_confirmed: cells.get(3, "totp_confirmed")?,
                last_step: cells.get::<i64>(4, "totp_last_step")?.unsigned_abs(),
            }),
        };
        Ok(Self {
            password: cells
                .get::<Option<String>>(1, "password")?
                .map(PasswordHash::stored),
            second_factor,
            language: cells.get(5, "language")?,
            stamp: cells.get::<i64>(6, "stamp")?.unsigned_abs(),
        })
    }
}

/// A row of [`link_columns`].
pub(crate) struct LinkRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<LinkRow<'_>> for Link {
    type Error = StoreError;

    fn try_from(LinkRow(row): LinkRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells { table: "links", row };
        Ok(Self {
            hash: Fingerprint::from_bytes(cells.bytes(0, "hash")?),
            user: UserId::from_bytes(cells.id(1, "user_id")?),
            purpose: match cells.get(2, "purpose")? {
                "invite" => LinkPurpose::Invite,
                "reset" => LinkPurpose::Reset,
                other => {
                    return Err(cells.fault("purpose", format_args!("`{other}` is no purpose of a link")));
                }
            },
            expires_at: cells.instant(3, "expires_at")?,
        })
    }
}

/// A row of [`pending_columns`].
pub(crate) struct PendingRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<PendingRow<'_>> for PendingSignIn {
    type Error = StoreError;

    fn try_from(PendingRow(row): PendingRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells {
            table: "pending_sign_ins",
            row,
        };
        let device = match cells.get::<Option<&[u8]>>(1, "device")? {
            None => None,
            Some(_) => Some(Fingerprint::from_bytes(cells.bytes(1, "device")?)),
        };
        Ok(Self {
            user: UserId::from_bytes(cells.id(0, "user_id")?),
            device,
            stamp: cells.get::<i64>(2, "stamp")?.unsigned_abs(),
            identity: match cells.get::<Option<String>>(3, "issuer")? {
                None => None,
                Some(issuer) => Some(IdentityName {
                    issuer,
                    subject: cells.get(4, "subject")?,
                }),
            },
        })
    }
}

/// A row of [`identity_columns`].
pub(crate) struct IdentityRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<IdentityRow<'_>> for BoundIdentity {
    type Error = StoreError;

    fn try_from(IdentityRow(row): IdentityRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells {
            table: "identities",
            row,
        };
        Ok(Self {
            name: IdentityName {
                issuer: cells.get(0, "issuer")?,
                subject: cells.get(1, "subject")?,
            },
            bound_at: cells.instant(2, "created_at")?,
        })
    }
}
