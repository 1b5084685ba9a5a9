//! Keyward: issues, restricts, verifies and revokes the API keys of a REST API.

mod cli;
mod commands;
mod config;
mod demo;
mod doctor;
mod exit;
mod logs;
mod open;
mod ops;
mod output;
mod sealed;
mod serve;
mod usage;

use clap::Parser;
use std::process::ExitCode;
use std::time::Duration;

/// How long a process that ends waits for whoever reads its log.
const LAST_LINES: Duration = Duration::from_secs(2);

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sealed::seal();
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::tell(&error),
    };
    let exit = commands::run(&cli).unwrap_or_else(|failure| {
        output::Output::new(cli.json, cli.wide).failure(&failure);
        failure.exit
    });
    logs::flush(LAST_LINES);
    ExitCode::from(exit as u8)
}
