//! The engine: everything that Keyward does, without HTTP.
//!
//! Two halves meet in the [`Engine`]. The hot path ([`Engine::authenticate`]) reads the replica and waits for nobody but a
//! counter that other nodes share. The use cases (`create_key`, `disable_user`, …) take the [`Actor`] first, check their
//! rights, change the store in one atomic command, and return when what they say is in force on this node (`in_force.rs`). Who
//! adds a use case writes it beside its like, checks rights through [`Actor`], and gives it an audit action.

mod access;
mod accounts;
mod actor;
mod archive;
mod audit;
mod authenticate;
mod background;
mod clearing;
mod clock;
mod draft;
mod engine;
mod error;
mod export;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzzed;
mod ids;
mod import;
mod in_force;
mod keys;
mod nodes;
mod once;
mod own_key;
mod page;
mod priority;
mod remarks;
mod replica;
mod setup;
mod sites;
mod snapshot;
#[cfg(feature = "testing")]
pub mod testing;
mod usage;
mod users;
mod watching;

pub use access::Subject;
pub use accounts::{
    AccountFault, Exchange, IdentityView, LinkView, ProvenIdentity, SecondFactorSetup, Session, SessionView,
    SignIn, SignInFault, SignedIn, Visitor,
};
pub use actor::{Actor, Who};
pub use archive::{ArchiveFault, ArchiveLine, ArchiveSettings};
pub use audit::{ACTIONS, AuditFilter, AuditView};
pub use authenticate::{Asked, Counting, Decision, Denied, Granted};
pub use background::{Background, Job};
pub use clock::{Clock, ManualClock, SystemClock};
pub use draft::{
    ADDRESSES, Choice, ChoiceFault, ChoiceForm, EXPIRES_AT, ExpiryDraft, KeyDraft, KeyEdit, LIMIT,
    LimitDraft, RestrictionDraft, SITES, SiteDraft, SiteEdit, UserDraft, UserEdit, read_choice,
};
pub use engine::{Engine, EngineStatus, OnStale, Settings};
pub use error::{EngineError, FieldFault, LineFault, Place};
pub use import::{ImportDefaults, ImportFile, ImportFormat, ImportNote, Imported};
pub use keys::{ActBy, HealthCount, HealthMark, Hindrance, IssuedKey, KeyAct, KeyFilter, KeyHealth, KeyView};
pub use nodes::{NodeAbout, NodeView};
pub use once::{Created, Once};
pub use own_key::OwnKey;
pub use page::{Page, PageAsk};
pub use priority::yield_to_others;
pub use remarks::{Remark, Remarks};
pub use setup::{Administrator, SetupDraft};
pub use sites::SiteView;
pub use snapshot::{SnapshotFault, SnapshotSettings, SnapshotStatus};
pub use usage::{UsageSeries, UsageWindow};
pub use users::{UserFilter, UserView};

pub use keyward_domain as domain;
pub use keyward_limit::{Limiter, LimiterStatus, RedisOptions, RedisStatus};
pub use keyward_store::{
    AuditActor, AuditEvent, AuditOutcome, Direction, KeyOrder, LastUsed, LinkPurpose, Period, RecentAddress,
    Store, UsageBucket,
};
