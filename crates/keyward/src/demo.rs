//! `keyward demo`: everything on embedded parts, with a sample API to protect and keys to try.

mod first_start;
mod ports;
mod upstream;

use crate::cli::Demo;
use crate::commands::Context;
use crate::config::{self, Loaded};
use crate::exit::{Exit, Failure};
use crate::logs;
use crate::open::Access;
use crate::output::{note, print};
use crate::serve::{Node, Signals};
use first_start::Secrets;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;

const CONFIGURATION: &str = include_str!("demo/keyward.toml");
const FILE: &str = "keyward.toml";

pub(crate) async fn run(context: Context<'_>, args: &Demo) -> Result<Exit, Failure> {
    let mut loaded = prepare(&args.dir)?;
    ports::choose(&mut loaded.config);
    let upstream = upstream::start().await?;
    if let Some(configured) = loaded.config.gateway.upstreams.first_mut() {
        configured.url = format!("http://{upstream}");
    }
    let checked = loaded.check_for_serve()?;
    logs::start(checked.log);
    let mut signals = Signals::listen()?;
    let node = Node::start(&checked, Access::Create).await?;
    let secrets = first_start::populate(&node.engine).await?;
    let link = first_start::sign_in_link(&node.engine, node.console.address()).await?;
    tell(context, &loaded, &node, &Ways { secrets, link }, upstream)?;
    signals.stop().await;
    note("stopping");
    signals.stop_at_once_on_next();
    node.stop(checked.drain_delay, checked.drain).await;
    Ok(Exit::Done)
}

/// The demo's own folder and configuration; what is there already is kept.
fn prepare(folder: &Path) -> Result<Loaded, Failure> {
    let cannot = |error: std::io::Error| {
        Failure::failed(format!(
            "{}: cannot be made: {error}; choose another with --dir",
            folder.display()
        ))
    };
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let file = folder.join(FILE);
    if !file.exists() {
        std::fs::write(&file, CONFIGURATION).map_err(cannot)?;
    }
    Ok(config::load(&file)?)
}

fn tell(
    context: Context<'_>,
    loaded: &Loaded,
    node: &Node,
    ways: &Ways,
    upstream: SocketAddr,
) -> Result<(), Failure> {
    let places = Places {
        gateway: node.gateway.address(),
        console: node.console.address(),
        ops: node.ops.address(),
        upstream,
        config: &loaded.file,
    };
    let secrets = ways.secrets.as_ref();
    if context.output.json {
        context.output.json_line(&json!({
            "gateway": places.gateway, "console": places.console, "ops": places.ops, "upstream": upstream,
            "config": places.config,
            "link": ways.link,
            "key": secrets.map(|s| s.key.reveal()), "management_key": secrets.map(|s| s.management.reveal()),
        }))?;
        return Ok(());
    }
    print(&places.text(ways))?;
    Ok(())
}

/// How to get in.
struct Ways {
    /// The keys, if they were just made.
    secrets: Option<Secrets>,
    /// For the administrator, once.
    link: String,
}

/// Where everything is.
struct Places<'a> {
    gateway: SocketAddr,
    console: SocketAddr,
    ops: SocketAddr,
    upstream: SocketAddr,
    config: &'a Path,
}

impl Places<'_> {
    fn text(&self, ways: &Ways) -> String {
        let Self {
            gateway,
            console,
            ops,
            upstream,
            ..
        } = self;
        let planes = format!(
            "Keyward protects a sample API\n  gateway     http://{gateway}   (API documentation: /swagger)\n  \
             console     http://{console}   (management API: /swagger)\n  ops         http://{ops}   (/healthz, /readyz, \
             /metrics)\n  sample API  http://{upstream}\n"
        );
        let link = format!(
            "To look at the console, open this link and choose a password. It is good once, for 24 hours, and signs in {}; \
             the next start prints another.\n\n  {}\n",
            first_start::ADMIN,
            ways.link
        );
        let keys = match &ways.secrets {
            Some(secrets) => self.new_keys(secrets),
            None => self.known_keys(),
        };
        format!(
            "{planes}\n{link}\n{keys}\n{}\nCtrl-C ends the demo.",
            self.lines()
        )
    }

    fn new_keys(&self, secrets: &Secrets) -> String {
        format!(
            "Two keys were made. They are displayed ONLY ONCE; paste these lines into another shell:\n\n  \
             KEY={}\n  ADMIN={}\n\n\
             KEY opens site 123 only, 60 times a minute; ADMIN manages Keyward.\n",
            secrets.key.reveal(),
            secrets.management.reveal()
        )
    }

    fn known_keys(&self) -> String {
        let config = self.config.display();
        let create = format!("{} keys create --config {config} --owner", program());
        format!(
            "The data of an earlier start is used again; its secrets were shown at the first start. To make another key:\n\n  \
             {create} {} --name another --site 123 --limit 60\n  \
             {create} {} --name another --use-case management\n\n\
             Then set KEY and ADMIN to the secrets, and paste these lines into another shell:\n",
            first_start::USER,
            first_start::ADMIN
        )
    }

    fn lines(&self) -> String {
        let api = format!("http://{}/api", self.gateway);
        let header = "-H \"X-API-KEY: $KEY\"";
        let tries = [
            ("allowed", format!("curl -i {api}/123/resource {header}")),
            (
                "another site: 403",
                format!("curl -i {api}/456/resource {header}"),
            ),
            ("no key: 401", format!("curl -i {api}/123/resource")),
            (
                "over the limit: 429",
                format!(
                    "for i in $(seq 61); do curl -s -o /dev/null -w '%{{http_code}} ' {api}/123/resource {header}; done; echo"
                ),
            ),
            (
                "all keys, by the management API",
                format!("curl -s http://{}/v1/keys -H \"X-API-KEY: $ADMIN\"", self.console),
            ),
        ];
        tries.map(|(what, line)| format!("{what}:\n  {line}\n")).concat()
    }
}

/// The program as it was called: `cargo run` and a path leave it outside the shell's search path.
fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "keyward".into())
}
