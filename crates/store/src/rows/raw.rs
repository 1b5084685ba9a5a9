//! What the readers need of a driver's row.

use sqlx::Error;
use sqlx::Row;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

/// A row of some database, read by place. A cell of another kind is an error; NULL is `None`.
pub(crate) trait Raw: Sync {
    fn number(&self, index: usize) -> Result<Option<i64>, Error>;
    fn flag(&self, index: usize) -> Result<Option<bool>, Error>;
    fn text(&self, index: usize) -> Result<Option<&str>, Error>;
    fn bytes(&self, index: usize) -> Result<Option<&[u8]>, Error>;
}

macro_rules! raw {
    ($($row:ty)*) => {
        $(impl Raw for $row {
            fn number(&self, index: usize) -> Result<Option<i64>, Error> {
                self.try_get(index)
            }

            fn flag(&self, index: usize) -> Result<Option<bool>, Error> {
                self.try_get(index)
            }

            fn text(&self, index: usize) -> Result<Option<&str>, Error> {
                self.try_get(index)
            }

            fn bytes(&self, index: usize) -> Result<Option<&[u8]>, Error> {
                self.try_get(index)
            }
        })*
    };
}
raw!(SqliteRow PgRow);

/// What a cell can be read as.
pub(crate) trait Cell<'r>: Sized {
    /// Reads a cell that may be NULL.
    fn find(row: &'r dyn Raw, index: usize) -> Result<Option<Self>, Error>;

    /// Reads a cell that must not be NULL.
    fn read(row: &'r dyn Raw, index: usize) -> Result<Self, Error> {
        Self::find(row, index)?.ok_or_else(|| Error::ColumnDecode {
            index: index.to_string(),
            source: "unexpected null".into(),
        })
    }
}

impl<'r, T: Cell<'r>> Cell<'r> for Option<T> {
    fn find(row: &'r dyn Raw, index: usize) -> Result<Option<Self>, Error> {
        T::find(row, index).map(Some)
    }
}

impl Cell<'_> for i64 {
    fn find(row: &dyn Raw, index: usize) -> Result<Option<Self>, Error> {
        row.number(index)
    }
}

impl Cell<'_> for bool {
    fn find(row: &dyn Raw, index: usize) -> Result<Option<Self>, Error> {
        row.flag(index)
    }
}

impl<'r> Cell<'r> for &'r str {
    fn find(row: &'r dyn Raw, index: usize) -> Result<Option<Self>, Error> {
        row.text(index)
    }
}

impl Cell<'_> for String {
    fn find(row: &dyn Raw, index: usize) -> Result<Option<Self>, Error> {
        Ok(row.text(index)?.map(ToOwned::to_owned))
    }
}

impl<'r> Cell<'r> for &'r [u8] {
    fn find(row: &'r dyn Raw, index: usize) -> Result<Option<Self>, Error> {
        row.bytes(index)
    }
}
