//! `keyward migrate`.

use super::Context;
use crate::config;
use crate::exit::{Exit, Failure};
use crate::open::{self, Access};

pub(super) async fn run(context: Context<'_>) -> Result<Exit, Failure> {
    let checked = config::load(context.config)?.check()?;
    let pending = open::pending_migrations(&checked, Access::Migrate).await?;
    if !pending.is_empty() {
        open::engine(&checked, Access::Migrate)
            .await?
            .store()
            .close()
            .await;
    }
    let answer = serde_json::json!({ "applied": pending });
    context.output.value(&answer, |_| match pending.as_slice() {
        [] => "the schema is up to date: nothing was done".into(),
        applied => format!("applied: {}", applied.join(", ")),
    })
}
