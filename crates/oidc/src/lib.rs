//! OpenID Connect with one provider: where to send a browser, and what its answer proves.
//!
//! [`Provider::begin`] gives the address to send a browser to and the [`Flow`] that this browser keeps; [`Provider::finish`]
//! takes both back with the provider's [`Answer`], trades the code for an ID token, and gives the [`Identity`] that it
//! proves. It knows nothing of users, pages or cookies. The protocol is the crate `openidconnect`; what is here is what that
//! leaves open: a bounded HTTP client (`http`), how long the provider's description and keys are kept (`known`), which
//! algorithms count and whose token it is (`token`), and what a browser carries (`flow`, `seal`), once (`used`).

mod answer;
mod fault;
mod flow;
mod http;
mod known;
mod provider;
mod seal;
mod settings;
mod token;
mod used;

pub use answer::Answer;
pub use fault::{Fault, StartFault};
pub use flow::Flow;
pub use provider::{Begun, Identity, Now, Provider};
pub use settings::{Issuer, IssuerFault, Settings};
