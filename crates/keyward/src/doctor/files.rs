//! The configuration file itself, and the files that it names.

use super::finding::Finding;
use crate::config::{Checked, Loaded, has_password};
use keyward_gateway::{Swagger, check_openapi_file};
use keyward_limit::RedisOptions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Whoever can write the configuration decides who may pass, and whoever reads a password in it signs in as Keyward does.
pub(super) fn check_configuration(loaded: &Loaded) -> Vec<Finding> {
    let (check, file) = ("configuration", &loaded.file);
    let mode = mode(file).unwrap_or_default();
    let mut found = Vec::new();
    if mode & 0o002 != 0 {
        let way_out = format!("run: chmod go-w {}", file.display());
        found.push(Finding::problem(
            check,
            file.display(),
            "every account may change it",
            way_out,
        ));
    } else if mode & 0o020 != 0 {
        let way_out = format!("run: chmod g-w {}", file.display());
        found.push(Finding::warning(
            check,
            file.display(),
            "every account of its group may change it",
            way_out,
        ));
    }
    if mode & 0o044 != 0 {
        found.extend(passwords_within(loaded).into_iter().map(|key| {
            let way_out = format!(
                "run: chmod 600 {}; or put the password in a file of its own, and name that",
                file.display()
            );
            Finding::warning(check, key, "other accounts may read the password in it", way_out)
        }));
    }
    if found.is_empty() {
        found.push(Finding::good(check, file.display(), "readable and valid"));
    }
    found
}

/// The settings in the file itself that hold a password.
fn passwords_within(loaded: &Loaded) -> Vec<&'static str> {
    let config = &loaded.config;
    let limits = RedisOptions {
        url: config.limits.url.clone().unwrap_or_default(),
        ..RedisOptions::default()
    };
    [
        ("database.url", has_password(&config.database.url)),
        ("limits.url", limits.has_password()),
    ]
    .into_iter()
    .filter(|(key, has_password)| *has_password && loaded.variable(key).is_none())
    .map(|(key, _)| key)
    .collect()
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

/// A file that is locked or written in place belongs on a disk of this machine.
pub(super) fn check_local(checked: &Checked) -> Vec<Finding> {
    let snapshot = checked.snapshot.as_ref().map(|snapshot| snapshot.path.as_path());
    let files = [
        ("database.url", checked.database.file()),
        ("replica.snapshot", snapshot),
    ];
    let look = |(key, file): (&str, Option<&Path>)| {
        let file = file?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        let kind = rustix::fs::statfs(folder.unwrap_or(Path::new("."))).ok()?.f_type;
        // Numbers of statfs(2), whatever width this machine gives them.
        let network = network_of(i128::from(kind) & 0xffff_ffff)?;
        let what = format!("{} lies on a network file system ({network})", file.display());
        Some(Finding::warning("disk", key, what, "put it on a local disk"))
    };
    files.into_iter().filter_map(look).collect()
}

/// The name of a file system that is reached over a network.
fn network_of(kind: i128) -> Option<&'static str> {
    Some(match kind {
        0x6969 => "NFS",
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => "SMB",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x0102_1997 => "9p",
        0x0116_1970 => "GFS2",
        _ => return None,
    })
}

/// A snapshot that cannot be written is missed when the database is away.
pub(super) fn check_snapshot(checked: &Checked) -> Option<Finding> {
    let snapshot = checked.snapshot.as_ref()?;
    let (check, place) = (
        "snapshot",
        format!("replica.snapshot {}", snapshot.path.display()),
    );
    Some(match snapshot.check() {
        Ok(()) => Finding::good(check, place, "can be written"),
        Err(error) => {
            let way_out = "name a file in a folder that exists, and in which the account that runs keyward may make files";
            Finding::problem(check, place, format!("cannot be written: {error}"), way_out)
        }
    })
}

/// Lines that cannot be archived stay in the database.
pub(super) fn check_archive(checked: &Checked) -> Option<Finding> {
    let archive = checked.archive.as_ref()?;
    let (check, place) = ("audit log", format!("audit.archive {}", archive.folder.display()));
    Some(match archive.check() {
        Ok(()) => Finding::good(check, place, "files can be written there"),
        Err(error) => {
            let way_out =
                "name a folder that exists, and in which the account that runs keyward may make files";
            Finding::problem(
                check,
                place,
                format!("no file can be written there: {error}"),
                way_out,
            )
        }
    })
}

/// Whoever reads a password signs in as Keyward does.
pub(super) fn check_passwords(loaded: &Loaded) -> Vec<Finding> {
    let config = &loaded.config;
    let files = [
        (
            "database",
            "database.password_file",
            &config.database.password_file,
        ),
        ("limits", "limits.password_file", &config.limits.password_file),
        (
            "limits",
            "limits.sentinel_password_file",
            &config.limits.sentinel_password_file,
        ),
    ];
    let look = |(check, key, file): (_, &str, &Option<String>)| {
        let file = loaded.folder().join(file.as_ref()?);
        let is_open = mode(&file).is_some_and(|mode| mode & 0o077 != 0);
        let way_out = format!("run: chmod 600 {}", file.display());
        is_open.then(|| Finding::warning(check, key, "other accounts may read the password", way_out))
    };
    files.into_iter().filter_map(look).collect()
}

/// The permission bits of a file, when it can be looked at.
pub(super) fn mode(file: &Path) -> Option<u32> {
    std::fs::metadata(file)
        .ok()
        .map(|data| data.permissions().mode() & 0o777)
}

#[cfg(test)]
mod tests {
    use super::network_of;

    #[test]
    fn file_systems_of_networks_are_known() {
        for (kind, name) in [
            (0x6969, Some("NFS")),
            (0xff53_4d42, Some("SMB")),
            (0xef53, None),
            (0x0102_1994, None),
        ] {
            assert_eq!(network_of(kind), name, "{kind:x}");
        }
    }
}
