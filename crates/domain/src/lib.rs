//! The words of Keyward and its one decision.
//!
//! Everything here is pure: no I/O, no clock, no random source, no logging. Time and entropy come in as
//! arguments, so every rule can be tested with a table. Who adds a condition to a key adds it here: a field of
//! [`KeyRecord`], a step of [`decide`], a [`Reason`], and a row in its tests.

mod address;
mod decision;
mod forwarded;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzzed;
mod host;
mod id;
mod key;
mod password;
mod path;
mod route;
mod search;
mod secret;
mod server_url;
mod site;
mod text;
mod time;
mod use_case;
mod user;
mod window;

pub use address::{AddressFault, AddressRule, ClientAddress, MAX_ADDRESSES};
pub use decision::{
    Expiry, KeyRecord, OwnerRecord, Reason, RequestFacts, RequestSite, decide, decide_management,
};
pub use forwarded::{Unnamed, forwarded_client, is_trusted, parse_forwarded};
pub use host::{HostTemplate, HostTemplateFault};
pub use id::{AuditId, IdFault, KeyId, NodeId, SessionId, UserId};
pub use key::{Key, KeyPatch, KeyStatus, RESTORE_DAYS, RateLimit, RateLimitFault, TransitionFault};
pub use password::{NewPassword, PasswordFault, PasswordHash, TotpKey};
pub use path::{PathFault, StrictPath};
pub use route::{Below, RouteMatch, Template, TemplateFault};
pub use search::{Search, fold};
pub use secret::{
    Checksum, CredentialFault, Fingerprint, FingerprintFault, ForeignSecretFault, Hint, MAX_SECRET_BYTES,
    Prefix, PrefixFault, Presented, SHORTEST_FOREIGN, Secret, SecretFormat,
};
pub use server_url::{HostPort, ServerUrl, ServerUrlFault};
pub use site::{Site, SiteFault, SiteId, SiteName, SiteRule, SiteStatus};
pub use text::{Description, Email, Name, TextFault};
pub use time::{Revision, Timestamp, TimestampFault};
pub use use_case::{
    MANAGEMENT, RoutePattern, UseCase, UseCaseCatalogue, UseCaseFault, UseCaseName, UseCaseNo,
};
pub use user::{Role, User, UserPatch, UserStatus};
pub use window::{Quota, Taken, minute_of, take};
