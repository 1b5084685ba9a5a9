//! One request of a connection: judged, forwarded or answered, counted and logged.

use crate::access_log::{Access, Place, method_word};
use crate::answer::{self, Answer, UnderWay};
use crate::authz;
use crate::cors;
use crate::guard::{Fault, InFlight, Link};
use crate::judge::{Judge, Verdict};
use crate::judged::RawQuery;
use crate::outcome::Outcome;
use crate::peer::Peer;
use crate::proxy::Proxy;
use crate::request_id::RequestId;
use crate::shared::{Plane, Shared};
use http::header::{CONNECTION, ORIGIN};
use http::{HeaderValue, Request, StatusCode, Version};
use hyper::body::Incoming;
use keyward_listener::{RequestBody, date, follow, http2_fault};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// Answers one request.
pub(crate) async fn respond(
    shared: &Arc<Shared>,
    worker: usize,
    peer: &Peer,
    link: &Arc<Link>,
    request: Request<Incoming>,
) -> Answer {
    let (request, unread) = follow(request);
    let mut answer = match &shared.plane {
        Plane::Gateway => serve(shared, worker, peer, link, request).await,
        // Boxed, so that the gateway's requests do not carry its space around.
        Plane::Authz(callers) => Box::pin(authz::respond(shared, callers, peer, link, request)).await,
    };
    date(answer.headers_mut());
    unread.settle(&mut answer).await;
    answer
}

async fn serve(
    shared: &Arc<Shared>,
    worker: usize,
    peer: &Peer,
    link: &Arc<Link>,
    request: Request<RequestBody>,
) -> Answer {
    let began = Instant::now();
    let (in_flight, fault) = link.serve();
    let fault = fault.or_else(|| malformed_http2(&request));
    let id = RequestId::next();
    let rules = shared.rules.load_full();
    let (mut parts, body) = request.into_parts();
    if let Some(query) = in_flight.take_query() {
        parts.extensions.insert(RawQuery(query));
    }
    let version = parts.version;
    let origin = rules
        .cors
        .as_ref()
        .and_then(|_| parts.headers.get(ORIGIN).cloned());
    let method = method_word(&parts.method);
    let mut place = Place::default();
    let outcome = match fault {
        Some(fault) => Outcome::new("malformed", answer::guarded(fault, id)),
        None => {
            let judge = Judge {
                engine: &shared.engine,
                rules: &rules,
                metrics: &shared.metrics,
                peer,
                id,
                most_fields: shared.most_fields(),
                place: shared.settings.access_log.then(Mutex::default),
                has_pages: true,
            };
            let verdict = judge.judge(parts, body).await;
            place = judge
                .place
                .and_then(|place| place.into_inner().ok())
                .unwrap_or_default();
            match verdict {
                Verdict::Answer(outcome) => outcome,
                Verdict::Swagger(page, client) => {
                    let answer = Box::pin(page.serve(&rules, &shared.settings.timeouts, worker, id)).await;
                    Outcome::new("swagger", answer).of(client)
                }
                Verdict::Forward(judged) => {
                    let proxy = Proxy {
                        engine: &shared.engine,
                        rules: &rules,
                        metrics: &shared.metrics,
                        timeouts: &shared.settings.timeouts,
                        worker,
                    };
                    proxy.run(*judged, &in_flight, id).await
                }
            }
        }
    };
    let Outcome {
        mut answer,
        code,
        key,
        client,
    } = outcome;
    cors::allow(&rules, origin.as_ref(), answer.headers_mut());
    shared.metrics.count_answer(answer.status());
    let status = answer.status().as_u16();
    let access = shared.settings.access_log.then(|| {
        Box::new(Access {
            id,
            plane: shared.plane.name(),
            method,
            place,
            client: client.or(Some(peer.address)),
            key,
            code,
            status,
            began,
        })
    });
    hand_over(shared, version, answer, in_flight, access)
}

/// What no guard has seen: over HTTP/2 it lets everything pass.
pub(crate) fn malformed_http2<B>(request: &Request<B>) -> Option<Fault> {
    http2_fault(request.version(), request.uri(), request.headers()).map(Fault::Malformed)
}

/// The last touches to an answer: what the end of service asks for, and who is told when it is over.
pub(crate) fn hand_over(
    shared: &Shared,
    version: Version,
    mut answer: Answer,
    in_flight: InFlight,
    access: Option<Box<Access>>,
) -> Answer {
    if shared.drain.has_begun()
        && version != Version::HTTP_2
        && answer.status() != StatusCode::SWITCHING_PROTOCOLS
    {
        answer
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
    }
    if version == Version::HTTP_2 {
        answer.body_mut().watch(&shared.settings.timeouts);
    }
    answer.body_mut().note(UnderWay { in_flight, access });
    answer
}
