//! The gateway's half: out of a ruling it makes the one kind of request that can be forwarded, or its answer.

use super::{Judge, Told, Way};
use crate::answer::bad_request;
use crate::judged::{Judged, Pass, RawQuery};
use crate::outcome::Outcome;
use crate::own_key;
use crate::pool::Pool;
use crate::swagger;
use http::header::{CONNECTION, COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};
use hyper::body::Body;
use hyper::upgrade::OnUpgrade;
use keyward_domain::ClientAddress;
use keyward_listener::RequestBody;
use std::sync::Arc;

/// What becomes of a request.
pub(crate) enum Verdict {
    /// It goes to an upstream.
    Forward(Box<Judged>),
    /// The API's documentation is asked for, by this client.
    Swagger(swagger::Page, ClientAddress),
    /// It is answered here.
    Answer(Outcome),
}

impl Judge<'_> {
    /// Judges a request of the gateway. Nothing is read of its body.
    pub(crate) async fn judge(&self, parts: Parts, body: RequestBody) -> Verdict {
        let ruling = match self.rule(&parts).await {
            Ok(ruling) => ruling,
            Err(outcome) => return Verdict::Answer(*outcome),
        };
        match ruling.way {
            // Boxed, so that the common way does not carry the space of the rare ones around.
            Way::OwnKey => Verdict::Answer(Box::pin(self.own_key(&parts, &ruling.told)).await),
            Way::Swagger(page) => Verdict::Swagger(page, ruling.told.client),
            Way::On(_, pool, _) if pool.speaks_h2c() && parts.extensions.get::<RawQuery>().is_some() => {
                let what = "its query holds \", < or >, which cannot go on over HTTP/2: percent-encode them";
                Verdict::Answer(
                    Outcome::new("bad_request", bad_request(what, self.id)).of(ruling.told.client),
                )
            }
            Way::On(pass, pool, stall) => {
                let mut judged = self.forward(parts, body, ruling.told, pass, Arc::clone(pool));
                judged.stall = stall;
                Verdict::Forward(judged)
            }
        }
    }

    async fn own_key(&self, parts: &Parts, told: &Told) -> Outcome {
        own_key::answer(self.engine, self.rules, &parts.headers, told.client, self.id)
            .await
            .of(told.client)
    }

    fn forward(
        &self,
        mut parts: Parts,
        body: RequestBody,
        told: Told,
        pass: Pass,
        pool: Arc<Pool>,
    ) -> Box<Judged> {
        let is_keyed = matches!(pass, Pass::Key(_));
        let upgrade = if is_keyed { upgrade(&mut parts) } else { None };
        // Preflights and public requests have nothing to say in a body.
        let body = Some(body).filter(|body| is_keyed && !body.is_end_stream());
        if parts.version == Version::HTTP_2 {
            join_cookies(&mut parts.headers);
        }
        Box::new(Judged {
            parts,
            pass,
            body,
            upgrade,
            host: told.host,
            client: told.client,
            peer: self.peer.clone(),
            pool,
            id: self.id,
            listed: told.listed,
            stall: None,
        })
    }
}

/// HTTP/2 clients may split `Cookie`; elsewhere it is one field (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let pieces: Vec<&[u8]> = headers
        .get_all(COOKIE)
        .iter()
        .map(HeaderValue::as_bytes)
        .collect();
    if pieces.len() > 1
        && let Ok(whole) = HeaderValue::from_bytes(&pieces.join(&b"; "[..]))
    {
        headers.insert(COOKIE, whole);
    }
}

/// The way to take a connection over, when the request asks to become a WebSocket. The guard holds back what
/// follows such a request; others that ask to upgrade go on as if they had not.
fn upgrade(parts: &mut Parts) -> Option<OnUpgrade> {
    let mut protocols = parts.headers.get_all(http::header::UPGRADE).iter();
    let websocket = match (protocols.next(), protocols.next()) {
        (Some(only), None) => only.as_bytes().eq_ignore_ascii_case(b"websocket"),
        _ => false,
    };
    let connection = |line: &HeaderValue| {
        line.as_bytes()
            .split(|b| *b == b',')
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    };
    let asked = websocket
        && parts.version == Version::HTTP_11
        && parts.method == Method::GET
        && parts.headers.get_all(CONNECTION).iter().any(connection);
    if asked {
        parts.extensions.remove::<OnUpgrade>()
    } else {
        None
    }
}
