//! What the demo makes at its first start: users, sites and keys.

use crate::exit::Failure;
use keyward_domain::Secret;
use keyward_engine::{
    Actor, Created, Engine, EngineError, KeyDraft, LimitDraft, RestrictionDraft, UserDraft,
};
use std::net::SocketAddr;

/// Owns the key that calls the sample API.
pub(super) const USER: &str = "demo@example.com";
/// Owns the key that manages Keyward.
pub(super) const ADMIN: &str = "admin@example.com";

const ME: &Actor = &Actor::OPERATOR;

/// The secrets of the keys that were just made.
pub(super) struct Secrets {
    pub(super) key: Secret,
    pub(super) management: Secret,
}

/// Makes them, unless an earlier start did.
pub(super) async fn populate(engine: &Engine) -> Result<Option<Secrets>, Failure> {
    match engine.get_user(ME, USER).await {
        Ok(_) => return Ok(None),
        Err(EngineError::NotFound(_)) => {}
        Err(error) => return Err(error.into()),
    }
    for site in ["123", "456"] {
        match engine.create_site(ME, site, None).await {
            // A start that was cut short has made it.
            Ok(_) | Err(EngineError::Conflict { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let management = KeyDraft {
        owner: Some(ADMIN.into()),
        name: "Management".into(),
        use_case: Some(keyward_domain::MANAGEMENT.into()),
        ..KeyDraft::default()
    };
    let key = KeyDraft {
        owner: Some(USER.into()),
        name: "Demo".into(),
        description: Some("Site 123 only, 60 requests a minute".into()),
        sites: RestrictionDraft::only(["123"]),
        limit: LimitDraft::PerMinute(60),
        ..KeyDraft::default()
    };
    // The demo's user comes last: once it is there, so is everything else but its key.
    create_user(engine, ADMIN, "admin").await?;
    let management = create_key(engine, &management).await?;
    create_user(engine, USER, "member").await?;
    Ok(Some(Secrets {
        key: create_key(engine, &key).await?,
        management,
    }))
}

/// A link by which the administrator chooses a password; a fixed one would be known to everybody.
pub(super) async fn sign_in_link(engine: &Engine, console: SocketAddr) -> Result<String, Failure> {
    let (token, _) = engine.issue_reset_link(ME, ADMIN, None).await?;
    Ok(format!("http://{console}/link/{}", token.reveal()))
}

async fn create_user(engine: &Engine, email: &str, role: &str) -> Result<(), Failure> {
    let draft = UserDraft {
        email: email.into(),
        role: Some(role.into()),
        ..UserDraft::default()
    };
    match engine.create_user(ME, &draft, None).await {
        Ok(_) | Err(EngineError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn create_key(engine: &Engine, draft: &KeyDraft) -> Result<Secret, Failure> {
    match engine.create_key(ME, draft, None).await? {
        Created::New(issued) => Ok(issued.secret),
        Created::Replay(_) => Err(Failure::failed("the demo's key was made twice")),
    }
}
