//! A decision, as Envoy understands it.

use crate::authz::decide::Decision;
use crate::authz::dialect::Original;
use crate::judged::Pass;
use crate::onward::Onward;
use crate::rules::Compiled;
use crate::upstream_connection::is_hop_by_hop;
use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, VARY};
use http::{HeaderMap, HeaderName};
use keyward_envoy::{
    CheckResponse, DeniedHttpResponse, HeaderAppendAction, HeaderValue, HeaderValueOption, HttpResponse,
    HttpStatus, Kind, OkHttpResponse, Status, Struct, Value,
};
use keyward_listener::{X_FORWARDED_FOR, is_trusted};
use keyward_tower::wire::is_keyward_field;

const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;

/// What Envoy is told of a decision about this request.
pub(super) fn response(
    rules: &Compiled,
    original: &Original,
    decision: Decision,
) -> (Decision, CheckResponse) {
    let Some(pass) = &decision.pass else {
        return refused(decision);
    };
    let from_proxy = is_trusted(original.peer.address, &rules.trusted_proxies);
    let onward = Onward {
        rules,
        pass,
        from_proxy,
    };
    let told = decision.answer.headers();
    let (ours, for_client) = split(told);
    let mut headers = options(&ours);
    if !from_proxy && let Ok(peer) = original.peer.text.to_str() {
        // What the client said of other hops is nobody's word.
        headers.push(option(&X_FORWARDED_FOR, peer.to_owned()));
    }
    let passed = OkHttpResponse {
        headers,
        headers_to_remove: to_remove(&onward, &original.parts.headers, told),
        response_headers_to_add: options(&for_client),
    };
    let response = CheckResponse {
        status: Some(status(OK)),
        dynamic_metadata: metadata(pass),
        http_response: Some(HttpResponse::OkResponse(passed)),
    };
    (decision, response)
}

/// What Envoy is told of a request that must not pass: it answers the client with this.
pub(super) fn refused(decision: Decision) -> (Decision, CheckResponse) {
    let body = decision.answer.body().own_bytes().unwrap_or_default();
    let denied = DeniedHttpResponse {
        status: Some(HttpStatus {
            code: i32::from(decision.status.as_u16()),
        }),
        headers: options(decision.answer.headers()),
        body: String::from_utf8_lossy(body).into_owned(),
    };
    let response = CheckResponse {
        status: Some(status(PERMISSION_DENIED)),
        dynamic_metadata: None,
        http_response: Some(HttpResponse::DeniedResponse(denied)),
    };
    (decision, response)
}

fn status(code: i32) -> Status {
    Status { code }
}

/// The fields of an answer that go to the upstream, and those that go to the client.
fn split(told: &HeaderMap) -> (HeaderMap, HeaderMap) {
    told.iter()
        .fold(Default::default(), |(mut ours, mut client), (name, value)| {
            let to = if is_keyward_field(name.as_str()) {
                &mut ours
            } else {
                &mut client
            };
            to.append(name, value.clone());
            (ours, client)
        })
}

/// The client's fields that the gateway would not pass on. Not those that are set: Envoy removes last.
fn to_remove(onward: &Onward<'_>, asked: &HeaderMap, told: &HeaderMap) -> Vec<String> {
    let framing = |name: &HeaderName| {
        is_hop_by_hop(name) || [HOST, EXPECT, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
    };
    // Envoy sets these two itself.
    let envoys = |name: &HeaderName| matches!(name.as_str(), "x-forwarded-for" | "x-forwarded-proto");
    asked
        .keys()
        .filter(|name| !onward.may_say(name))
        .filter(|name| !framing(name) && !envoys(name) && !told.contains_key(*name))
        .map(ToString::to_string)
        .collect()
}

/// Fields of one name are joined, since each is set over what is there.
fn options(headers: &HeaderMap) -> Vec<HeaderValueOption> {
    let text = |name: &HeaderName| {
        let values = headers.get_all(name).iter();
        let values: Option<Vec<&str>> = values.map(|value| value.to_str().ok()).collect();
        Some(option(name, values?.join(", ")))
    };
    headers.keys().filter_map(text).collect()
}

fn option(name: &HeaderName, value: String) -> HeaderValueOption {
    // What an upstream says of `Vary` is true as well.
    let action = match *name == VARY {
        true => HeaderAppendAction::AppendIfExistsOrAdd,
        false => HeaderAppendAction::OverwriteIfExistsOrAdd,
    };
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.as_str().to_owned(),
            value,
            ..HeaderValue::default()
        }),
        append_action: action.into(),
    }
}

/// For the filters behind this one, and for Envoy's own log.
fn metadata(pass: &Pass) -> Option<Struct> {
    let Pass::Key(identity) = pass else { return None };
    let said = [
        ("key_id", Some(identity.key.to_string())),
        ("owner_id", Some(identity.owner.to_string())),
        ("site", identity.site.clone()),
        ("use_case", Some(identity.use_case.clone())),
    ];
    let fields = said.into_iter().filter_map(|(name, text)| {
        let value = Value {
            kind: Some(Kind::StringValue(text?)),
        };
        Some((name.to_owned(), value))
    });
    Some(Struct {
        fields: fields.collect(),
    })
}
