use crate::cli::Demo;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
pub(crate) async fn run(_: Context<'_>, _: &Demo) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
