//! `GET /v1/changes`: an event stream that tells of each revision that comes into force on this node, for those who keep
//! decisions and must know when to forget them.

use crate::api::Answer;
use crate::app::App;
use crate::body::NoQuery;
use crate::caller::{Caller, Client};
use crate::problem::Problem;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use keyward_domain::{ClientAddress, Fingerprint, Revision};
use keyward_engine::{Actor, Engine, EngineError};
use keyward_tower::wire::credential;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Interval, MissedTickBehavior, interval_at};

/// How many streams there are at most; the plane has four times as many connections.
pub(crate) const MOST_STREAMS: usize = 64;
/// How often a stream says something when nothing changes.
const HEARTBEAT: Duration = Duration::from_secs(2);
/// A node that the store has not confirmed for so long says that it is stale. It asks each second.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(5);

/// Be told of changes, as they come into force on this node
///
/// An event stream (`text/event-stream`) for programs that keep decisions of `verifyKey`. The first event is the revision that
/// is in force; then one comes for each that follows (of several in a row perhaps the last alone), as
/// `event: revision` with `data: {"revision": 42}`, and a comment every 2 seconds. `event: stale` in its place says that this node
/// cannot tell whether it is up to date: nothing that was kept may be used until the next `revision`. The same goes for a stream
/// that is silent or has ended. It ends when the key or its owner may no longer have it. Admins only.
#[utoipa::path(get, path = "/v1/changes", tag = "verify",
    responses((status = 200, body = String, content_type = "text/event-stream")))]
pub(crate) async fn watch_changes(
    State(app): State<App>,
    Caller(actor): Caller,
    Extension(Client(client)): Extension<Client>,
    _: NoQuery,
    headers: HeaderMap,
) -> Answer {
    if !actor.is_admin() {
        return Err(EngineError::Forbidden("only an administrator may watch changes").into());
    }
    let place = Arc::clone(&app.streams).try_acquire_owned();
    let place = place.map_err(|_| too_many())?;
    let key = credential(&headers).map_err(|_| no_key())?.fingerprint();
    let stream = Changes {
        moves: app.engine.moves(),
        ticks: ticks(),
        stopped: app.stopped,
        holder: Holder {
            key,
            actor,
            client: client.into(),
            checked_at: app.engine.revision(),
        },
        was_stale: false,
        engine: app.engine,
        _place: place,
    };
    Ok(stream.into_answer())
}

fn ticks() -> Interval {
    let mut ticks = interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn too_many() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "too_many_streams",
        "This node tells as many callers of changes as it can: ask another one, or try again.",
    )
    .with_header(header::RETRY_AFTER, HeaderValue::from_static("5"))
}

fn no_key() -> Problem {
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR).with_cause("a caller without a key")
}

/// Who reads a stream.
struct Holder {
    key: Fingerprint,
    actor: Actor,
    client: ClientAddress,
    /// The revision at which the owner was last seen to be an administrator.
    checked_at: Revision,
}

impl Holder {
    /// Whether the key is good still. The owner's role is looked up when something has changed, but not with each change.
    async fn may_read(&mut self, engine: &Engine, ticked: bool) -> bool {
        if !engine.still_manages(&self.key, self.client) {
            return false;
        }
        let revision = engine.revision();
        if !ticked || revision == self.checked_at {
            return true;
        }
        let Some(owner) = self.actor.user() else {
            return false;
        };
        match engine.get_user(&Actor::OPERATOR, &owner.to_string()).await {
            Ok(owner) => {
                self.checked_at = revision;
                owner.user.is_valid() && owner.user.role == keyward_domain::Role::Admin
            }
            // The store is away: nothing can have changed here, and it is asked again with the next tick.
            Err(EngineError::Unavailable(_)) => true,
            Err(_) => false,
        }
    }
}

/// A stream that is being read.
struct Changes {
    engine: Arc<Engine>,
    moves: watch::Receiver<Revision>,
    ticks: Interval,
    stopped: watch::Receiver<bool>,
    holder: Holder,
    was_stale: bool,
    _place: OwnedSemaphorePermit,
}

impl Changes {
    fn into_answer(mut self) -> Response {
        // The first event tells what is in force already.
        self.moves.mark_changed();
        let events = unfold(self, |mut stream| async {
            let event = stream.next().await?;
            Some((Ok::<_, Infallible>(event), stream))
        });
        let fields = [
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/event-stream"),
            ),
            // nginx would hold it back.
            (
                HeaderName::from_static("x-accel-buffering"),
                HeaderValue::from_static("no"),
            ),
        ];
        (fields, Body::from_stream(events)).into_response()
    }

    /// What is said next; none when the stream ends.
    async fn next(&mut self) -> Option<Bytes> {
        let ticked = tokio::select! {
            biased;
            _ = self.stopped.wait_for(|stopped| *stopped) => return None,
            moved = self.moves.changed() => {
                moved.ok()?;
                false
            }
            _ = self.ticks.tick() => true,
        };
        if self.holder.may_read(&self.engine, ticked).await {
            Some(self.word(ticked))
        } else {
            None
        }
    }

    fn word(&mut self, ticked: bool) -> Bytes {
        let revision = *self.moves.borrow_and_update();
        let is_stale = !self.engine.is_confirmed_within(CONFIRMED_WITHIN);
        let was_stale = std::mem::replace(&mut self.was_stale, is_stale);
        match (is_stale, ticked && !was_stale) {
            (true, _) => format!("event: stale\ndata: {{\"revision\":{revision}}}\n\n").into(),
            (false, true) => Bytes::from_static(b":\n\n"),
            (false, false) => format!("event: revision\ndata: {{\"revision\":{revision}}}\n\n").into(),
        }
    }
}
