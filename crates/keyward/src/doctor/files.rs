//! The configuration file itself, and the OpenAPI document that it names.

use super::finding::Finding;
use crate::config::Checked;
use keyward_gateway::{Swagger, check_openapi_file};
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

/// A document in a file must be one that can be served; one of the upstream's is read when somebody asks for it.
pub(super) fn check_openapi_document(checked: &Checked) -> Option<Finding> {
    let Some(Swagger::File(file)) = &checked.rules.swagger else {
        return None;
    };
    let (check, place) = ("documentation", "gateway.swagger.file");
    Some(match check_openapi_file(file) {
        Ok(()) => Finding::good(check, place, format!("{} can be served", file.display())),
        Err(fault) => {
            let way_out = "give an OpenAPI document in JSON that this account may read";
            Finding::problem(check, place, fault, way_out)
        }
    })
}

/// The permission bits of a file, when it can be looked at.
pub(super) fn mode(file: &Path) -> Option<u32> {
    std::fs::metadata(file)
        .ok()
        .map(|data| data.permissions().mode() & 0o777)
}
