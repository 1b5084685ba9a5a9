//! What Envoy asks.

use std::collections::HashMap;

/// `envoy/service/auth/v3/external_auth.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckRequest {
    /// All there is.
    #[prost(message, optional, tag = "1")]
    pub attributes: Option<AttributeContext>,
}

/// `envoy/service/auth/v3/attribute_context.proto`, as the next three.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AttributeContext {
    /// Who sent the request to Envoy.
    #[prost(message, optional, tag = "1")]
    pub source: Option<Peer>,
    /// What was sent.
    #[prost(message, optional, tag = "4")]
    pub request: Option<Request>,
}

/// `AttributeContext.Peer`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Peer {
    /// Of the connection.
    #[prost(message, optional, tag = "1")]
    pub address: Option<Address>,
}

/// `AttributeContext.Request`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Request {
    /// The request, if it is one of HTTP.
    #[prost(message, optional, tag = "2")]
    pub http: Option<HttpRequest>,
}

/// `AttributeContext.HttpRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HttpRequest {
    /// As it came.
    #[prost(string, tag = "2")]
    pub method: String,
    /// Joined by name, in lower case. Empty when Envoy is told to send `header_map`.
    #[prost(map = "string, string", tag = "3")]
    pub headers: HashMap<String, String>,
    /// Path and query. What is no UTF-8 is `!`.
    #[prost(string, tag = "4")]
    pub path: String,
    /// `Host` or `:authority`.
    #[prost(string, tag = "5")]
    pub host: String,
    /// Each field as it came, with `encode_raw_headers`.
    #[prost(message, optional, tag = "13")]
    pub header_map: Option<HeaderMap>,
}

/// `envoy/config/core/v3/base.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HeaderMap {
    /// In their order.
    #[prost(message, repeated, tag = "1")]
    pub headers: Vec<HeaderValue>,
}

/// `envoy/config/core/v3/base.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HeaderValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// The value as text, or
    #[prost(string, tag = "2")]
    pub value: String,
    /// the value as it came.
    #[prost(bytes = "vec", tag = "3")]
    pub raw_value: Vec<u8>,
}

/// `envoy/config/core/v3/address.proto`, as the next two.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Address {
    /// Its one kind.
    #[prost(oneof = "Place", tags = "1, 2, 3")]
    pub address: Option<Place>,
}

/// Where somebody is. Only the first kind has an IP address.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Place {
    /// Of TCP or UDP.
    #[prost(message, tag = "1")]
    SocketAddress(SocketAddress),
    /// A file's.
    #[prost(message, tag = "2")]
    Pipe(Unread),
    /// A listener of Envoy's own.
    #[prost(message, tag = "3")]
    EnvoyInternalAddress(Unread),
}

/// `SocketAddress`, without its port.
#[derive(Clone, PartialEq, prost::Message)]
pub struct SocketAddress {
    /// An IP address.
    #[prost(string, tag = "2")]
    pub address: String,
}

/// A message that is there, and whose fields do not matter.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Unread {}
