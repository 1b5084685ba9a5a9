//! What the machine has: programs, accounts, processes, ports.

use std::fs::{self, File};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// The processes that have this one as their parent.
pub(super) fn children_of(parent: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let mut status = String::new();
        let read =
            File::open(entry.path().join("stat")).and_then(|mut file| file.read_to_string(&mut status));
        // "pid (name) state ppid": the name may hold anything but its last parenthesis.
        let of = status
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split_whitespace().nth(1));
        if read.is_ok() && of.and_then(|text| text.parse().ok()) == Some(parent) {
            found.push(pid);
        }
    }
    found
}

/// The folder with the server's programs.
pub(super) fn find_binaries() -> PathBuf {
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

/// PostgreSQL does not run as root; these accounts are on every Debian.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The account to run as, when this process is root's.
pub(super) fn unprivileged() -> Option<&'static str> {
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

/// A port that nobody listens on.
pub(super) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    debug_assert!(TcpStream::connect(address).is_err());
    address
}
