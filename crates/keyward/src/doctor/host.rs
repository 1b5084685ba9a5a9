//! The machine: clock, disk, open files.

use super::finding::Finding;
use keyward_domain::Timestamp;
use keyward_engine::{Clock, SystemClock};
use rustix::process::{Resource, getrlimit};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// 2026-01-01: this program did not exist before.
const NOT_BEFORE: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// 2100-01-01.
const NOT_AFTER: Timestamp = Timestamp::from_millis(4_102_444_800_000);
const DAY_MILLIS: i64 = 86_400_000;
/// How far two readings of good clocks may be apart.
const SLACK_MILLIS: i64 = 5_000;
/// The same for clocks of different machines, one of which is told in whole seconds.
const BESIDE_SECONDS: u64 = 30;
const MIB: u64 = 1024 * 1024;
/// Besides connections: the database, logs, listeners.
const OTHER_FILES: usize = 1024;
const SET_CLOCK: &str = "set the clock (`timedatectl set-ntp true`): expiries and limits depend on it";

/// Whether the clock can be right at all.
pub(super) fn check_clock() -> Vec<Finding> {
    let now = SystemClock.now();
    let built = built_at().unwrap_or(NOT_BEFORE);
    vec![judge_clock(now, built)]
}

fn judge_clock(now: Timestamp, built: Timestamp) -> Finding {
    if now < NOT_BEFORE || now.plus_millis(DAY_MILLIS) < built {
        let what = format!("shows {now}, a time before this program was built");
        return Finding::problem("clock", "system clock", what, SET_CLOCK);
    }
    if now >= NOT_AFTER {
        return Finding::problem("clock", "system clock", format!("shows {now}"), SET_CLOCK);
    }
    Finding::good("clock", "system clock", format!("shows {now}"))
}

/// A clock that shows less than the newest audit event has gone backwards.
pub(super) fn check_clock_against(now: Timestamp, newest: Timestamp) -> Option<Finding> {
    (now.plus_millis(SLACK_MILLIS) < newest).then(|| {
        let what = format!("shows {now}, but the newest audit event is of {newest}: it went backwards");
        Finding::problem("clock", "system clock", what, SET_CLOCK)
    })
}

/// Two clocks that show different times: one of them is wrong, and it may be ours.
pub(super) fn check_clock_beside(now: Timestamp, theirs: Timestamp, whom: &str) -> Option<Finding> {
    let apart = now.millis().abs_diff(theirs.millis()) / 1000;
    (apart > BESIDE_SECONDS).then(|| {
        let what = format!("shows {now}, and that of {whom} {theirs}: {apart} s apart");
        Finding::warning("clock", "system clock", what, SET_CLOCK)
    })
}

fn built_at() -> Option<Timestamp> {
    let modified = std::env::current_exe().ok()?.metadata().ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok().map(Timestamp::from_millis)
}

/// A full disk stops every change, and the storing of usage.
pub(super) fn check_disk(database: &Path) -> Option<Finding> {
    let folder = match database.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let space = rustix::fs::statvfs(folder).ok()?;
    let free = space.f_bavail.saturating_mul(space.f_frsize) / MIB;
    let place = folder.display();
    let way_out = "make room, or move the database to a larger disk";
    let what = format!("{free} MiB free");
    Some(match free {
        0..100 => Finding::problem("disk", place, what, way_out),
        100..1024 => Finding::warning("disk", place, what, way_out),
        _ => Finding::good("disk", place, what),
    })
}

/// Each request takes a connection of its client and one to the upstream. `serve` raises the soft limit to the hard one. `connections` are those that the ports may have in all.
pub(super) fn check_open_files(connections: usize) -> Option<Finding> {
    let most = usize::try_from(getrlimit(Resource::Nofile).maximum?).unwrap_or(usize::MAX);
    let needed = connections.saturating_mul(2).saturating_add(OTHER_FILES);
    let place = "open file limit";
    if most < needed {
        let what = format!("{most}, but {connections} connections may need {needed}");
        let way_out = format!(
            "raise it (`ulimit -Hn {needed}`, LimitNOFILE= in systemd), or lower max_connections of the gateway and of authz"
        );
        return Some(Finding::warning("open files", place, what, way_out));
    }
    Some(Finding::good("open files", place, most.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Grade;
    use super::*;

    #[test]
    fn a_clock_that_cannot_be_right_is_a_problem() {
        let built = NOT_BEFORE.plus_days(100);
        for (now, grade) in [
            (Timestamp::from_millis(0), Grade::Problem),
            (NOT_BEFORE.plus_days(50), Grade::Problem),
            (built, Grade::Good),
            (NOT_AFTER.plus_millis(-1), Grade::Good),
            (NOT_AFTER, Grade::Problem),
        ] {
            assert_eq!(judge_clock(now, built).grade, grade, "{now}");
        }
    }

    #[test]
    fn a_clock_that_is_far_from_anothers_is_told() {
        let now = NOT_BEFORE.plus_days(10);
        for (millis, told) in [
            (0, false),
            (30_999, false),
            (31_000, true),
            (-30_999, false),
            (-31_000, true),
        ] {
            let found = check_clock_beside(now, now.plus_millis(millis), "them");
            assert_eq!(found.is_some(), told, "{millis}");
        }
    }

    #[test]
    fn a_clock_that_went_backwards_is_a_problem() {
        let newest = NOT_BEFORE.plus_days(10);
        assert!(check_clock_against(newest.plus_millis(-SLACK_MILLIS), newest).is_none());
        assert!(check_clock_against(newest.plus_millis(-SLACK_MILLIS - 1), newest).is_some());
    }
}
