//! `keyward users …`.

use super::Context;
use super::keys::{changed, listed, or_all};
use crate::cli::{UserCreate, UserEditArgs, UserList, UsersCommand};
use crate::config;
use crate::exit::{Exit, Failure};
use crate::open::Access;
use crate::output::{Column, sheet};
use crate::serve::console_url;
use keyward_console::{PageWire, UserWire};
use keyward_engine::{Actor, Created, Engine, UserDraft, UserEdit, UserFilter};

const ME: &Actor = &Actor::OPERATOR;

pub(super) fn access(command: &UsersCommand) -> Access {
    match command {
        UsersCommand::List(_) | UsersCommand::Show { .. } => Access::Read,
        _ => Access::Write,
    }
}

pub(super) async fn run(
    context: Context<'_>,
    engine: &Engine,
    command: &UsersCommand,
) -> Result<Exit, Failure> {
    let view = match command {
        UsersCommand::List(args) => return list(context, engine, args).await,
        UsersCommand::Link { user } => return link(context, engine, user).await,
        UsersCommand::ResetSecondFactor { user } => {
            engine.reset_second_factor(ME, user).await?;
            engine.get_user(ME, user).await?
        }
        UsersCommand::Create(args) => return create(context, engine, args).await,
        UsersCommand::Show { user } => engine.get_user(ME, user).await?,
        UsersCommand::Edit(args) => engine.edit_user(ME, &args.user, &edit(args)?, None).await?,
        UsersCommand::Enable { user } => engine.enable_user(ME, user, None).await?,
        UsersCommand::Disable { user } => engine.disable_user(ME, user, None).await?,
        UsersCommand::Delete { user } => engine.delete_user(ME, user, None).await?,
    };
    context.output.value(&UserWire::from(&view), describe)
}

/// A link by which somebody chooses a password; an operator who has lost theirs is never locked out.
async fn link(context: Context<'_>, engine: &Engine, user: &str) -> Result<Exit, Failure> {
    let checked = config::load(context.config)?.check()?;
    let (token, until) = engine.issue_reset_link(ME, user, None).await?;
    let link = format!("{}/link/{}", console_url(&checked.console), token.reveal());
    let answer = serde_json::json!({ "link": link, "expires_at": until.to_string() });
    context.output.value(&answer, |_| {
        format!(
            "link (good once, until {until}):\n  {link}\n\nWhoever opens it chooses the password of {user}."
        )
    })
}

async fn create(context: Context<'_>, engine: &Engine, args: &UserCreate) -> Result<Exit, Failure> {
    let draft = UserDraft {
        email: args.email.clone(),
        name: args.name.clone(),
        role: args.role.clone(),
        sites: listed(&args.sites, args.no_sites),
        misread: Vec::new(),
    };
    let (Created::New(view) | Created::Replay(view)) = engine.create_user(ME, &draft, None).await?;
    context.output.value(&UserWire::from(&view), |user| {
        let config = context.config.display();
        format!(
            "{}\n\nThey have no password yet. This prints a link by which they choose one:\n  keyward users link {} --config {config}",
            describe(user),
            user.email
        )
    })
}

fn edit(args: &UserEditArgs) -> Result<UserEdit, Failure> {
    let edit = UserEdit {
        name: args.name.clone(),
        role: args.role.clone(),
        sites: changed(&args.sites, args.all_sites, args.no_sites),
        misread: Vec::new(),
    };
    if edit.name.is_none() && edit.role.is_none() && edit.sites.is_none() {
        let way_out = "nothing to change: give --name, --role, --site, --all-sites or --no-sites";
        return Err(Failure::new(Exit::Invalid, way_out));
    }
    Ok(edit)
}

async fn list(context: Context<'_>, engine: &Engine, args: &UserList) -> Result<Exit, Failure> {
    let filter = UserFilter {
        with_deleted: args.deleted,
        text: args.text.clone(),
        cursor: args.page.cursor.clone(),
        limit: args.page.limit,
        misread: Vec::new(),
    };
    let page: PageWire<UserWire> = PageWire::of(&engine.list_users(ME, &filter).await?);
    context.output.value(&page, |page| {
        let rows = page.items.iter().map(|user| {
            vec![
                user.id.clone(),
                user.email.clone(),
                user.name.clone(),
                user.role.to_owned(),
                user.status.to_owned(),
                or_all(&user.sites),
            ]
        });
        let columns = [
            Column::whole("id"),
            Column::main("e-mail"),
            Column::further("name"),
            Column::main("role"),
            Column::main("status"),
            Column::further("sites"),
        ];
        let rows = context.output.table(&columns, rows);
        super::with_next(rows, page.next.as_deref())
    })
}

fn describe(user: &UserWire) -> String {
    sheet(&[
        ("id", user.id.clone()),
        ("e-mail", user.email.clone()),
        ("name", user.name.clone()),
        ("role", user.role.to_owned()),
        ("status", user.status.to_owned()),
        ("sites", or_all(&user.sites)),
        ("created", user.created_at.clone()),
        ("revision", user.revision.to_string()),
    ])
}
