//! `GET /v1/keys/{id}/usage`

use crate::answer::answer;
use crate::api::Answer;
use crate::app::App;
use crate::body::{Named, Query};
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::{PeriodWord, UsageWire};
use axum::extract::State;
use http::StatusCode;
use keyward_domain::Timestamp;
use keyward_engine::{Period, UsageWindow};
use utoipa::IntoParams;

/// Which part of the usage to show.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// `minute`, `hour` (if absent) or `day`.
    #[param(value_type = Option<PeriodWord>)]
    period: Option<Period>,
    /// First instant (RFC 3339); absent is 60 minutes, 24 hours or 30 days before `until`.
    #[param(value_type = Option<String>, format = DateTime)]
    from: Option<Timestamp>,
    /// Instant after the last; absent is now.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
}

impl Decode for UsageQuery {
    fn decode(fields: &mut Fields) -> Self {
        Self {
            period: fields.parsed("period", |word| match word {
                "minute" => Ok(Period::Minute),
                "hour" => Ok(Period::Hour),
                "day" => Ok(Period::Day),
                _ => Err("must be one of: minute, hour, day"),
            }),
            from: fields.parsed("from", str::parse::<Timestamp>),
            until: fields.parsed("until", str::parse::<Timestamp>),
        }
    }
}

impl From<UsageQuery> for UsageWindow {
    fn from(query: UsageQuery) -> Self {
        Self {
            period: query.period.unwrap_or(Period::Hour),
            from: query.from,
            until: query.until,
            misread: Vec::new(),
        }
    }
}

/// Show how often a key was granted and refused
#[utoipa::path(get, path = "/v1/keys/{id}/usage", tag = "keys", params(("id" = String, Path, description = "The key's id"), UsageQuery),
    responses((status = 200, body = UsageWire)))]
pub(crate) async fn get_key_usage(
    State(app): State<App>,
    Caller(actor): Caller,
    Named(id): Named,
    Query(query): Query<UsageQuery>,
) -> Answer {
    let (window, report) = query.into_draft::<UsageWindow>();
    let series = app.engine.key_usage(&actor, &id, window).await;
    let series = series.map_err(|error| report.problem(error))?;
    Ok(answer(StatusCode::OK, &UsageWire::from(&series)))
}
