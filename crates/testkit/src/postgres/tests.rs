use super::Postgres;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The pieces of the machine's shared memory that a process has made.
fn pieces_of(pid: u32) -> usize {
    let all = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let made_by = |line: &&str| line.split_whitespace().nth(4) == Some(&pid.to_string());
    all.lines().filter(made_by).count()
}

/// The files by which it shares memory.
fn files_of(pid: u32) -> BTreeSet<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let shared = maps
        .lines()
        .filter_map(|line| Some(line.split_once("/dev/shm/")?.1));
    shared.map(|name| format!("/dev/shm/{name}")).collect()
}

#[test]
fn a_server_leaves_no_shared_memory_behind_not_even_one_that_was_killed_or_is_frozen() {
    for is_frozen in [false, true] {
        let server = Postgres::start_quick();
        server.sigkill();
        server.resume();
        let pid = server.child.lock().unwrap().as_ref().unwrap().id();
        let files = files_of(pid);
        assert!(pieces_of(pid) > 0 && !files.is_empty(), "{files:?}");
        if is_frozen {
            server.freeze();
        }
        drop(server);
        assert_eq!(pieces_of(pid), 0);
        assert!(files.iter().all(|file| !Path::new(file).exists()), "{files:?}");
    }
}
