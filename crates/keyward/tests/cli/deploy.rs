//! What lies in `deploy/` fits the program.

use keyward_testkit::{FREE_PORTS, Installation, Postgres, RunningProgram, eventually_blocking, program};
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
        ("kubernetes", of_config_map(&read("kubernetes/config.yaml"))),
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

/// The number after a word of a text.
fn number_after(text: &str, word: &str) -> u64 {
    let rest = text.split_once(word).unwrap_or_else(|| panic!("no {word}")).1;
    let digits: String = rest
        .chars()
        .skip_while(|c| !c.is_ascii_digit())
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}

#[test]
fn pods_see_a_new_configuration_outlive_their_requests_and_find_their_snapshot_again() {
    let (config, pods) = (read("kubernetes/config.yaml"), read("kubernetes/keyward.yaml"));
    let init = read("kubernetes/init.yaml");
    let settings = |manifest: &str| {
        let lines = manifest.lines().map(|line| line.split('#').next().unwrap());
        lines.collect::<Vec<_>>().join("\n")
    };
    for manifest in [&pods, &init] {
        assert!(!settings(manifest).contains("subPath"));
        assert!(manifest.contains("mountPath: /etc/keyward/config, readOnly: true"));
        assert!(manifest.contains("value: /etc/keyward/config/keyward.toml"));
        for kept in [
            "runAsNonRoot: true",
            "allowPrivilegeEscalation: false",
            "readOnlyRootFilesystem: true",
            "drop: [ALL]",
            "automountServiceAccountToken: false",
        ] {
            assert!(manifest.contains(kept), "{kept}");
        }
    }
    // A Job cannot be changed: a new image would fail to apply.
    assert!(!pods.contains("kind: Job"));
    assert!(
        init.contains("generateName:")
            && init.contains("ttlSecondsAfterFinished:")
            && init.contains("--if-needed")
    );
    // The snapshot lies on a volume that outlives the pod.
    assert!(config.contains("snapshot = \"/var/lib/keyward/"));
    assert!(pods.contains("volumeClaimTemplates:\n    - metadata: { name: data }"));
    assert!(pods.contains("{ name: data, mountPath: /var/lib/keyward }"));
    assert!(!settings(&pods).contains("emptyDir"));
    let drain = number_after(&config, "drain_delay =") + 30;
    assert!(number_after(&pods, "terminationGracePeriodSeconds") >= drain + 10);
    let resources = settings(&pods);
    assert!(resources.contains("limits: { memory:") && resources.contains("requests: { cpu:"));
}

#[test]
fn healthcheck_says_whether_a_node_is_ready() {
    let place = Installation::populated();
    let free = keyward_testkit::HaProxy::free_address().to_string();
    let config = std::fs::read_to_string(place.path("keyward.toml")).unwrap();
    let (before, ops) = config.split_once("[ops]").unwrap();
    place.write(
        "keyward.toml",
        &format!("{before}[ops]{}", ops.replacen("127.0.0.1:0", &free, 1)),
    );
    let told = place.run(&["healthcheck"]).expect(1);
    assert!(told.stderr.contains(&free), "{told:?}");
    let mut running = RunningProgram::start(&place, &["serve"]);
    eventually_blocking("it is ready", || place.run(&["healthcheck"]).code() == 0);
    // One that answers nothing is not ready, and whoever asks is told soon.
    running.signal("STOP");
    let told = place.run(&["healthcheck"]).expect(1);
    assert!(told.stderr.contains("no answer within"), "{told:?}");
    running.signal("CONT");
    running.signal("TERM");
    assert_eq!(running.code(), 0);
    place.run(&["healthcheck"]).expect(1);
    for (file, line) in [
        ("Dockerfile", "CMD [\"/keyward\", \"healthcheck\"]"),
        ("compose/compose.yaml", "test: [CMD, /keyward, healthcheck]"),
    ] {
        assert!(read(file).contains(line), "{file}");
    }
}

#[test]
fn init_may_run_again_when_it_is_told_to() {
    let place = Installation::init();
    place.run(&["init", "--no-token"]).expect(4);
    let told = place.run(&["init", "--no-token", "--if-needed"]).expect(0);
    assert!(told.stdout.contains("nothing was changed"), "{told:?}");
    // By three pods at once, on an empty database.
    let server = Postgres::start_quick();
    let place = Installation::empty();
    let url = server.url("postgres");
    place.write(
        "keyward.toml",
        &format!("[database]\nurl = \"{url}\"\n{FREE_PORTS}"),
    );
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| place.run(&["init", "--no-token", "--if-needed"]).expect(0));
        }
    });
    place.run(&["users", "list"]).expect(0);
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
