//! Granted and refused requests as bars, drawn on the server; and the same as numbers, for those who cannot see them.

use super::words::number;
use crate::web::language::Language;
use crate::web::page::Page;
use jiff::tz::TimeZone;
use keyward_domain::{Reason, Timestamp};
use keyward_engine::{Period, UsageSeries, UsageWindow};
use std::collections::BTreeMap;

const HEIGHT: u64 = 160;
const LEFT: u64 = 60;
const WIDTH: u64 = 720;

/// The part of the past that a chart shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Span {
    Hour,
    Day,
    Month,
}

impl Span {
    pub(super) const ALL: [Self; 3] = [Self::Hour, Self::Day, Self::Month];

    /// Its name in addresses and texts.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    pub(super) fn of_word(word: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|span| span.word() == word)
            .unwrap_or(Self::Day)
    }

    const fn period(self) -> Period {
        match self {
            Self::Hour => Period::Minute,
            Self::Day => Period::Hour,
            Self::Month => Period::Day,
        }
    }

    const fn bars(self) -> i64 {
        match self {
            Self::Hour => 60,
            Self::Day => 24,
            Self::Month => 30,
        }
    }

    fn first(self, now: Timestamp) -> Timestamp {
        let period = self.period();
        period
            .start_of(now)
            .plus_millis(-(self.bars() - 1) * period.millis())
    }

    pub(super) fn window(self, now: Timestamp) -> UsageWindow {
        UsageWindow {
            period: self.period(),
            from: Some(self.first(now)),
            until: None,
            misread: Vec::new(),
        }
    }
}

/// A chart, and its numbers.
pub(super) struct Chart {
    pub(super) bars: Vec<Bar>,
    /// The highest value of the scale, and half of it.
    pub(super) top: String,
    pub(super) half: String,
    pub(super) granted: String,
    pub(super) refused: String,
    pub(super) is_empty: bool,
    /// What the bars show, in words.
    pub(super) label: String,
    pub(super) refusals: Vec<Refusal>,
}

/// One bar: granted below, refused on top of it.
pub(super) struct Bar {
    /// What stands under it; not under each.
    pub(super) tick: Option<String>,
    /// When it was.
    pub(super) label: String,
    pub(super) granted: String,
    pub(super) refused: String,
    pub(super) x: u64,
    pub(super) middle: u64,
    pub(super) width: u64,
    pub(super) granted_y: u64,
    pub(super) granted_height: u64,
    pub(super) refused_y: u64,
    pub(super) refused_height: u64,
}

/// How often one reason stood against the key.
pub(super) struct Refusal {
    pub(super) code: &'static str,
    pub(super) text: String,
    pub(super) count: String,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    granted: u64,
    refused: u64,
}

impl Chart {
    pub(super) fn of(page: &Page, span: Span, series: &UsageSeries) -> Self {
        let tallies = tallies(span, series, page.moments.now);
        let most = tallies
            .iter()
            .map(|(_, tally)| tally.granted + tally.refused)
            .max();
        let top = round_up(most.unwrap_or(0));
        let sum = |part: fn(&Tally) -> u64| tallies.iter().map(|(_, tally)| part(tally)).sum::<u64>();
        let (granted, refused) = (sum(|tally| tally.granted), sum(|tally| tally.refused));
        let bars = (0..)
            .zip(&tallies)
            .map(|(place, (at, tally))| bar(page, span, place, *at, *tally, top));
        Self {
            bars: bars.collect(),
            top: number(page, top),
            half: number(page, top / 2),
            label: chart_label(page, granted, refused),
            granted: number(page, granted),
            refused: number(page, refused),
            is_empty: granted + refused == 0,
            refusals: refusals(page, series),
        }
    }
}

fn chart_label(page: &Page, granted: u64, refused: u64) -> String {
    let (granted, refused) = (number(page, granted), number(page, refused));
    page.t2("key-chart", ("granted", granted), ("refused", refused))
        .into_owned()
}

