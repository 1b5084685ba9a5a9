//! `keyward init`: a configuration, a database, and a token that makes the first administrator.

use super::Context;
use crate::cli::Init;
use crate::config::{self, Checked, Database, template};
use crate::exit::{Exit, Failure};
use crate::open::{self, Access};
use crate::output::print;
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
    let wrote = write_template(context.config)?;
    let made = make_database(context, wrote).await;
    let (checked, engine, was_there) = match made {
        Ok(made) => made,
        Err(failure) if args.if_needed && failure.exit == Exit::Conflict => {
            return print(&failure.lines.join("\n"));
        }
        Err(failure) => {
            if wrote {
                // Nothing is better than half an installation: the next try starts afresh.
                let _ = std::fs::remove_file(context.config);
            }
            return Err(failure);
        }
    };
    let lines = [
        told_of_file(context.config, wrote),
        told_of_database(&checked.database, was_there),
    ];
    let told = if args.no_token {
        let answer =
            serde_json::json!({ "config": context.config, "database": checked.database.to_string() });
        context.output.value(&answer, |_| lines.join("\n"))
    } else {
        print_token(context, &engine, &checked, &lines).await
    };
    engine.store().close().await;
    told
}

fn told_of_file(file: &Path, wrote: bool) -> String {
    let file = file.display();
    if wrote {
        format!("{file}: written; put the address of your API in gateway.upstreams")
    } else {
        format!("{file}: kept as it is")
    }
}

fn told_of_database(database: &Database, was_there: bool) -> String {
    match database {
        _ if was_there => format!("{database}: was there already and is kept"),
        Database::Sqlite(_) => format!("{database}: made; only this account may read it"),
        Database::Postgres(_) => format!("{database}: tables made"),
    }
}

/// Writes the configuration, unless there is one: whoever brings their own needs only the database.
fn write_template(file: &Path) -> Result<bool, Failure> {
    let name = file.display();
    let mut made = match std::fs::File::create_new(file) {
        Ok(made) => made,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(Failure::failed(format!("{name}: cannot be made: {error}"))),
    };
    made.write_all(template::TEMPLATE.as_bytes())
        .map_err(|error| Failure::failed(format!("{name}: cannot be written: {error}")))?;
    Ok(true)
}

async fn make_database(context: Context<'_>, wrote: bool) -> Result<(Checked, Engine, bool), Failure> {
    let checked = config::load(context.config)?.check()?;
    let was_there = open::is_there(&checked).await?;
    if was_there && !wrote {
        let (file, database) = (context.config.display(), &checked.database);
        let told = format!(
            "{file} and {database} exist already: nothing was changed; for a new set-up token, run `keyward init --new-token`"
        );
        return Err(Failure::new(Exit::Conflict, told));
    }
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
        "config": context.config, "database": checked.database.to_string(), "token": token.reveal(), "link": link,
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
