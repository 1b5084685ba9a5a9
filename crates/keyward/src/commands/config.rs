//! `keyward config …`.

use super::Context;
use crate::cli::ConfigCommand;
use crate::config;
use crate::exit::{Exit, Failure};

pub(super) fn run(context: Context<'_>, command: ConfigCommand) -> Result<Exit, Failure> {
    let loaded = config::load(context.config)?;
    match command {
        ConfigCommand::Check => {
            loaded.check_for_serve()?;
            let file = context.config.display().to_string();
            let answer = serde_json::json!({ "file": file, "valid": true });
            context.output.value(&answer, |_| format!("{file}: good"))
        }
        ConfigCommand::Print => {
            loaded.check()?;
            let config = loaded.config.in_force().without_passwords();
            let text = toml::to_string(&config)
                .map_err(|error| Failure::failed(format!("cannot be written as TOML: {error}")))?;
            context.output.value(&config, |_| text)
        }
    }
}
