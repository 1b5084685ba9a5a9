//! A request that Envoy asks about over gRPC, and what it makes of the answer.

use crate::spoken::{Ask, Said};
use keyward_envoy::{
    Address, AttributeContext, CheckRequest, CheckResponse, HeaderMap, HeaderValue, HttpRequest,
    HttpResponse, Peer, Place, Request, SocketAddress,
};
use keyward_testkit::RawResponse;
use std::collections::HashMap;
use std::net::SocketAddr;
use tonic::Status;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

/// Texts of protobuf are UTF-8; pages of the gateway's own are not asked about.
pub(crate) fn can_tell(ask: &Ask) -> bool {
    str::from_utf8(&ask.target).is_ok() && ask.target != b"/keyward/self"
}

/// A connection for calls.
#[derive(Clone)]
pub(crate) struct Client(Grpc<Channel>);

impl Client {
    pub(crate) async fn check(&mut self, asked: CheckRequest) -> Result<CheckResponse, Status> {
        self.0.ready().await.unwrap();
        let path = PathAndQuery::from_static(keyward_envoy::CHECK);
        let codec = ProstCodec::default();
        let answer = self.0.unary(tonic::Request::new(asked), path, codec).await?;
        Ok(answer.into_inner())
    }
}

pub(crate) async fn connect(authz: SocketAddr) -> Client {
    let endpoint = Endpoint::try_from(format!("http://{authz}")).unwrap();
    let channel = endpoint.connect().await;
    let channel = channel.unwrap_or_else(|e| panic!("connect to {authz}: {e}"));
    Client(Grpc::new(channel))
}

/// What Envoy says of a request, each field as it came.
pub(crate) fn question(ask: &Ask) -> CheckRequest {
    let field = |(name, value): &(String, Vec<u8>)| HeaderValue {
        key: name.to_ascii_lowercase(),
        raw_value: value.clone(),
        ..HeaderValue::default()
    };
    let own = [
        (":method", ask.method.as_bytes()),
        (":path", &ask.target),
        (":authority", ask.host.as_bytes()),
        (":scheme", b"http"),
    ]
    .map(|(name, value)| field(&(name.to_owned(), value.to_vec())));
    let request = HttpRequest {
        method: ask.method.clone(),
        path: String::from_utf8(ask.target.clone()).unwrap(),
        host: ask.host.clone(),
        header_map: Some(HeaderMap {
            headers: own.into_iter().chain(ask.fields.iter().map(field)).collect(),
        }),
        headers: HashMap::new(),
    };
    let socket = SocketAddress {
        address: ask.peer.to_string(),
    };
    let source = Peer {
        address: Some(Address {
            address: Some(Place::SocketAddress(socket)),
        }),
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(source),
            request: Some(Request { http: Some(request) }),
        }),
    }
}

pub(crate) async fn check(authz: SocketAddr, asked: CheckRequest) -> CheckResponse {
    let answer = connect(authz).await.check(asked).await;
    answer.unwrap_or_else(|status| panic!("{status}"))
}

/// Asks, and tells what the client would get.
pub(crate) async fn say(authz: SocketAddr, ask: &Ask) -> Said {
    let answer = as_the_client_sees_it(check(authz, question(ask)).await);
    let code = match ask.method.as_str() {
        "HEAD" => String::new(),
        _ => answer.code(),
    };
    Said {
        status: answer.status,
        code,
        head: Some(answer),
    }
}

/// Envoy passes by the status of gRPC alone.
pub(crate) fn as_the_client_sees_it(response: CheckResponse) -> RawResponse {
    let passes = response.status.is_some_and(|status| status.code == 0);
    let (status, options, body) = match response.http_response.unwrap() {
        HttpResponse::OkResponse(ok) if passes => (200, ok.response_headers_to_add, String::new()),
        HttpResponse::DeniedResponse(denied) if !passes => {
            let status = denied.status.map(|status| status.code).unwrap_or_default();
            (u16::try_from(status).unwrap(), denied.headers, denied.body)
        }
        other => panic!("{passes} with {other:?}"),
    };
    let field = |field: HeaderValue| (field.key, field.value);
    let headers = options.into_iter().filter_map(|option| option.header).map(field);
    RawResponse {
        status,
        reason: String::new(),
        head: Vec::new(),
        headers: headers.collect(),
        body_len: body.len() as u64,
        body: body.into_bytes(),
        trailers: Vec::new(),
        interim: Vec::new(),
    }
}
