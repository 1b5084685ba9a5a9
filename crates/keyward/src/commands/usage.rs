//! `keyward keys usage`.

use super::Context;
use crate::cli::KeyUsage;
use crate::exit::{Exit, Failure};
use crate::output::table;
use keyward_console::UsageWire;
use keyward_domain::Timestamp;
use keyward_engine::{Actor, Engine, EngineError, UsageWindow};

pub(super) async fn run(context: Context<'_>, engine: &Engine, args: &KeyUsage) -> Result<Exit, Failure> {
    let window = UsageWindow {
        period: args.period.into(),
        from: instant("from", args.from.as_deref())?,
        until: instant("until", args.until.as_deref())?,
    };
    let series = engine.key_usage(&Actor::OPERATOR, &args.id, window).await?;
    context.output.value(&UsageWire::from(&series), describe)
}

fn instant(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, EngineError> {
    text.map(str::parse)
        .transpose()
        .map_err(|fault: keyward_domain::TimestampFault| EngineError::field(field, fault.to_string()))
}

fn describe(usage: &UsageWire) -> String {
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
    let rows = table(&[usage.period, "granted", "refused"], rows);
    let last = usage.last_used.as_ref().map_or("never", |used| used.at.as_str());
    format!(
        "{rows}\nfrom {} until {}; last granted: {last}",
        usage.from, usage.until
    )
}
