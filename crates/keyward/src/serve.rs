//! `keyward serve`: starts every plane, and ends them in order.

mod console_threads;
mod descriptors;
mod node;
mod reload;
mod signals;

pub(crate) use node::{Node, console_url, reachable};
pub(crate) use signals::Signals;

use crate::cli::Serve;
use crate::commands::Context;
use crate::config::{self, Checked, Loaded};
use crate::exit::{Exit, Failure};
use crate::logs;
use crate::open::Access;
use crate::output::print;
use keyward_console::PublicUrl;
use keyward_gateway::Authz;
use signals::Signal;
use std::net::SocketAddr;

/// The way out of most of what can be wrong at a start.
const HINT: &str = "`keyward doctor` looks for the usual mistakes, and says what to do about each";

pub(crate) async fn run(context: Context<'_>, args: &Serve) -> Result<Exit, Failure> {
    let mut loaded = config::load(context.config)?;
    let checked = loaded.check_for_serve()?;
    logs::start_queued(checked.log)
        .map_err(|error| Failure::failed(format!("the system gives no thread for the log: {error}")))?;
    let done = serve(context, args, &mut loaded, &checked).await;
    // From here on whoever looks for what went wrong reads the log.
    Ok(done.unwrap_or_else(Failure::into_log))
}

async fn serve(
    context: Context<'_>,
    args: &Serve,
    loaded: &mut Loaded,
    checked: &Checked,
) -> Result<Exit, Failure> {
    let mut signals = Signals::listen()?;
    let access = if args.no_migrate {
        Access::Write
    } else {
        Access::Migrate
    };
    let node = tokio::select! {
        node = Node::start(checked, access) => node.map_err(|failure| failure.with_line(HINT))?,
        () = signals.stop() => {
            tracing::info!("stopped before it was ready");
            return Ok(Exit::Done);
        }
    };
    // It is ready: whoever cannot be told of it is no reason to end.
    if let Err(failure) = announce(context, &node, loaded, checked).await {
        for line in &failure.lines {
            tracing::warn!("what was to be told at the start could not be: {line}");
        }
    }
    while signals.next().await == Signal::Reload {
        reload::reload(loaded, checked, &node.gateway);
    }
    tracing::info!("stopping: requests that are under way may end; a second signal stops at once");
    signals.stop_at_once_on_next();
    node.stop(checked.drain_delay, checked.drain).await;
    Ok(Exit::Done)
}

/// The block that tells an operator what runs where.
async fn announce(
    context: Context<'_>,
    node: &Node,
    loaded: &Loaded,
    checked: &Checked,
) -> Result<(), Failure> {
    let status = node.engine.status();
    let keys = status.keys;
    let source = source_of(&status);
    let answer = serde_json::json!({
        "gateway": node.gateway.address(), "authz": node.authz.as_ref().map(Authz::address), "console": node.console.address(), "ops": node.ops.address(),
        "database": checked.database.to_string(), "keys": keys, "source": source,
        "limiter": node.engine.limiter().status().mode,
    });
    let authz = node.authz.as_ref().zip(checked.authz.as_ref());
    let authz = authz.map(|(authz, settings)| url(None, authz.address(), settings.tls.is_some()));
    let authz = authz
        .map(|url| format!("  authz     {url}\n"))
        .unwrap_or_default();
    let gateway_url = loaded.config.gateway.public_url.as_deref();
    let console_url = checked.console.public_url.as_ref().map(PublicUrl::as_str);
    context.output.value(&answer, |_| {
        format!(
            "Keyward is ready\n  gateway   {}\n{authz}  console   {}\n  ops       {}\n  database  {} ({keys} keys)",
            url(gateway_url, node.gateway.address(), checked.gateway.tls.is_some()),
            url(console_url, node.console.address(), checked.console.tls.is_some()),
            url(None, node.ops.address(), false),
            checked.database,
        )
    })?;
    if status.from_snapshot {
        return Ok(());
    }
    if !context.output.json && !node.engine.has_administrator().await? {
        print(&format!(
            "\nThere is no administrator yet: open the link that `keyward init` printed, or make a new one in its place \
             with\n  keyward init --new-token --config {}",
            context.config.display()
        ))?;
    }
    Ok(())
}

/// Where the keys in memory come from.
pub(crate) fn source_of(status: &keyward_engine::EngineStatus) -> &'static str {
    match status.from_snapshot {
        true => "snapshot",
        false => "database",
    }
}

/// An address that can be opened: the one that a setting names, or the one under which this machine reaches the port.
fn url(named: Option<&str>, address: SocketAddr, tls: bool) -> String {
    if let Some(named) = named {
        return format!("{named}   (listens on {address})");
    }
    let scheme = if tls { "https" } else { "http" };
    let here = format!("{scheme}://{}", reachable(address));
    match address.ip().is_unspecified() {
        true => format!("{here}   (listens on every address of this machine)"),
        false => here,
    }
}

#[cfg(test)]
mod tests {
    use super::url;

    #[test]
    fn what_is_shown_at_the_start_can_be_opened() {
        let named = Some("https://keys.example.com");
        for (named, address, tls, shown) in [
            (None, "127.0.0.1:8081", false, "http://127.0.0.1:8081"),
            (
                None,
                "0.0.0.0:8081",
                false,
                "http://127.0.0.1:8081   (listens on every address of this machine)",
            ),
            (
                None,
                "[::]:8443",
                true,
                "https://[::1]:8443   (listens on every address of this machine)",
            ),
            (
                named,
                "0.0.0.0:8081",
                false,
                "https://keys.example.com   (listens on 0.0.0.0:8081)",
            ),
        ] {
            assert_eq!(url(named, address.parse().unwrap(), tls), shown);
        }
    }
}
