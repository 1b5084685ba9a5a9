//! The names by which providers of identities know a user: seen by the user and administrators, taken away by the latter.

use crate::{Actor, Engine, EngineError, Subject};
use keyward_domain::Timestamp;
use keyward_store::{BoundIdentity, StoreError};
use serde_json::json;

/// A name at a provider by which a user can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityView {
    /// The provider.
    pub issuer: String,
    /// The name there.
    pub subject: String,
    /// Since when.
    pub bound_at: Timestamp,
}

impl From<BoundIdentity> for IdentityView {
    fn from(bound: BoundIdentity) -> Self {
        Self {
            issuer: bound.name.issuer,
            subject: bound.name.subject,
            bound_at: bound.bound_at,
        }
    }
}

impl Engine {
    /// Lists by which names at providers a user can sign in, the oldest first.
    ///
    /// # Errors
    /// `NotFound` for users that there are not, or that the actor may not know of.
    pub async fn list_identities(
        &self,
        actor: &Actor,
        id_or_email: &str,
    ) -> Result<Vec<IdentityView>, EngineError> {
        let user = self.find_user(id_or_email).await?;
        let user = user.filter(|user| actor.is_admin() || actor.user() == Some(user.id));
        let user = user.ok_or(EngineError::NotFound("user"))?;
        let bound = self.store.list_identities(user.id).await?;
        Ok(bound.into_iter().map(IdentityView::from).collect())
    }

    /// Takes all these names away from a user, and ends their sessions. Admins only.
    ///
    /// # Errors
    /// `NotFound`: no such user; `Conflict` (`no_identity`).
    pub async fn remove_identities(&self, actor: &Actor, id_or_email: &str) -> Result<(), EngineError> {
        let action = "identity.remove";
        self.require_admin(actor, action, Subject::User(id_or_email))
            .await?;
        let user = self
            .find_user(id_or_email)
            .await?
            .ok_or(EngineError::NotFound("user"))?;
        let bound = self.store.list_identities(user.id).await?;
        let list = |of: fn(&BoundIdentity) -> &str| bound.iter().map(of).collect::<Vec<_>>().join(", ");
        let before = json!({
            "issuer": list(|bound| &bound.name.issuer),
            "subject": list(|bound| &bound.name.subject),
        });
        let target = user.id.to_string();
        let event = self.done_event(actor, action, ("user", &target), Some(before), None)?;
        self.store
            .remove_identities(user.id, &event)
            .await
            .map_err(|error| match error {
                StoreError::NotFound => {
                    EngineError::conflict("no_identity", "the user is bound to no account at a provider")
                }
                other => other.into(),
            })
    }
}
