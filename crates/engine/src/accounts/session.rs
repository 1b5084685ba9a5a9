//! Sessions: begin, find, list, end.

use super::{Token, Visitor};
use crate::{Actor, Engine, EngineError, Who};
use keyward_domain::{Fingerprint, Secret, SessionId, Timestamp, User, UserId};
use keyward_store::{AuditEvent, FoundSession, NewSession, SessionRecord, StoreError};
use serde_json::json;
use std::net::IpAddr;

/// A session that is not seen for so long has ended.
const IDLE_MILLIS: i64 = 12 * 3_600_000;
/// A session has ended after so long, however much it is used.
const LONGEST_DAYS: i64 = 7;
/// How old the note of the last sight gets before it is renewed.
const RENEW_MILLIS: i64 = 60_000;

/// A session, found by its token, with what every page needs to know.
#[derive(Clone, Debug)]
pub struct Session {
    /// Id; the token is another thing.
    pub id: SessionId,
    /// Whose it is.
    pub user: User,
    /// Who acts in it, from where it was seen just now.
    pub actor: Actor,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last seen, to the minute.
    pub seen_at: Timestamp,
    /// When it ends, however much it is used.
    pub ends_at: Timestamp,
    /// Whether the user has a second factor.
    pub has_second_factor: bool,
    /// The language that the user has chosen.
    pub language: Option<String>,
}

/// A session in a list.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Id.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last seen, to the minute.
    pub seen_at: Timestamp,
    /// From where.
    pub address: Option<IpAddr>,
    /// What the browser calls itself.
    pub agent: String,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// Whether a session lives. One that was seen in a future that is further off than the idle limit has ended as well:
/// then the clock was set back, and nobody can say how long it was not seen.
fn lives(session: &SessionRecord, now: Timestamp) -> bool {
    let idle = now.millis().abs_diff(session.seen_at.millis());
    now < session.ends_at && idle < IDLE_MILLIS.unsigned_abs()
}

pub(super) fn actor_of(user: &User, address: Option<IpAddr>) -> Actor {
    Actor {
        who: Who::User {
            id: user.id,
            role: user.role,
            key: None,
        },
        address,
    }
}

impl Session {
    fn new(found: FoundSession, address: Option<IpAddr>) -> Self {
        let FoundSession { session, user, .. } = found;
        Self {
            id: session.id,
            actor: actor_of(&user, address),
            user,
            created_at: session.created_at,
            seen_at: session.seen_at,
            ends_at: session.ends_at,
            has_second_factor: found.has_second_factor,
            language: found.language,
        }
    }
}

impl Engine {
    /// Finds the living session of a token, and notes that it was seen. `None` for a token that is unknown, a session
    /// that has ended (12 hours unseen, 7 days old), and a user who is not valid.
    ///
    /// # Errors
    /// `Unavailable` when the store cannot answer.
    pub async fn find_session(&self, token: &str, visitor: &Visitor) -> Result<Option<Session>, EngineError> {
        let Some(token) = Token::Session.read(token) else {
            return Ok(None);
        };
        let Some(mut found) = self.store.find_session(&token).await? else {
            return Ok(None);
        };
        let now = self.clock.now();
        if !lives(&found.session, now) {
            // So that it stays ended when the clock is set back. Should this fail, it is only found dead again.
            let ended = self.store.end_session(found.session.id, None).await;
            if let Err(error) = ended {
                tracing::debug!(%error, "a session that has outlived its limits was not removed");
            }
            return Ok(None);
        }
        if !found.user.is_valid() {
            return Ok(None);
        }
        if now.millis().abs_diff(found.session.seen_at.millis()) >= RENEW_MILLIS.unsigned_abs() {
            self.renew(&mut found, now, visitor.address).await;
        }
        Ok(Some(Session::new(found, visitor.address)))
    }

    /// That a session was seen is worth less than the page that was asked for, so a store that cannot be written to
    /// keeps nobody out.
    async fn renew(&self, found: &mut FoundSession, now: Timestamp, address: Option<IpAddr>) {
        match self.store.touch_session(found.session.id, now, address).await {
            Ok(()) => found.session.seen_at = now,
            Err(error) => tracing::warn!(%error, "that a session was seen could not be noted"),
        }
    }

    /// Lists the actor's own sessions, newest first.
    ///
    /// # Errors
    /// `Forbidden` to actors who are no users.
    pub async fn list_sessions(
        &self,
        actor: &Actor,
        current: SessionId,
    ) -> Result<Vec<SessionView>, EngineError> {
        let user = own(actor)?;
        let now = self.clock.now();
        let sessions = self.store.list_sessions(user).await?;
        Ok(sessions
            .into_iter()
            .filter(|session| lives(session, now))
            .map(|session| SessionView {
                is_current: session.id == current,
                id: session.id,
                created_at: session.created_at,
                seen_at: session.seen_at,
                address: session.address,
                agent: session.agent,
            })
            .collect())
    }

