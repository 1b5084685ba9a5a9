//! `keyward init`: a configuration, a database, and a token that makes the first administrator.

use super::Context;
use crate::cli::Init;
use crate::config::{self, Checked, template};
use crate::exit::{Exit, Failure};
use crate::open::{self, Access};
use crate::serve::console_url;
use keyward_engine::Engine;
use std::io::Write;
use std::path::Path;

pub(super) async fn run(context: Context<'_>, args: &Init) -> Result<Exit, Failure> {
    if args.new_token {
        let checked = config::load(context.config)?.check()?;
        let engine = open::engine(&checked, Access::Write).await?;
        let told = print_token(context, &engine, &checked, &[]).await;
        engine.store().close().await;
        return told;
    }
    write_template(context.config)?;
    let made = make_database(context).await;
    let (checked, engine, was_there) = match made {
        Ok(made) => made,
        Err(failure) => {
            // Nothing is better than half an installation: the next try starts afresh.
            let _ = std::fs::remove_file(context.config);
            return Err(failure);
        }
    };
    let file = context.config.display();
    let database = checked.database.display();
    let kept = if was_there {
        "was there already and is kept"
    } else {
        "made; only this account may read it"
    };
    let lines = [
        format!("{file}: written; put the address of your API in gateway.upstreams"),
        format!("{database}: {kept}"),
    ];
    let told = if args.no_token {
        let answer = serde_json::json!({ "config": context.config, "database": checked.database });
        context.output.value(&answer, |_| lines.join("\n"))
    } else {
        print_token(context, &engine, &checked, &lines).await
    };
    engine.store().close().await;
    told
}

fn write_template(file: &Path) -> Result<(), Failure> {
    let name = file.display();
    let mut made = std::fs::File::create_new(file).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Conflict,
            format!(
                "{name} exists already: nothing was changed; for a new set-up token, run `keyward init --new-token`"
            ),
        ),
        _ => Failure::failed(format!("{name}: cannot be made: {error}")),
    })?;
    made.write_all(template::TEMPLATE.as_bytes())
        .map_err(|error| Failure::failed(format!("{name}: cannot be written: {error}")))
}

async fn make_database(context: Context<'_>) -> Result<(Checked, Engine, bool), Failure> {
    let checked = config::load(context.config)?.check()?;
    let was_there = checked.database.exists();
    let engine = open::engine(&checked, Access::Create).await?;
    Ok((checked, engine, was_there))
}

/// Makes a set-up token and says what to do with it.
async fn print_token(
    context: Context<'_>,
    engine: &Engine,
    checked: &Checked,
    before: &[String],
) -> Result<Exit, Failure> {
    let token = engine.issue_setup_token().await?;
    let console = console_url(&checked.console);
    let link = format!("{console}/setup/{}", token.reveal());
    let url = format!("{console}/v1/setup");
    let body = serde_json::json!({ "token": token.reveal(), "email": "you@example.com" });
    let answer = serde_json::json!({
        "config": context.config, "database": checked.database, "token": token.reveal(), "link": link,
        "url": url,
    });
    context.output.value(&answer, |_| {
        let curl = format!("curl -X POST {url} -H 'content-type: application/json' -d '{body}'");
        let mut lines = before.to_vec();
        lines.push(format!(
            "\nset-up token (good once, for one hour):\n  {}\n\nStart Keyward, then open the link to make the first \
             administrator, with a password for the console:\n  keyward serve --config {}\n  {link}\n\nOr trade the token \
             for an administrator with a management key, for programs:\n  {curl}",
            token.reveal(),
            context.config.display()
        ));
        lines.join("\n")
    })
}
