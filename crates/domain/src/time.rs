//! Instants and the clock of the key set.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};
use std::fmt;
use std::str::FromStr;

/// An instant in UTC, as milliseconds since the Unix epoch. Between the years 1 and 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(i64);

/// Why a text is no instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimestampFault {
    /// Not of the form of RFC 3339.
    #[error("expected an RFC 3339 instant with an offset, such as 2027-01-31T12:00:00Z")]
    Shape,
    /// The form is right, but the calendar has no such day, hour or second.
    #[error("no such instant: check the day, the hour, and that seconds are at most 59")]
    NoSuchInstant,
}

/// The first and the last millisecond of the years 1 to 9999.
const FIRST: i64 = -62_135_596_800_000;
const LAST: i64 = 253_402_300_799_999;

const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);

impl Timestamp {
    /// An instant from Unix milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Unix milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Unix seconds, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The instant `millis` later (earlier when negative).
    #[must_use]
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// The instant `days` times 24 hours later.
    #[must_use]
    pub const fn plus_days(self, days: i64) -> Self {
        self.plus_millis(days.saturating_mul(86_400_000))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampFault;

    /// Reads `YYYY-MM-DDTHH:MM:SS[.fraction](Z|±HH:MM)` (RFC 3339, section 5.6). Digits beyond milliseconds are
    /// dropped. A leap second is refused: the clock that will be compared with it has none.
    fn from_str(text: &str) -> Result<Self, TimestampFault> {
        let (local, offset_minutes) = split_offset(text).ok_or(TimestampFault::Shape)?;
        check_local_shape(local)?;
        if &local[17..19] == "60" {
            return Err(TimestampFault::NoSuchInstant);
        }
        let civil: DateTime = local.parse().map_err(|_| TimestampFault::NoSuchInstant)?;
        let local_millis = civil.duration_since(EPOCH).as_millis();
        let millis =
            i64::try_from(local_millis).map_err(|_| TimestampFault::NoSuchInstant)? - offset_minutes * 60_000;
        // The offset counts: what is written as the last minute of 9999 may be an instant of 10000.
        if !(FIRST..=LAST).contains(&millis) {
            return Err(TimestampFault::NoSuchInstant);
        }
        Ok(Self(millis))
    }
}

fn check_local_shape(local: &str) -> Result<(), TimestampFault> {
    let bytes = local.as_bytes();
    let shape = b"dddd-dd-ddTdd:dd:dd";
    let head = bytes.get(..shape.len()).ok_or(TimestampFault::Shape)?;
    let fits = head.iter().zip(shape).all(|(byte, wanted)| match wanted {
        b'd' => byte.is_ascii_digit(),
        other => byte == other,
    });
    let fraction = &bytes[shape.len()..];
    let fraction_fits = match fraction {
        [] => true,
        [b'.', digits @ ..] => (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if fits && fraction_fits {
        Ok(())
    } else {
        Err(TimestampFault::Shape)
    }
}

fn split_offset(text: &str) -> Option<(&str, i64)> {
    if !text.is_ascii() {
        return None;
    }
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, 0));
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (sign, hours, minutes) = match offset.as_bytes() {
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2]
            if [h1, h2, m1, m2].iter().all(|d| d.is_ascii_digit()) =>
        {
            (
                if *sign == b'-' { -1 } else { 1 },
                i64::from(h1 - b'0') * 10 + i64::from(h2 - b'0'),
                i64::from(m1 - b'0') * 10 + i64::from(m2 - b'0'),
            )
        }
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some((local, sign * (hours * 60 + minutes)))
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC, milliseconds only when there are some.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match EPOCH.checked_add(SignedDuration::from_millis(self.0)) {
            Ok(at) if self.0.rem_euclid(1000) == 0 => write!(f, "{}Z", at.strftime("%Y-%m-%dT%H:%M:%S")),
            Ok(at) => write!(
                f,
                "{}.{:03}Z",
                at.strftime("%Y-%m-%dT%H:%M:%S"),
                self.0.rem_euclid(1000)
            ),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// A number that every committed change raises by one: the clock of the key set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn r9_instants_are_read_strictly() {
        let good = [
            ("2026-11-23T22:11:00Z", 1_795_471_860_000),
            ("2026-11-24T12:11:00+14:00", 1_795_471_860_000),
            ("2026-11-23T22:11:00.250Z", 1_795_471_860_250),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ];
        for (text, millis) in good {
            assert_eq!(text.parse::<Timestamp>(), Ok(Timestamp(millis)), "{text}");
        }
        let bad = [
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-00:01",
            "0001-01-01T00:00:00+00:01",
            "2026-02-30T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01 00:00:00Z",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00z",
            "2026-01-01T00:00:00.Z",
            "1795471860",
            "",
            "２026-01-01T00:00:00Z",
        ];
        for text in bad {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(millis in -62_135_596_800_000i64..253_402_300_799_999) {
            let at = Timestamp(millis);
            prop_assert_eq!(at.to_string().parse::<Timestamp>(), Ok(at));
        }
    }
}
