//! The plane that answers proxies: may this request pass, and who is calling? It reads of each dialect what the request was
//! (`dialect`), judges that by the gateway's own code (`decide`), and says it as the dialect wants (`answer`). Who adds a
//! dialect adds it to `dialect` and, if its answers differ, to `answer`.

mod answer;
mod callers;
mod decide;
mod dialect;
#[cfg(feature = "ext-authz")]
mod grpc;

pub(crate) use callers::Callers;

use crate::access_log::Access;
use crate::answer::{Answer, guarded, no_question, proxy_not_listed};
use crate::guard::Link;
use crate::peer::Peer;
use crate::port::Port;
use crate::respond::{hand_over, malformed_http2};
use crate::shared::Shared;
use decide::{Decider, Decision};
use dialect::Dialect;
use http::Request;
use keyward_listener::{RequestBody, Tls};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The running plane.
pub struct Authz(Port);

impl Authz {
    pub(crate) fn new(port: Port) -> Self {
        Self(port)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0.address
    }

    /// What it speaks TLS with.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.0.shared.tls.clone()
    }

    /// Stops accepting, lets requests that are under way end within a time, and ends.
    pub async fn drain(self, within: Duration) {
        self.0.drain(within).await;
    }
}

/// Answers one question.
pub(crate) async fn respond(
    shared: &Arc<Shared>,
    callers: &Callers,
    peer: &Peer,
    link: &Arc<Link>,
    request: Request<RequestBody>,
) -> Answer {
    let began = Instant::now();
    let (in_flight, fault) = link.serve();
    let fault = fault.or_else(|| malformed_http2(&request));
    let version = request.version();
    let decider = Decider::new(shared);
    let id = decider.id;
    let dialect = Dialect::of(match fault {
        Some(_) => link.faulty_target(),
        None => request.uri().path(),
    });
    let (decision, answer) = match (fault, dialect) {
        (Some(fault), Some(Dialect::Nginx)) => answer::stopped(fault, id),
        (Some(fault), _) => Decision::not_taken("malformed", guarded(fault, id)),
        (None, _) if !callers.list(peer.address) => {
            Decision::not_taken("proxy_not_listed", proxy_not_listed(id))
        }
        (None, None) => Decision::not_taken("no_question", no_question(id)),
        (None, Some(dialect)) => answer_in(dialect, decider, request).await,
    };
    callers.count(dialect, decision.status);
    let access = shared.settings.access_log.then(|| {
        Box::new(Access {
            id,
            plane: shared.plane.name(),
            method: decision.method,
            place: decision.place,
            client: decision.client.or(Some(peer.address)),
            key: decision.key,
            code: decision.code,
            status: decision.status.as_u16(),
            began,
        })
    });
    hand_over(shared, version, answer, in_flight, access)
}

/// Judges what a proxy asks about. What it does not say beyond doubt is refused.
async fn answer_in(dialect: Dialect, decider: Decider, request: Request<RequestBody>) -> (Decision, Answer) {
    #[cfg(feature = "ext-authz")]
    if dialect == Dialect::Grpc {
        return grpc::answer(decider, request).await;
    }
    let (parts, _) = request.into_parts();
    let decision = match dialect.read(parts) {
        Ok(original) => decider.decide(&original).await,
        Err(misread) => Decision::refused(misread.outcome(decider.id)),
    };
    answer::speak(dialect, decision)
}
