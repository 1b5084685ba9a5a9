//! Instants as people read them: in words near now, exact in their own zone on hover.

use super::language::Language;
use fluent_bundle::FluentValue;
use jiff::tz::TimeZone;
use keyward_domain::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const MONTH: i64 = 30 * DAY;
const YEAR: i64 = 365 * DAY;
const TWO_MONTHS: i64 = 2 * MONTH;
const TWO_YEARS: i64 = 2 * YEAR;

/// An instant, ready to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// For programs (RFC 3339, UTC).
    pub(crate) iso: String,
    /// "in 12 days", "3 minutes ago".
    pub(crate) near: String,
    /// Date, time and zone, in the person's zone.
    pub(crate) exact: String,
}

/// Shows instants to one person.
#[derive(Clone, Debug)]
pub(crate) struct Moments {
    pub(crate) now: Timestamp,
    pub(crate) zone: TimeZone,
    pub(crate) language: Language,
}

impl Moments {
    pub(crate) fn show(&self, at: Timestamp) -> Moment {
        Moment {
            iso: at.to_string(),
            near: self.near(at),
            exact: self.exact(at),
        }
    }

    /// In the person's zone; as programs have it where that zone has no such instant: the last day of the calendar is one
    /// that not every zone still has.
    fn exact(&self, at: Timestamp) -> String {
        let Ok(instant) = jiff::Timestamp::from_millisecond(at.millis()) else {
            return at.to_string();
        };
        let form = match self.language {
            Language::English => "%-d %b %Y, %H:%M:%S %Z",
            Language::French => "%d/%m/%Y %H:%M:%S %Z",
        };
        let zoned = instant.to_zoned_datetime(self.zone.clone());
        zoned.strftime(form).to_string()
    }

    fn near(&self, at: Timestamp) -> String {
        let seconds = (at.millis() - self.now.millis()) / 1000;
        let (unit, size) = match seconds.abs() {
            0..MINUTE => return self.language.text("moment-now").into_owned(),
            MINUTE..HOUR => ("minutes", MINUTE),
            HOUR..DAY => ("hours", HOUR),
            DAY..TWO_MONTHS => ("days", DAY),
            TWO_MONTHS..TWO_YEARS => ("months", MONTH),
            _ => ("years", YEAR),
        };
        let id = if seconds > 0 {
            format!("moment-in-{unit}")
        } else {
            format!("moment-ago-{unit}")
        };
        // Rounded: what was said to last 30 days begins with 30.
        let count = FluentValue::from((seconds.abs() + size / 2) / size);
        self.language.text_with(&id, &[("count", count)]).into_owned()
    }
}

/// The zone of a cookie, if there is one of that name.
pub(crate) fn zone_of(name: Option<&str>) -> TimeZone {
    name.filter(|name| name.len() <= 64)
        .and_then(|name| TimeZone::get(name).ok())
        .unwrap_or(TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(zone: &str, language: Language) -> Moments {
        Moments {
            now: Timestamp::from_millis(1_795_000_000_000),
            zone: zone_of(Some(zone)),
            language,
        }
    }

    #[test]
    fn instants_are_near_in_words_and_exact_in_the_persons_zone() {
        let later = Timestamp::from_millis(1_795_000_000_000 + 12 * DAY * 1000);
        let shown = moments("Europe/Paris", Language::English).show(later);
        assert_eq!(shown.near, "in 12 days");
        assert_eq!(shown.exact, "30 Nov 2026, 12:06:40 CET");
        let shown = moments("America/New_York", Language::French).show(later);
        assert_eq!(shown.near, "dans 12 jours");
        assert_eq!(shown.exact, "30/11/2026 06:06:40 EST");
    }

    #[test]
    fn the_last_instant_that_there_is_is_shown_as_itself() {
        for zone in ["UTC", "Pacific/Kiritimati", "America/New_York"] {
            for text in ["9999-12-31T23:59:59.999Z", "9999-12-31T00:00:00Z"] {
                let shown = moments(zone, Language::English).show(text.parse().unwrap());
                assert_eq!((shown.exact.as_str(), shown.iso.as_str()), (text, text), "{zone}");
            }
        }
    }

    #[test]
    fn the_past_and_the_present_have_words_too() {
        let moments = moments("UTC", Language::English);
        let at = |seconds: i64| {
            moments
                .show(Timestamp::from_millis(1_795_000_000_000 + seconds * 1000))
                .near
        };
        assert_eq!(at(0), "just now");
        assert_eq!(at(-61), "1 minute ago");
        assert_eq!(at(-7200), "2 hours ago");
        assert_eq!(at(DAY), "in 1 day");
        assert_eq!(at(30 * DAY - 2), "in 30 days");
        assert_eq!(at(365 * DAY - 2), "in 12 months");
        assert_eq!(at(-1678 * DAY), "5 years ago");
    }

    #[test]
    fn a_zone_that_is_none_is_utc() {
        for name in [None, Some("Nowhere/Land"), Some("../../etc/passwd"), Some("")] {
            assert_eq!(zone_of(name), TimeZone::UTC, "{name:?}");
        }
    }
}
