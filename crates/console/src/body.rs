//! Reading what a request carries: its body, its query, its path and its conditions. Strict: one form for each.

use crate::fields::{self, Decode, Decoded, Fields};
use crate::json::{self, Json};
use crate::problem::Problem;
use axum::body::Body as RawBody;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, IF_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use keyward_domain::Revision;
use keyward_engine::Once;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::Duration;

/// The largest JSON body.
const MOST_BYTES: usize = 1 << 20;
/// How long a whole body may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON body, read by its fields.
pub(crate) struct Body<T>(pub(crate) Decoded<T>);

impl<S: Send + Sync, T: Decode> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (NoQuery, request) = whole(request, state).await?;
        Ok(Self(read_json(request).await?.0))
    }
}

/// A JSON body of a create, with the client's wish that it be done once.
pub(crate) struct OnceBody<T>(pub(crate) Decoded<T>, pub(crate) Option<Once>);

impl<S: Send + Sync, T: Decode> FromRequest<S> for OnceBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let (NoQuery, request) = whole(request, state).await?;
        let token = idempotency_token(request.headers())?;
        let path = request.uri().path().to_owned();
        let (value, bytes) = read_json(request).await?;
        let once = token.map(|token| Once {
            token,
            request_hash: Sha256::new()
                .chain_update(path)
                .chain_update([0])
                .chain_update(&bytes)
                .finalize()
                .into(),
        });
        Ok(Self(value, once))
    }
}

/// Reads something out of the head of a request whose body is still to be read.
async fn whole<S: Send + Sync, T: FromRequestParts<S>>(
    request: Request,
    state: &S,
) -> Result<(T, Request), T::Rejection> {
    let (mut parts, body) = request.into_parts();
    let read = T::from_request_parts(&mut parts, state).await?;
    Ok((read, Request::from_parts(parts, body)))
}

async fn read_json<T: Decode>(request: Request) -> Result<(Decoded<T>, Vec<u8>), Problem> {
    check_type(request.headers(), &["application/json"])?;
    let bytes = read_bytes(request, MOST_BYTES).await?;
    let Json::Object(values) = json::parse(&bytes).map_err(malformed)? else {
        let detail = "The body must be a JSON object.";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail));
    };
    Ok((fields::decode(values), bytes))
}

fn malformed(fault: json::Malformed) -> Problem {
    Problem::bad_request("malformed_json", format!("The body is not JSON: {fault}."))
        .with_extra("line", fault.line.into())
        .with_extra("column", fault.column.into())
}

/// Reads a whole body, within its size and time.
///
/// # Errors
/// 413, 408, or 400 when it cannot be read; each ends the connection.
pub(crate) async fn read_bytes(request: Request, most: usize) -> Result<Vec<u8>, Problem> {
    let ended = |problem: Problem| problem.with_header(header::CONNECTION, HeaderValue::from_static("close"));
    let too_large = || {
        ended(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!("The body is larger than {most} bytes."),
        ))
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > most) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), most);
    match tokio::time::timeout(PATIENCE, gather(body, announced)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(ended(Problem::bad_request(
            "malformed_body",
            "The body cannot be read to its end.",
        ))),
        Err(_) => Err(ended(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "The body did not arrive in time.",
        ))),
    }
}

/// Takes each piece as it comes: pieces that are kept may be of one byte each, and hold a whole buffer.
async fn gather(
    mut body: Limited<RawBody>,
    announced: Option<usize>,
) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame?.into_data() else { continue };
        if bytes.is_empty() {
            bytes.reserve_exact(announced.unwrap_or(0));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Checks that a body is of one of some types, in UTF-8 and not encoded.
///
/// # Errors
/// 415, naming what would be taken.
pub(crate) fn check_type(headers: &HeaderMap, wanted: &[&str]) -> Result<(), Problem> {
    let refuse = |detail: String| {
        Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            detail,
        ))
    };
    if headers.contains_key(CONTENT_ENCODING) {
        return refuse("Send the body as it is, without a Content-Encoding.".into());
    }
    let fits = single(headers, &CONTENT_TYPE).is_some_and(|value| is_utf8_of(value, wanted));
    if fits {
        return Ok(());
    }
    refuse(format!("Send one Content-Type: {} (UTF-8).", wanted.join(" or ")))
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() {
        return None;
    }
    value.to_str().ok()
}

