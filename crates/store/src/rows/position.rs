//! The place in a history of changes.

use super::Raw;
use crate::{Position, StoreError};
use keyward_domain::Revision;

/// `revision`, and the `mark` of it if there is one.
pub(crate) struct PositionRow<'r>(pub(crate) &'r dyn Raw);

impl TryFrom<PositionRow<'_>> for Position {
    type Error = StoreError;

    fn try_from(PositionRow(row): PositionRow<'_>) -> Result<Self, StoreError> {
        let damaged = |table, column, fault: String| StoreError::Corrupt {
            table,
            column,
            row: "-".to_owned(),
            fault,
        };
        let revision = row
            .number(0)
            .map_err(|error| damaged("meta", "revision", error.to_string()))?;
        Ok(Self {
            revision: Revision(revision.unwrap_or_default().unsigned_abs()),
            mark: mark(row, 1).map_err(|fault| damaged("marks", "mark", fault))?,
        })
    }
}

fn mark(row: &dyn Raw, place: usize) -> Result<Option<[u8; 16]>, String> {
    let bytes = row.bytes(place).map_err(|error| error.to_string())?;
    bytes
        .map(|bytes| bytes.try_into().map_err(|_| "it has not 16 bytes".to_owned()))
        .transpose()
}
