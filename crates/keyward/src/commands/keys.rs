//! `keyward keys …`.

use super::{Context, usage};
use crate::cli::{KeyCreate, KeyEditArgs, KeyList, KeyTarget, KeysCommand};
use crate::exit::{Exit, Failure};
use crate::open::Access;
use crate::output::{Column, Output, print, sheet};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use keyward_console::{CreatedKeyWire, KeyWire, PageWire};
use keyward_domain::{Revision, Timestamp};
use keyward_engine::{
    Actor, Created, Engine, ExpiryDraft, FieldFault, KeyDraft, KeyEdit, KeyFilter, KeyView, LimitDraft,
    RestrictionDraft,
};

const ME: &Actor = &Actor::OPERATOR;

pub(super) fn access(command: &KeysCommand) -> Access {
    match command {
        KeysCommand::List(_) | KeysCommand::Show { .. } | KeysCommand::Usage(_) => Access::Read,
        _ => Access::Write,
    }
}

pub(super) async fn run(
    context: Context<'_>,
    engine: &Engine,
    command: &KeysCommand,
) -> Result<Exit, Failure> {
    let view = match command {
        KeysCommand::Create(args) => return create(context, engine, args).await,
        KeysCommand::List(args) => return list(context, engine, args).await,
        KeysCommand::Usage(args) => return usage::run(context, engine, args).await,
        KeysCommand::Show { id } => engine.get_key(ME, id).await?,
        KeysCommand::Edit(args) => {
            engine
                .edit_key(ME, &args.target.id, &edit(args)?, seen(&args.target))
                .await?
        }
        KeysCommand::Enable(target) => engine.enable_key(ME, &target.id, seen(target)).await?,
        KeysCommand::Disable(target) => engine.disable_key(ME, &target.id, seen(target)).await?,
        KeysCommand::Delete(target) => engine.delete_key(ME, &target.id, seen(target)).await?,
        KeysCommand::Restore(target) => engine.restore_key(ME, &target.id, seen(target)).await?,
    };
    context.output.value(&KeyWire::from(&view), describe)
}

fn seen(target: &KeyTarget) -> Option<Revision> {
    target.if_revision.map(Revision)
}

async fn create(context: Context<'_>, engine: &Engine, args: &KeyCreate) -> Result<Exit, Failure> {
    let (expires_at, misread) = match expiry(args, engine.clock().now()) {
        Ok(expires_at) => (expires_at, Vec::new()),
        Err(fault) => (ExpiryDraft::Never, vec![fault]),
    };
    let draft = KeyDraft {
        owner: Some(args.owner.clone()),
        name: args.name.clone(),
        description: args.description.clone(),
        use_case: args.use_case.clone(),
        expires_at,
        sites: listed(&args.sites, args.no_sites),
        addresses: listed(&args.addresses, args.no_addresses),
        limit: args.limit.map_or(LimitDraft::Unlimited, LimitDraft::PerMinute),
        misread,
    };
    match engine.create_key(ME, &draft, None).await? {
        Created::New(issued) => show_secret(context, &issued.view, issued.secret.reveal()),
        Created::Replay(view) => context.output.value(&KeyWire::from(&view), describe),
    }
}

/// The one place of the command line where a secret is printed.
fn show_secret(context: Context<'_>, view: &KeyView, secret: &str) -> Result<Exit, Failure> {
    let new = CreatedKeyWire {
        key: KeyWire::from(view),
        secret,
    };
    if context.output.json {
        return context.output.json_line(&new);
    }
    print(&format!(
        "{}\n\n{secret}\n\nThis is the secret. It is displayed ONLY ONCE: store it now, it cannot be shown again.\n\
         Clients send it in the header X-API-KEY. Every running node accepts it once this command has ended.",
        describe(&new.key)
    ))
}

async fn list(context: Context<'_>, engine: &Engine, args: &KeyList) -> Result<Exit, Failure> {
    let filter = KeyFilter {
        owner: args.owner.clone(),
        status: args.status.clone(),
        site: args.site.clone(),
        use_case: args.use_case.clone(),
        text: args.text.clone(),
        cursor: args.page.cursor.clone(),
        limit: args.page.limit,
        ..KeyFilter::default()
    };
    let page: PageWire<KeyWire> = PageWire::of(&engine.list_keys(ME, &filter).await?);
    context
        .output
        .value(&page, |page| page_text(context.output, page))
}

