//! The configuration file itself.

use super::finding::Finding;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Whoever can write the configuration decides who may pass.
pub(super) fn check_configuration(file: &Path) -> Vec<Finding> {
    let check = "configuration";
    match mode(file) {
        Some(mode) if mode & 0o002 != 0 => vec![Finding::problem(
            check,
            file.display(),
            "every account may change it",
            format!("run: chmod o-w {}", file.display()),
        )],
        _ => vec![Finding::good(check, file.display(), "readable and valid")],
    }
}

/// The permission bits of a file, when it can be looked at.
pub(super) fn mode(file: &Path) -> Option<u32> {
    std::fs::metadata(file)
        .ok()
        .map(|data| data.permissions().mode() & 0o777)
}