fn tallies(span: Span, series: &UsageSeries, now: Timestamp) -> Vec<(Timestamp, Tally)> {
    let mut by_start: BTreeMap<Timestamp, Tally> = BTreeMap::new();
    for bucket in &series.buckets {
        let tally = by_start.entry(bucket.start).or_default();
        match bucket.refused {
            None => tally.granted += bucket.count,
            Some(_) => tally.refused += bucket.count,
        }
    }
    let first = span.first(now);
    (0..span.bars())
        .map(|place| first.plus_millis(place * span.period().millis()))
        .map(|at| (at, by_start.get(&at).copied().unwrap_or_default()))
        .collect()
}

fn bar(page: &Page, span: Span, place: u64, at: Timestamp, tally: Tally, top: u64) -> Bar {
    let step = (WIDTH - LEFT) / span.bars().unsigned_abs();
    let x = LEFT + place * step;
    let granted_height = scaled(tally.granted, top);
    let refused_height = scaled(tally.refused, top);
    let label = label(page, span, at);
    let every = span.bars().unsigned_abs() / 6;
    Bar {
        tick: place.is_multiple_of(every).then(|| label.clone()),
        label,
        granted: number(page, tally.granted),
        refused: number(page, tally.refused),
        x: x + 1,
        middle: x + step / 2,
        width: step - 2,
        granted_y: HEIGHT - granted_height,
        granted_height,
        refused_y: HEIGHT.saturating_sub(granted_height + refused_height),
        refused_height,
    }
}

/// A height; what is there at all can be seen.
fn scaled(count: u64, top: u64) -> u64 {
    if count == 0 {
        return 0;
    }
    let height = u128::from(count) * u128::from(HEIGHT) / u128::from(top.max(1));
    u64::try_from(height).unwrap_or(HEIGHT).max(2)
}

/// The next 2, 4 or 10 times a power of ten, so that half of it is a whole number.
fn round_up(most: u64) -> u64 {
    let mut scale: u64 = 1;
    loop {
        for step in [2, 4, 10] {
            let top = scale.saturating_mul(step);
            if top >= most {
                return top;
            }
        }
        scale = scale.saturating_mul(10);
    }
}

/// The minute or hour in the person's zone; days are counted in UTC.
fn label(page: &Page, span: Span, at: Timestamp) -> String {
    let zone = match span {
        Span::Month => TimeZone::UTC,
        Span::Hour | Span::Day => page.moments.zone.clone(),
    };
    let instant = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
    let form = match (span, page.language) {
        (Span::Month, Language::English) => "%-d %b",
        (Span::Month, Language::French) => "%d/%m",
        _ => "%H:%M",
    };
    instant.to_zoned_datetime(zone).strftime(form).to_string()
}

fn refusals(page: &Page, series: &UsageSeries) -> Vec<Refusal> {
    let count = |reason: Reason| {
        let of_reason = series
            .buckets
            .iter()
            .filter(|bucket| bucket.refused == Some(reason));
        of_reason.map(|bucket| bucket.count).sum::<u64>()
    };
    let mut counted: Vec<(Reason, u64)> = Reason::ALL.map(|reason| (reason, count(reason))).into();
    counted.retain(|(_, count)| *count > 0);
    counted.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let refusal = |(reason, count): (Reason, u64)| Refusal {
        code: reason.code(),
        text: page.t(&text_of(reason)).into_owned(),
        count: number(page, count),
    };
    counted.into_iter().map(refusal).collect()
}

/// The text that says what a reason means.
pub(super) fn text_of(reason: Reason) -> String {
    format!("key-reason-{}", reason.code().replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_above_the_highest_bar() {
        for (most, top) in [(0, 2), (1, 2), (3, 4), (5, 10), (11, 20), (41, 100), (4000, 4000)] {
            assert_eq!(round_up(most), top, "{most}");
        }
        assert_eq!(round_up(u64::MAX), u64::MAX);
    }

    #[test]
    fn what_is_there_can_be_seen_and_nothing_is_higher_than_the_chart() {
        assert_eq!(
            (scaled(0, 10), scaled(1, 1_000_000), scaled(10, 10)),
            (0, 2, HEIGHT)
        );
        assert_eq!(scaled(u64::MAX, u64::MAX), HEIGHT);
    }
}
