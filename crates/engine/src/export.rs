//! Export: all keys, without secrets and fingerprints, page by page.

use crate::{Actor, Engine, EngineError, KeyView};
use keyward_domain::KeyId;
use keyward_store::{KeyQuery, KeyStatusFilter};

impl Engine {
    /// Hands every key (deleted ones too) to `each`, newest first. Admins only.
    ///
    /// # Errors
    /// `Forbidden` to members; whatever `each` says ends the export.
    pub async fn export_keys<E: From<EngineError>>(
        &self,
        actor: &Actor,
        mut each: impl FnMut(KeyView) -> Result<(), E>,
    ) -> Result<(), E> {
        if !actor.is_admin() {
            return Err(EngineError::Forbidden("only an administrator may export").into());
        }
        let book = self.site_book().await.map_err(EngineError::from)?;
        let mut after: Option<KeyId> = None;
        loop {
            let query = KeyQuery {
                status: Some(KeyStatusFilter::Any),
                after,
                most: 1000,
                ..KeyQuery::default()
            };
            let keys = self.store.list_keys(&query).await.map_err(EngineError::from)?;
            let Some(last) = keys.last() else { return Ok(()) };
            after = Some(last.id);
            for view in self.key_views(keys, &book).await? {
                each(view)?;
            }
        }
    }
}
