//! `keyward serve`: starts every plane, and ends them in order.

mod console_threads;
mod node;
mod reload;
mod signals;

pub(crate) use node::{Node, console_url, reachable};
pub(crate) use signals::Signals;

use crate::cli::Serve;
use crate::commands::Context;
use crate::config::{self, Checked};
use crate::exit::{Exit, Failure};
use crate::logs;
use crate::open::Access;
use crate::output::{note, print};
use signals::Signal;

/// The way out of most of what can be wrong at a start.
const HINT: &str = "`keyward doctor` looks for the usual mistakes, and says what to do about each";

pub(crate) async fn run(context: Context<'_>, args: &Serve) -> Result<Exit, Failure> {
    let mut loaded = config::load(context.config)?;
    let checked = loaded.check_for_serve()?;
    logs::start(checked.log);
    let mut signals = Signals::listen()?;
    let access = if args.no_migrate {
        Access::Write
    } else {
        Access::Migrate
    };
    let node = Node::start(&checked, access)
        .await
        .map_err(|failure| failure.with_line(HINT))?;
    announce(context, &node, &checked).await?;
    while signals.next().await == Signal::Reload {
        reload::reload(&mut loaded, &node.gateway);
    }
    note("stopping: requests that are under way may end; a second signal stops at once");
    signals.stop_at_once_on_next();
    node.stop(checked.drain).await;
    Ok(Exit::Done)
}

/// The block that tells an operator what runs where.
async fn announce(context: Context<'_>, node: &Node, checked: &Checked) -> Result<(), Failure> {
    let keys = node.engine.status().keys;
    let answer = serde_json::json!({
        "gateway": node.gateway.address(), "console": node.console.address(), "ops": node.ops.address(),
        "database": checked.database.to_string(), "keys": keys,
    });
    context.output.value(&answer, |_| {
        format!(
            "Keyward is ready\n  gateway   {}\n  console   {}\n  ops       {}\n  database  {} ({keys} keys)",
            url(node.gateway.address(), checked.gateway.tls.is_some()),
            url(node.console.address(), checked.console.tls.is_some()),
            url(node.ops.address(), false),
            checked.database,
        )
    })?;
    if !context.output.json && !node.engine.has_administrator().await? {
        print(&format!(
            "\nThere is no administrator yet: open the link that `keyward init` printed, or make a new one in its place \
             with\n  keyward init --new-token --config {}",
            context.config.display()
        ))?;
    }
    Ok(())
}

fn url(address: std::net::SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    format!("{scheme}://{address}")
}
