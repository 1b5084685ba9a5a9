//! The JSON forms of keys, users, sites and the rest, and how the engine's views become them: those of the management
//! API, and of the command line's `--json`.

mod audit;
mod choice;
mod key;
mod node;
mod page;
mod site;
mod usage;
mod user;
mod words;

pub use audit::{ActorWire, AuditWire, TargetWire};
pub(crate) use choice::{
    AddressesChoice, ExpiryChoice, LimitChoice, MethodsChoice, RoutesChoice, SitesChoice,
};
pub use key::{CreatedKeyWire, KeyWire, LastUsedWire, OwnerWire};
pub(crate) use node::NodeWire;
pub use page::PageWire;
pub use site::SiteWire;
pub use usage::{BucketWire, UsageWire};
pub use user::UserWire;
pub(crate) use words::{ImportFormatWord, KeyStatusFilterWord, PeriodWord, RoleWord, TargetKindWord};
