//! `keyward keys usage`.

use super::Context;
use crate::cli::KeyUsage;
use crate::exit::{Exit, Failure};
use crate::output::{Column, Output};
use keyward_console::UsageWire;
use keyward_domain::Timestamp;
use keyward_engine::{Actor, Engine, FieldFault, UsageWindow};

pub(super) async fn run(context: Context<'_>, engine: &Engine, args: &KeyUsage) -> Result<Exit, Failure> {
    let mut misread = Vec::new();
    let window = UsageWindow {
        period: args.period.into(),
        from: instant("from", args.from.as_deref(), &mut misread),
        until: instant("until", args.until.as_deref(), &mut misread),
        misread,
    };
    let series = engine.key_usage(&Actor::OPERATOR, &args.id, window).await?;
    context
        .output
        .value(&UsageWire::from(&series), |usage| describe(context.output, usage))
}

fn instant(field: &'static str, text: Option<&str>, faults: &mut Vec<FieldFault>) -> Option<Timestamp> {
    let read: Result<Timestamp, _> = text?.parse();
    let told = |fault: keyward_domain::TimestampFault| faults.push(FieldFault::new(field, fault.to_string()));
    read.map_err(told).ok()
}

fn describe(output: Output, usage: &UsageWire) -> String {
    let rows = usage.buckets.iter().map(|bucket| {
        let refused: Vec<String> = bucket
            .refused
            .iter()
            .map(|(reason, count)| format!("{reason} {count}"))
            .collect();
        let refused = if refused.is_empty() {
            "0".to_owned()
        } else {
            refused.join(", ")
        };
        vec![bucket.start.clone(), bucket.granted.to_string(), refused]
    });
    let columns = [
        Column::whole(usage.period),
        Column::main("granted"),
        Column::main("refused"),
    ];
    let rows = output.table(&columns, rows);
    let last = usage.last_used.as_ref().map_or("never", |used| used.at.as_str());
    format!(
        "{rows}\nfrom {} until {}\nlast granted: {last}",
        usage.from, usage.until
    )
}