fn page_text(output: Output, page: &PageWire<KeyWire>) -> String {
    let columns = [
        Column::whole("id"),
        Column::main("name"),
        Column::main("owner"),
        Column::further("use case"),
        Column::further("hint"),
        Column::main("status"),
        Column::further("sites"),
        Column::further("limit"),
        Column::further("last used"),
    ];
    let row = |key: &KeyWire| {
        let last_used = key.last_used.as_ref().map(|used| used.at.clone());
        vec![
            key.id.clone(),
            key.name.clone(),
            key.owner.email.clone(),
            key.use_case.clone(),
            key.hint.clone(),
            key.status.to_owned(),
            or_all(&key.sites),
            limit_or(key.limit, ""),
            last_used.unwrap_or_else(|| "never".into()),
        ]
    };
    let rows = output.table(&columns, page.items.iter().map(row));
    super::with_next(rows, page.next.as_deref())
}

fn edit(args: &KeyEditArgs) -> Result<KeyEdit, Failure> {
    let edit = KeyEdit {
        name: args.name.clone(),
        description: args.description.clone(),
        sites: changed(&args.sites, args.all_sites, args.no_sites),
        addresses: changed(&args.addresses, args.all_addresses, args.no_addresses),
        limit: match (args.limit, args.no_limit) {
            (_, true) => Some(LimitDraft::Unlimited),
            (limit, false) => limit.map(LimitDraft::PerMinute),
        },
        misread: Vec::new(),
    };
    let nothing = edit.name.is_none()
        && edit.description.is_none()
        && edit.sites.is_none()
        && edit.addresses.is_none()
        && edit.limit.is_none();
    if nothing {
        let way_out =
            "nothing to change: give --name, --description, --site, --address, --limit or one of their kind";
        return Err(Failure::new(Exit::Invalid, way_out));
    }
    Ok(edit)
}

/// A list of a new thing: what is not given is all.
pub(super) fn listed(given: &[String], none: bool) -> RestrictionDraft {
    if given.is_empty() && !none {
        RestrictionDraft::Any
    } else {
        RestrictionDraft::only(given)
    }
}

/// A list of a change: absent stays as it is.
pub(super) fn changed(given: &[String], all: bool, none: bool) -> Option<RestrictionDraft> {
    (all || none || !given.is_empty()).then(|| listed(given, none))
}

fn expiry(args: &KeyCreate, now: Timestamp) -> Result<ExpiryDraft, FieldFault> {
    let Some(text) = &args.expires_in else {
        return Ok(args
            .expires_at
            .clone()
            .map_or(ExpiryDraft::Never, ExpiryDraft::At));
    };
    let fault = || {
        let message = format!("`{text}` is no duration: write it as 30d, 12h or 90m");
        FieldFault::new("expires_in", message)
    };
    let span: Span = text.parse().map_err(|_| fault())?;
    let length = span
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| fault())?;
    if length <= SignedDuration::ZERO {
        return Err(fault());
    }
    let millis = i64::try_from(length.as_millis()).map_err(|_| fault())?;
    Ok(Some(now.plus_millis(millis)).into())
}

/// A list that may stand for everything or nothing, in a word.
pub(super) fn or_all(restriction: &RestrictionDraft) -> String {
    match restriction.list() {
        None => "all".into(),
        Some([]) => "none".into(),
        Some(list) => list.join(", "),
    }
}

fn limit_or(limit: LimitDraft, unit: &str) -> String {
    limit
        .per_minute()
        .map_or_else(|| "none".into(), |limit| format!("{limit}{unit}"))
}

fn describe(key: &KeyWire) -> String {
    let last_used = key.last_used.as_ref().map_or_else(
        || "never".into(),
        |used| {
            format!(
                "{} from {}",
                used.at,
                used.address.as_deref().unwrap_or("an unknown address")
            )
        },
    );
    sheet(&[
        ("id", key.id.clone()),
        ("name", key.name.clone()),
        ("description", key.description.clone()),
        ("owner", format!("{} ({})", key.owner.email, key.owner.id)),
        ("use case", key.use_case.clone()),
        ("hint", key.hint.clone()),
        ("status", key.status.to_owned()),
        ("sites", or_all(&key.sites)),
        ("addresses", or_all(&key.addresses)),
        ("limit", limit_or(key.limit, " a minute")),
        ("expires", key.expires_at.at().unwrap_or("never").to_owned()),
        ("created", key.created_at.clone()),
        ("updated", key.updated_at.clone()),
        ("last used", last_used),
        ("revision", key.revision.to_string()),
    ])
}
