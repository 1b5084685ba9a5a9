//! Usage of keys.

use super::LastUsedWire;
use super::words::PeriodWord;
use keyward_engine::{Period, UsageSeries};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A key's usage.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub struct UsageWire {
    /// `minute`, `hour` or `day`.
    #[schema(value_type = PeriodWord)]
    pub period: &'static str,
    /// First instant.
    #[schema(format = DateTime)]
    pub from: String,
    /// Instant after the last.
    #[schema(format = DateTime)]
    pub until: String,
    /// Buckets that are not empty, by start.
    pub buckets: Vec<BucketWire>,
    /// When and from where the key was last granted; absent when it never was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<LastUsedWire>,
}

/// What happened in one minute, hour or day.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageBucket)]
pub struct BucketWire {
    /// Its start.
    #[schema(format = DateTime)]
    pub start: String,
    /// Requests granted.
    pub granted: u64,
    /// Requests refused, by reason.
    pub refused: BTreeMap<&'static str, u64>,
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
