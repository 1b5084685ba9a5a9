//! What the machine has: programs, accounts, processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::str::SplitWhitespace;
use std::sync::mpsc;

/// The processes that have this one as their parent.
pub(crate) fn children_of(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process that has ended meanwhile has none.
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let its_parent = fields_of_stat(&stat).nth(1);
        if its_parent.and_then(|text| text.parse().ok()) == Some(parent) {
            found.push(pid);
        }
    }
    found
}

/// The folder with PostgreSQL's programs.
pub(crate) fn find_postgres() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .collect();
    // The latest version last, as the folders are named.
    folders.sort();
    folders.reverse();
    folders.extend(std::env::split_paths(&path));
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "psql"]
            .iter()
            .all(|name| is_file(&folder.join(name)))
    };
    folders
        .into_iter()
        .find(has_all)
        .expect("PostgreSQL's server is not here; on Debian: apt-get install postgresql")
}

fn is_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|data| data.is_file())
}

/// PostgreSQL does not run as root, and nothing else has to; these accounts are on every Debian.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The account to run as, when this process is root's.
pub(crate) fn unprivileged() -> Option<&'static str> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let is_root = status.lines().any(|line| line.starts_with("Uid:\t0\t"));
    if !is_root {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let is_there = |name: &&str| accounts.lines().any(|line| line.starts_with(&format!("{name}:")));
    Some(
        UNPRIVILEGED
            .into_iter()
            .find(is_there)
            .expect("an account that is not root's"),
    )
}

/// What follows the name in a line of `/proc/PID/stat`, `PID (name) state parent group …`: a name may hold anything.
pub(crate) fn fields_of_stat(stat: &str) -> SplitWhitespace<'_> {
    let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    rest.split_whitespace()
}

/// Starts a program that ends with this process (`setpriv --pdeathsig`).
///
/// What the system watches is not the process but the thread that starts the program, so that has to be one that stays.
pub(crate) fn spawn_for_good(mut command: Command) -> Child {
    let (give, take) = mpsc::channel();
    std::thread::spawn(move || {
        // Nobody waits for it only when the test has failed already.
        let _waiting = give.send(command.spawn());
        loop {
            std::thread::park();
        }
    });
    let spawned = take.recv().expect("the thread that starts programs");
    spawned.expect("run the program")
}