    /// Ends a session: the actor's own, or for admins anybody's.
    ///
    /// # Errors
    /// `NotFound` for sessions that have ended or that the actor may not know of.
    pub async fn end_session(&self, actor: &Actor, id: &str) -> Result<(), EngineError> {
        let not_found = EngineError::NotFound("session");
        let Ok(id) = id.parse::<SessionId>() else {
            return Err(not_found);
        };
        match self.store.find_session_by_id(id).await? {
            Some(session) if actor.may_manage_keys_of(session.user) => {
                self.end(actor, id, session.user).await
            }
            _ => Err(not_found),
        }
    }

    /// Ends all of the actor's sessions but one.
    ///
    /// # Errors
    /// `Forbidden` to actors who are no users.
    pub async fn end_other_sessions(&self, actor: &Actor, keep: SessionId) -> Result<u64, EngineError> {
        let user = own(actor)?;
        let before = json!({ "user": user.to_string(), "sessions": "all others" });
        let target = user.to_string();
        let event = self.done_event(actor, "session.end", ("user", &target), Some(before), None)?;
        Ok(self.store.end_other_sessions(user, keep, &event).await?)
    }

    /// Ends the session that asks for it.
    ///
    /// # Errors
    /// `Unavailable` or `NotWritable`: then it has not ended.
    pub async fn sign_out(&self, session: &Session) -> Result<(), EngineError> {
        match self.end(&session.actor, session.id, session.user.id).await {
            Err(EngineError::NotFound(_)) => Ok(()),
            other => other,
        }
    }

    async fn end(&self, actor: &Actor, id: SessionId, user: UserId) -> Result<(), EngineError> {
        let before = json!({ "user": user.to_string() });
        let target = id.to_string();
        let event = self.done_event(actor, "session.end", ("session", &target), Some(before), None)?;
        self.store
            .end_session(id, Some(&event))
            .await
            .map_err(|error| match error {
                StoreError::NotFound => EngineError::NotFound("session"),
                other => other.into(),
            })
    }

    /// Remembers the language of the user's pages: up to 16 letters, digits and `-`.
    ///
    /// # Errors
    /// `Invalid` for what is no name of a language.
    pub async fn set_language(&self, session: &Session, language: &str) -> Result<(), EngineError> {
        let fits = (2..=16).contains(&language.len())
            && language.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        if !fits {
            return Err(EngineError::field(
                "language",
                "must be a language tag such as `en`",
            ));
        }
        Ok(self.store.set_language(session.user.id, Some(language)).await?)
    }

    /// A session that is to begin now, and its token.
    pub(super) fn new_session(
        &self,
        user: &User,
        stamp: u64,
        visitor: &Visitor,
        device: Option<Fingerprint>,
    ) -> Result<(Secret, NewSession), EngineError> {
        let (token, hash) = self.new_token(Token::Session)?;
        let (millis, random) = self.id_parts()?;
        let now = self.clock.now();
        let record = SessionRecord {
            id: SessionId::v7(millis, &random),
            user: user.id,
            created_at: now,
            seen_at: now,
            ends_at: now.plus_days(LONGEST_DAYS),
            address: visitor.address,
            agent: visitor.kept_agent(),
        };
        let session = NewSession {
            record,
            token: hash,
            device,
            stamp,
            binding: None,
        };
        Ok((token, session))
    }

    pub(super) fn session_event(
        &self,
        user: &User,
        session: &NewSession,
        proved_by: &str,
    ) -> Result<AuditEvent, EngineError> {
        let after = json!({ "user": user.id.to_string(), "proved_by": proved_by });
        let target = session.record.id.to_string();
        let actor = actor_of(user, session.record.address);
        self.done_event(&actor, "session.create", ("session", &target), None, Some(after))
    }
}

fn own(actor: &Actor) -> Result<UserId, EngineError> {
    actor
        .user()
        .ok_or(EngineError::Forbidden("only a user has sessions"))
}

/// A session that has just begun.
pub(super) fn begun(
    session: NewSession,
    user: User,
    has_second_factor: bool,
    language: Option<String>,
) -> Session {
    let address = session.record.address;
    let found = FoundSession {
        session: session.record,
        user,
        has_second_factor,
        language,
    };
    Session::new(found, address)
}
