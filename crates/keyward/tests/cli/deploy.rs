//! What lies in `deploy/` fits the program.

use keyward_testkit::{Installation, program};
use std::path::{Path, PathBuf};
use std::process::Command;

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy")
        .join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(deploy(name)).unwrap()
}

/// The configuration within the ConfigMap: the lines below `keyward.toml: |`, without their indentation.
fn of_config_map(manifest: &str) -> String {
    let lines = manifest
        .lines()
        .skip_while(|line| !line.ends_with("keyward.toml: |"));
    let lines = lines
        .skip(1)
        .take_while(|line| line.starts_with("    ") || line.is_empty());
    lines
        .map(|line| format!("{}\n", line.trim_start_matches("    ")))
        .collect()
}

#[test]
fn the_configurations_for_containers_are_good() {
    for (name, config) in [
        ("compose", read("compose/keyward.toml")),
        ("kubernetes", of_config_map(&read("kubernetes/keyward.yaml"))),
    ] {
        let place = Installation::empty();
        std::fs::write(place.path("password"), "a-password\n").unwrap();
        // The secrets are not on this machine.
        let secret = place.path("password").display().to_string();
        let config = config
            .replace("/run/secrets/db-password", &secret)
            .replace("/run/secrets/limits-password", &secret)
            .replace("/etc/keyward/secrets/db-password", &secret)
            .replace("/etc/keyward/secrets/limits-password", &secret);
        std::fs::write(place.path("keyward.toml"), &config).unwrap();
        let checked = place.run(&["config", "check"]);
        assert_eq!(checked.code(), 0, "{name}: {checked:?}\n{config}");
        assert!(config.contains("drain_delay"), "{name}");
        assert!(config.contains("[limits]"), "{name}");
    }
}

#[test]
fn an_image_holds_what_the_program_needs_and_no_shell() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let is_root =
        std::fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0);
    if !is_root {
        eprintln!("skipped: only root can look at it from within");
        return;
    }
    let made = Command::new(deploy("image-files"))
        .arg(program())
        .arg(&image)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let inside = |program: &str, argument: &str| {
        Command::new("chroot")
            .arg("--userspec=65532:65532")
            .arg(&image)
            .args([program, argument])
            .output()
            .unwrap()
    };
    let told = inside("/keyward", "--version");
    assert!(told.status.success(), "{told:?}");
    assert_eq!(
        String::from_utf8_lossy(&told.stdout).trim(),
        concat!("keyward ", env!("CARGO_PKG_VERSION"))
    );
    assert!(!inside("/bin/sh", "-c").status.success());
}
