//! The storage port, the conformance suite that every adapter must pass, and the adapters.
//!
//! The port speaks domain types only. Each mutating method is one atomic command: it raises the revision, stamps the
//! rows that it changes with it, and writes its audit event, or it does nothing at all. No transaction and no SQL type
//! crosses the port. Who adds an adapter writes a module beside `sqlite` and runs the module `conformance`
//! (behind the feature of that name) against it.

mod accounts;
#[cfg(feature = "conformance")]
#[expect(
    clippy::unwrap_used,
    missing_docs,
    reason = "a suite of tests: what fails must panic, and the names of the cases are what there is to say"
)]
pub mod conformance;
mod error;
mod kept;
mod migrations;
mod nodes;
mod port;
mod postgres;
mod rows;
mod sqlite;
mod staging;
mod sums;
mod transfer;

pub use accounts::{
    Accounts, Binding, BoundIdentity, ConfirmedFactor, Credentials, Entry, FoundSession, IdentityName, Link,
    LinkPurpose, NewPending, NewSession, PendingSignIn, Proof, SecondFactor, SessionRecord,
};
pub use error::{Duplicate, StoreError};
pub use nodes::{FlushId, NodeRecord, SeenNode};
pub use port::{
    AuditActor, AuditEvent, AuditOutcome, AuditQuery, Change, Connections, Direction, Feed, IdempotencyClaim,
    ImportId, ImportedKeys, Inserted, KeyMark, KeyOrder, KeyQuery, KeySource, KeyState, KeyStatusFilter,
    LastUsed, MARKS_KEPT, Period, Position, PublishedImport, Purge, RECENT_ADDRESSES, RecentAddress,
    ServerRemark, Store, UsageBatch, UsageBucket, UsageCount, UserQuery,
};
pub use postgres::{PasswordSource, PostgresOptions, PostgresStore};
pub use sqlite::{SqliteOptions, SqliteStore};
pub use transfer::{MovedTable, StorePlace, Transfer, TransferProgress, transfer};
