//! A request that Envoy asks about over gRPC, and what it makes of the answer.

use crate::spoken::{Ask, Said, code_of};
use envoy_types::ext_authz::v3::pb::{Address, CheckRequest, CheckResponse, HeaderValue, HttpResponse};
use envoy_types::pb::envoy::config::core::v3::socket_address::PortSpecifier;
use envoy_types::pb::envoy::config::core::v3::{Address as Place, HeaderMap, SocketAddress};
use envoy_types::pb::envoy::service::auth::v3::AttributeContext;
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use keyward_testkit::RawResponse;
use std::net::SocketAddr;
use tonic::transport::Channel;

/// Texts of protobuf are UTF-8; pages of the gateway's own are not asked about.
pub(crate) fn can_tell(ask: &Ask) -> bool {
    str::from_utf8(&ask.target).is_ok() && ask.target != b"/keyward/self"
}

pub(crate) async fn connect(authz: SocketAddr) -> AuthorizationClient<Channel> {
    let client = AuthorizationClient::connect(format!("http://{authz}")).await;
    client.unwrap_or_else(|e| panic!("connect to {authz}: {e}"))
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
        id: "1".to_owned(),
        method: ask.method.clone(),
        path: String::from_utf8(ask.target.clone()).unwrap(),
        host: ask.host.clone(),
        scheme: "http".to_owned(),
        protocol: "HTTP/1.1".to_owned(),
        header_map: Some(HeaderMap {
            headers: own.into_iter().chain(ask.fields.iter().map(field)).collect(),
        }),
        ..HttpRequest::default()
    };
    let socket = SocketAddress {
        address: ask.peer.to_string(),
        port_specifier: Some(PortSpecifier::PortValue(50000)),
        ..SocketAddress::default()
    };
    let source = Peer {
        address: Some(Place {
            address: Some(Address::SocketAddress(socket)),
        }),
        ..Peer::default()
    };
    CheckRequest {
        attributes: Some(AttributeContext {
            source: Some(source),
            request: Some(Request {
                http: Some(request),
                ..Request::default()
            }),
            ..AttributeContext::default()
        }),
    }
}

pub(crate) async fn check(authz: SocketAddr, asked: CheckRequest) -> CheckResponse {
    let answer = connect(authz).await.check(asked).await;
    answer.unwrap_or_else(|status| panic!("{status}")).into_inner()
}

/// Asks, and tells what the client would get.
pub(crate) async fn say(authz: SocketAddr, ask: &Ask) -> Said {
    let answer = as_the_client_sees_it(check(authz, question(ask)).await);
    let code = match ask.method.as_str() {
        "HEAD" => String::new(),
        _ => code_of(&answer.body),
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
