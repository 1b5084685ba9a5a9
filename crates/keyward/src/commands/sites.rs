//! `keyward sites …`.

use super::Context;
use crate::cli::SitesCommand;
use crate::exit::{Exit, Failure};
use crate::open::Access;
use crate::output::{Column, sheet};
use keyward_console::{PageWire, SiteWire};
use keyward_engine::{Actor, Created, Engine, SiteEdit};

const ME: &Actor = &Actor::OPERATOR;

pub(super) fn access(command: &SitesCommand) -> Access {
    match command {
        SitesCommand::List => Access::Read,
        _ => Access::Write,
    }
}

pub(super) async fn run(
    context: Context<'_>,
    engine: &Engine,
    command: &SitesCommand,
) -> Result<Exit, Failure> {
    let (name, edit) = match command {
        SitesCommand::List => return list(context, engine).await,
        SitesCommand::Create { name } => {
            let (Created::New(site) | Created::Replay(site)) = engine.create_site(ME, name, None).await?;
            return context.output.value(&SiteWire::from(&site), describe);
        }
        SitesCommand::Rename { name, new_name } => (
            name,
            SiteEdit {
                name: Some(new_name.clone()),
                ..SiteEdit::default()
            },
        ),
        SitesCommand::Disable { name } => (
            name,
            SiteEdit {
                active: Some(false),
                ..SiteEdit::default()
            },
        ),
        SitesCommand::Enable { name } => (
            name,
            SiteEdit {
                active: Some(true),
                ..SiteEdit::default()
            },
        ),
    };
    let site = engine.edit_site(ME, name, &edit, None).await?;
    context.output.value(&SiteWire::from(&site), describe)
}

async fn list(context: Context<'_>, engine: &Engine) -> Result<Exit, Failure> {
    let sites = engine.list_sites(ME).await?;
    let page = PageWire::whole(sites.iter().map(SiteWire::from).collect());
    context.output.value(&page, |page| {
        let rows = page
            .items
            .iter()
            .map(|site| vec![site.name.clone(), state(site).into(), site.created_at.clone()]);
        let columns = [
            Column::whole("name"),
            Column::main("status"),
            Column::further("created"),
        ];
        context.output.table(&columns, rows)
    })
}

fn describe(site: &SiteWire) -> String {
    sheet(&[
        ("name", site.name.clone()),
        ("status", state(site).into()),
        ("created", site.created_at.clone()),
        ("revision", site.revision.to_string()),
    ])
}

fn state(site: &SiteWire) -> &'static str {
    if site.active { "active" } else { "disabled" }
}
