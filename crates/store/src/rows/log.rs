//! Rows of the audit log and of usage.

use super::{Cells, Raw};
use crate::{AuditActor, AuditEvent, AuditOutcome, LastUsed, RecentAddress, StoreError, UsageBucket};
use keyward_domain::{AuditId, KeyId, Reason, UserId};

/// The outcome of a use that was not refused, in the table `usage`.
pub(crate) const GRANTED: &str = "granted";

/// A row of `audit_columns`.
pub(crate) struct AuditRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<AuditRow<'_>> for AuditEvent {
    type Error = StoreError;

    fn try_from(AuditRow(row): AuditRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells { table: "audit", row };
        let actor = match cells.get(2, "actor")? {
            "operator" => AuditActor::Operator,
            "system" => AuditActor::System,
            "user" => AuditActor::User {
                user: UserId::from_bytes(cells.id(3, "actor_user")?),
                key: match cells.get::<Option<&[u8]>>(4, "actor_key")? {
                    None => None,
                    Some(_) => Some(KeyId::from_bytes(cells.id(4, "actor_key")?)),
                },
            },
            other => return Err(cells.fault("actor", format_args!("`{other}` is no actor"))),
        };
        let denied: Option<String> = cells.get(9, "denied")?;
        Ok(Self {
            id: AuditId::from_bytes(cells.id(0, "id")?),
            at: cells.instant(1, "at")?,
            actor,
            address: cells.address(5)?,
            action: cells.get(6, "action")?,
            target_kind: cells.get(7, "target_kind")?,
            target_id: cells.get(8, "target_id")?,
            outcome: denied.map_or(AuditOutcome::Done, AuditOutcome::Denied),
            before: cells.json(10, "before")?,
            after: cells.json(11, "after")?,
        })
    }
}

/// A row of `key_id, start, outcome, count` of the table `usage`.
pub(crate) struct UsageRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<UsageRow<'_>> for UsageBucket {
    type Error = StoreError;

    fn try_from(UsageRow(row): UsageRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells { table: "usage", row };
        let count: i64 = cells.get(3, "count")?;
        Ok(Self {
            start: cells.instant(1, "start")?,
            refused: match cells.get(2, "outcome")? {
                GRANTED => None,
                code => Some(Reason::from_code(code).ok_or_else(|| {
                    cells.fault("outcome", format_args!("`{code}` is no reason of a refusal"))
                })?),
            },
            count: u64::try_from(count).map_err(|fault| cells.fault("count", fault))?,
        })
    }
}

/// A row of `key_id, at, address` of the table `last_used`.
pub(crate) struct LastUsedRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<LastUsedRow<'_>> for LastUsed {
    type Error = StoreError;

    fn try_from(LastUsedRow(row): LastUsedRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells {
            table: "last_used",
            row,
        };
        Ok(Self {
            key: KeyId::from_bytes(cells.id(0, "key_id")?),
            at: cells.instant(1, "at")?,
            address: cells.address(2)?,
        })
    }
}

/// A row of `key_id, at, address` of the table `recent_addresses`.
pub(crate) struct RecentAddressRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<RecentAddressRow<'_>> for RecentAddress {
    type Error = StoreError;

    fn try_from(RecentAddressRow(row): RecentAddressRow<'_>) -> Result<Self, StoreError> {
        let cells = Cells {
            table: "recent_addresses",
            row,
        };
        Ok(Self {
            key: KeyId::from_bytes(cells.id(0, "key_id")?),
            at: cells.instant(1, "at")?,
            address: cells
                .address(2)?
                .ok_or_else(|| cells.fault("address", "there is none"))?,
        })
    }
}
