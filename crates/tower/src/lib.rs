#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod answer;
mod authorizer;
mod body;
mod client_ip;
#[cfg(feature = "embedded")]
mod embedded;
mod future;
mod identity;
mod layer;
#[cfg(feature = "remote")]
mod remote;
mod request_id;
mod rules;
mod service;
mod use_case;
#[doc(hidden)]
pub mod wire;

pub use authorizer::Authorizer;
pub use body::ResponseBody;
pub use client_ip::ClientIp;
#[cfg(feature = "embedded")]
pub use embedded::{Embedded, EmbeddedOptions, OpenFault};
pub use future::ResponseFuture;
pub use identity::KeyIdentity;
#[cfg(feature = "axum")]
pub use identity::NoKeyIdentity;
pub use layer::{ConfigFault, KeywardLayer, KeywardLayerBuilder};
#[cfg(feature = "remote")]
pub use remote::{ManagementKey, Remote, RemoteFault, RemoteOptions};
pub use service::KeywardService;
pub use use_case::{RequireUseCase, RequireUseCaseService};
