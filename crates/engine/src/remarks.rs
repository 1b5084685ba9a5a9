//! What this process has seen that only an operator can mend: a setting that does not fit what comes in. Whoever sees such a
//! thing notes it here; the operator's port shows it, and so `keyward doctor` knows it. Who adds a remark names the setting.

use keyward_domain::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How long the log is not told of the same setting again, in milliseconds: strangers can bring a remark about.
const QUIET_MILLIS: i64 = 60_000;

/// A setting that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The setting, such as `console.public_url`.
    pub setting: &'static str,
    /// What was seen.
    pub what: String,
    /// What to do about it.
    pub way_out: String,
}

/// The latest remark for each setting, since the start.
#[derive(Debug, Default)]
pub struct Remarks(Mutex<BTreeMap<&'static str, (Timestamp, Remark)>>);

impl Remarks {
    /// Notes it. Says whether it is worth a line in the log: not when that had one about the setting within the last minute.
    pub fn note(&self, now: Timestamp, remark: Remark) -> bool {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = kept.get(remark.setting).map(|(told, _)| *told);
        let is_due =
            told.is_none_or(|told| now.millis().abs_diff(told.millis()) >= QUIET_MILLIS.unsigned_abs());
        let told = if is_due { now } else { told.unwrap_or(now) };
        kept.insert(remark.setting, (told, remark));
        is_due
    }

    /// All of them, by setting.
    pub fn list(&self) -> Vec<Remark> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values().map(|(_, remark)| remark.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remark(setting: &'static str, what: &str) -> Remark {
        Remark {
            setting,
            what: what.to_owned(),
            way_out: "mend it".to_owned(),
        }
    }

    #[test]
    fn the_latest_of_each_setting_is_kept_and_the_log_is_told_once_a_minute() {
        let remarks = Remarks::default();
        let at = |millis: i64| Timestamp::from_millis(1_800_000_000_000 + millis);
        for (millis, setting, what, is_told) in [
            (0, "a", "1", true),
            (0, "b", "2", true),
            (59_999, "a", "3", false),
            (60_000, "a", "4", true),
            // A clock that is set back keeps nothing quiet for long.
            (-3_600_000, "a", "5", true),
        ] {
            assert_eq!(remarks.note(at(millis), remark(setting, what)), is_told, "{what}");
        }
        assert_eq!(remarks.list(), [remark("a", "5"), remark("b", "2")]);
    }
}
