//! What can go wrong in a store, in the words of its callers.

/// The unique thing that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duplicate {
    /// A key with this fingerprint (deleted keys that can be restored included).
    Fingerprint,
    /// A user with this e-mail address that is not deleted.
    Email,
    /// A site of this name.
    SiteName,
}

/// Why a store did not do what it was asked to. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row is not at the revision that the caller has seen.
    #[error("the row was changed meanwhile")]
    Conflict,
    /// No such row.
    #[error("no such row")]
    NotFound,
    /// Something unique is there already. For an import, `row` is the place in the batch, from 0.
    #[error("{what:?} is there already")]
    Duplicate {
        /// What is there.
        what: Duplicate,
        /// The place in the batch.
        row: usize,
    },
    /// The disk is full, or may not be written to.
    #[error("the store cannot be written to: {0}")]
    NotWritable(String),
    /// This kind of store does not do this; the text says what does.
    #[error("{0}")]
    Unsupported(String),
    /// The store cannot answer now; another try may succeed.
    #[error("the store cannot answer: {0}")]
    Unavailable(String),
    /// What is stored is not what this program can read.
    #[error("table {table}, row {row}, column {column}: {fault}")]
    Corrupt {
        /// Table.
        table: &'static str,
        /// Column.
        column: &'static str,
        /// The row's id.
        row: String,
        /// What is wrong with the value.
        fault: String,
    },
    /// The store cannot be opened; the text says why and what to do.
    #[error("{0}")]
    Open(String),
}
