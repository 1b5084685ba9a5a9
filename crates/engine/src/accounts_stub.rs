use crate::{Actor, Engine, EngineError};
use keyward_domain::{Timestamp, User};
#[derive(Clone, Debug)]
pub struct Visitor {
    pub address: Option<std::net::IpAddr>,
    pub agent: String,
}
#[derive(Clone, Debug)]
pub struct Session {
    pub user: User,
    pub actor: Actor,
    pub ends_at: Timestamp,
}
impl Engine {
    pub async fn find_session(&self, _: &str, _: &Visitor) -> Result<Option<Session>, EngineError> {
        Ok(None)
    }
}
