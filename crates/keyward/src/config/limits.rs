//! Where limits are counted: in memory, or in a Redis that several nodes share.

use super::database::read_password;
use super::values::Checker;
use keyward_limit::{Mode, OnFailure, RedisOptions};
use std::path::PathBuf;

/// Reads the section `limits`. `None` in it is memory.
pub(super) fn read(checker: &mut Checker<'_>) -> Option<Option<RedisOptions>> {
    let limits = &checker.loaded.config.limits;
    let mode = checker.word(
        "limits.mode",
        &limits.mode,
        &[Mode::Exact, Mode::Leased].map(|mode| (mode.word(), mode)),
    );
    let on_failure = checker.word(
        "limits.on_limiter_failure",
        &limits.on_limiter_failure,
        &[OnFailure::Local, OnFailure::Refuse, OnFailure::Allow].map(|way| (way.word(), way)),
    );
    let Some(url) = &limits.url else {
        let is_set = [
            ("limits.password_file", limits.password_file.is_some()),
            (
                "limits.sentinel_password_file",
                limits.sentinel_password_file.is_some(),
            ),
            ("limits.ca_file", limits.ca_file.is_some()),
            ("limits.cluster", limits.cluster),
            ("limits.mode", mode == Some(Mode::Leased)),
        ];
        for (key, _) in is_set.into_iter().filter(|(_, is_set)| *is_set) {
            checker.fault(
                key,
                "says nothing without limits.url: give that, or leave this out",
            );
        }
        return Some(None);
    };
    let mut options = RedisOptions {
        url: url.clone(),
        password_file: None,
        sentinel_password_file: None,
        authorities: None,
        cluster: limits.cluster,
        mode: mode?,
        on_failure: on_failure?,
    };
    if let Some(file) = &limits.ca_file {
        let path = checker.path("limits.ca_file", file);
        let read =
            std::fs::read(&path).map_err(|error| format!("{}: cannot be read: {error}", path.display()));
        options.authorities = Some(checker.take("limits.ca_file", read)?);
    }
    checker.take("limits.url", options.check())?;
    if options.has_password() && limits.password_file.is_some() {
        checker.fault(
            "limits.password_file",
            "limits.url has a password already: leave one of them out",
        );
        return None;
    }
    if !options.has_sentinels() && limits.sentinel_password_file.is_some() {
        checker.fault(
            "limits.sentinel_password_file",
            "limits.url names no sentinels: write it as redis+sentinel://…, or leave this out",
        );
        return None;
    }
    // They are read at each connection. A file that cannot be read at the start is a fault of the setting.
    let mut file = |key: &str, file: &Option<String>| -> Option<Option<PathBuf>> {
        let Some(file) = file else { return Some(None) };
        let path = checker.path(key, file);
        checker.take(key, read_password(&path))?;
        Some(Some(path))
    };
    options.password_file = file("limits.password_file", &limits.password_file)?;
    options.sentinel_password_file = file("limits.sentinel_password_file", &limits.sentinel_password_file)?;
    Some(Some(options))
}
