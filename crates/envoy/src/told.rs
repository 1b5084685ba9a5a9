//! What Envoy is told.

use crate::HeaderValue;
use std::collections::HashMap;

/// `envoy/service/auth/v3/external_auth.proto`, as the next three.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CheckResponse {
    /// Envoy lets a request pass when its code is 0.
    #[prost(message, optional, tag = "1")]
    pub status: Option<Status>,
    /// For the filters behind this one, and for Envoy's log.
    #[prost(message, optional, tag = "4")]
    pub dynamic_metadata: Option<Struct>,
    /// What to do with the request.
    #[prost(oneof = "HttpResponse", tags = "2, 3")]
    pub http_response: Option<HttpResponse>,
}

/// `CheckResponse.http_response`.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum HttpResponse {
    /// Answer the client with this.
    #[prost(message, tag = "2")]
    DeniedResponse(DeniedHttpResponse),
    /// Send it on, with these changes.
    #[prost(message, tag = "3")]
    OkResponse(OkHttpResponse),
}

/// An answer to the client.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeniedHttpResponse {
    /// 403 when it is not there.
    #[prost(message, optional, tag = "1")]
    pub status: Option<HttpStatus>,
    /// Its fields.
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<HeaderValueOption>,
    /// Its body.
    #[prost(string, tag = "3")]
    pub body: String,
}

/// Changes to a request that passes, and to its answer.
#[derive(Clone, PartialEq, prost::Message)]
pub struct OkHttpResponse {
    /// Fields of the request.
    #[prost(message, repeated, tag = "2")]
    pub headers: Vec<HeaderValueOption>,
    /// Names of fields of the request. Envoy removes last.
    #[prost(string, repeated, tag = "5")]
    pub headers_to_remove: Vec<String>,
    /// Fields of the answer.
    #[prost(message, repeated, tag = "6")]
    pub response_headers_to_add: Vec<HeaderValueOption>,
}

/// `envoy/type/v3/http_status.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HttpStatus {
    /// 200 to 599.
    #[prost(int32, tag = "1")]
    pub code: i32,
}

/// `envoy/config/core/v3/base.proto`, as the next one.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HeaderValueOption {
    /// The field.
    #[prost(message, optional, tag = "1")]
    pub header: Option<HeaderValue>,
    /// What becomes of a field of that name that is there already.
    #[prost(enumeration = "HeaderAppendAction", tag = "3")]
    pub append_action: i32,
}

/// `HeaderValueOption.HeaderAppendAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum HeaderAppendAction {
    /// Beside the one that is there.
    AppendIfExistsOrAdd = 0,
    /// Only if there is none.
    AddIfAbsent = 1,
    /// In the place of the one that is there, or anew.
    OverwriteIfExistsOrAdd = 2,
    /// In the place of the one that is there.
    OverwriteIfExists = 3,
}

/// `google/rpc/status.proto`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Status {
    /// One of gRPC's codes.
    #[prost(int32, tag = "1")]
    pub code: i32,
}

/// `google/protobuf/struct.proto`, as the next two.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Struct {
    /// By name.
    #[prost(map = "string, message", tag = "1")]
    pub fields: HashMap<String, Value>,
}

/// A value in a `Struct`.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Value {
    /// Its one kind.
    #[prost(oneof = "Kind", tags = "3")]
    pub kind: Option<Kind>,
}

/// `Value.kind`: Keyward tells texts only.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Kind {
    /// Text.
    #[prost(string, tag = "3")]
    StringValue(String),
}
