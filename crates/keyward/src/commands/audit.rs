//! `keyward audit`.

use super::Context;
use crate::cli::AuditArgs;
use crate::exit::{Exit, Failure};
use crate::output::Column;
use keyward_console::{AuditWire, PageWire};
use keyward_engine::{Actor, AuditFilter, Engine};

pub(super) async fn run(context: Context<'_>, engine: &Engine, args: &AuditArgs) -> Result<Exit, Failure> {
    let filter = AuditFilter {
        user: args.user.clone(),
        target_kind: args.target_kind.clone(),
        target_id: args.target_id.clone(),
        action: args.action.clone(),
        since: args.since.clone(),
        until: args.until.clone(),
        cursor: args.page.cursor.clone(),
        limit: args.page.limit,
        misread: Vec::new(),
    };
    let page = engine.list_audit(&Actor::OPERATOR, &filter).await?;
    let page: PageWire<AuditWire> = PageWire::of(&page);
    context.output.value(&page, |page| {
        let rows = page.items.iter().map(row);
        let columns = [
            Column::whole("when"),
            Column::main("who"),
            Column::further("from"),
            Column::main("what"),
            Column::main("to"),
            Column::main("outcome"),
            Column::further("before"),
            Column::further("after"),
        ];
        super::with_next(context.output.table(&columns, rows), page.next.as_deref())
    })
}

fn row(event: &AuditWire) -> Vec<String> {
    let actor = &event.actor;
    let who = actor
        .email
        .as_deref()
        .or(actor.id.as_deref())
        .unwrap_or(actor.kind);
    let state =
        |value: &Option<serde_json::Value>| value.as_ref().map(ToString::to_string).unwrap_or_default();
    vec![
        event.at.clone(),
        who.to_owned(),
        event.address.clone().unwrap_or_else(|| "here".into()),
        event.action.clone(),
        format!("{} {}", event.target.kind, event.target.id),
        event.reason.clone().map_or_else(
            || event.outcome.to_owned(),
            |why| format!("{}: {why}", event.outcome),
        ),
        state(&event.before),
        state(&event.after),
    ]
}
