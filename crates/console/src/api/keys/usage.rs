//! `GET /v1/keys/{id}/usage`

use crate::api::Answer;
use crate::app::App;
use crate::body::{Named, Query};
use crate::caller::Caller;
use crate::fields::{Decode, Fields};
use crate::wire::{LastUsedWire, answer};
use axum::extract::State;
use http::StatusCode;
use keyward_domain::Timestamp;
use keyward_engine::{Period, UsageSeries, UsageWindow};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Which part of the usage to show.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UsageQuery {
    /// `minute`, `hour` (if absent) or `day`.
    #[param(value_type = Option<String>)]
    period: Option<Period>,
    /// First instant (RFC 3339); absent is 60 minutes, 24 hours or 30 days before `until`.
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Instant after the last; absent is now.
    #[param(value_type = Option<String>)]
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

/// A key's usage.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageWire {
    /// `minute`, `hour` or `day`.
    period: &'static str,
    /// First instant.
    from: String,
    /// Instant after the last.
    until: String,
    /// Buckets that are not empty, by start.
    buckets: Vec<BucketWire>,
    /// When and from where the key was last granted.
    #[schema(required)]
    last_used: Option<LastUsedWire>,
}

/// What happened in one minute, hour or day.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageBucket)]
pub(crate) struct BucketWire {
    /// Its start.
    start: String,
    /// Requests granted.
    granted: u64,
    /// Requests refused, by reason.
    refused: BTreeMap<&'static str, u64>,
}

impl From<&UsageSeries> for UsageWire {
    fn from(series: &UsageSeries) -> Self {
        let mut buckets: Vec<BucketWire> = Vec::new();
        for counted in &series.buckets {
            let start = counted.start.to_string();
            if buckets.last().is_none_or(|bucket| bucket.start != start) {
                buckets.push(BucketWire {
                    start,
                    granted: 0,
                    refused: BTreeMap::new(),
                });
            }
            let Some(bucket) = buckets.last_mut() else {
                continue;
            };
            match counted.refused {
                None => bucket.granted += counted.count,
                Some(reason) => *bucket.refused.entry(reason.code()).or_default() += counted.count,
            }
        }
        Self {
            period: match series.period {
                Period::Minute => "minute",
                Period::Hour => "hour",
                Period::Day => "day",
            },
            from: series.from.to_string(),
            until: series.until.to_string(),
            buckets,
            last_used: series.last_used.map(Into::into),
        }
    }
}

/// Show how often a key was granted and refused
#[utoipa::path(get, path = "/v1/keys/{id}/usage", tag = "keys", params(("id" = String, Path), UsageQuery),
    responses((status = 200, body = UsageWire)))]
pub(crate) async fn get_key_usage(
    State(app): State<App>,
    Caller(actor): Caller,
    Named(id): Named,
    Query(query): Query<UsageQuery>,
) -> Answer {
    let window = UsageWindow {
        period: query.period.unwrap_or(Period::Hour),
        from: query.from,
        until: query.until,
    };
    let series = app.engine.key_usage(&actor, &id, window).await?;
    Ok(answer(StatusCode::OK, &UsageWire::from(&series)))
}
