use crate::commands::Context;
use crate::exit::{Exit, Failure};
pub(crate) async fn run(_: Context<'_>) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