fn is_utf8_of(content_type: &str, wanted: &[&str]) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let known = wanted.iter().any(|wanted| essence.eq_ignore_ascii_case(wanted));
    known
        && parts.all(|parameter| {
            let plain = parameter.replace('"', "");
            plain.eq_ignore_ascii_case("charset=utf-8")
        })
}

fn idempotency_token(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let name = HeaderName::from_static("idempotency-key");
    if !headers.contains_key(&name) {
        return Ok(None);
    }
    let token = single(headers, &name).ok_or_else(|| {
        let detail = "Send one Idempotency-Key of 1 to 255 visible ASCII characters.";
        Problem::bad_request("malformed_idempotency_key", detail)
    })?;
    Ok(Some(token.to_owned()))
}

/// The revision that the caller has seen (`If-Match`); `None` when it does not say.
fn find_seen(headers: &HeaderMap) -> Result<Option<Revision>, Problem> {
    if !headers.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let malformed = || {
        let detail =
            "Send one If-Match: an ETag as it was answered, such as \"42\" (with quotes, not weak), or *.";
        Problem::bad_request("malformed_if_match", detail)
    };
    let value = single(headers, &IF_MATCH).ok_or_else(malformed)?.trim();
    if value == "*" {
        return Ok(None);
    }
    let tag = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .filter(|tag| tag.len() <= 126 && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'))
        .ok_or_else(malformed)?;
    // No row is at revision 0: a tag that is none of ours matches nothing.
    let number = tag.parse().ok().filter(|number: &u64| number.to_string() == tag);
    Ok(Some(Revision(number.unwrap_or(0))))
}

/// The name of a thing in the path, as text; whether it is an id is for the engine to say.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(name)) => Ok(Self(name)),
            Err(_) => Err(Problem::of_status(StatusCode::NOT_FOUND)),
        }
    }
}

/// A thing to be changed: its name in the path, and the revision of it that the caller has seen.
pub(crate) struct Target(pub(crate) String, pub(crate) Option<Revision>);

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Named(name) = Named::from_request_parts(parts, state).await?;
        NoQuery::from_request_parts(parts, state).await?;
        Ok(Self(name, find_seen(&parts.headers)?))
    }
}

/// The query, read by its fields.
pub(crate) struct Query<T>(pub(crate) Decoded<T>);

impl<S: Send + Sync, T: Decode> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = BTreeMap::new();
        for pair in parts.uri.query().unwrap_or_default().split('&') {
            if pair.is_empty() {
                continue;
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let read = (unescape(name), unescape(value));
            let (Some(name), Some(value)) = read else {
                let detail = "The query is not well percent-encoded UTF-8.";
                return Err(Problem::bad_request("malformed_query", detail));
            };
            let shown: String = name.chars().take(64).collect();
            if values.insert(name, Json::Text(value)).is_some() {
                let detail = format!("The query parameter `{shown}` is repeated.");
                return Err(Problem::bad_request("malformed_query", detail));
            }
        }
        Ok(Self(fields::decode(values)))
    }
}

/// A query without parameters: one that nobody reads was meant to do something.
pub(crate) struct NoQuery;

impl Decode for NoQuery {
    fn decode(_: &mut Fields) -> Self {
        Self
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        Query::from_request_parts(parts, state)
            .await
            .and_then(|Query(none)| none.whole())
    }
}

/// Takes the percent-encoding off a part of a query; `+` is a blank there.
fn unescape(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let plain = match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high << 4 | low).ok()?
            }
            other => other,
        };
        out.push(plain);
    }
    String::from_utf8(out).ok()
}
