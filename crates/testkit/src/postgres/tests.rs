use super::Postgres;
use crate::eventually_blocking;
use std::fs;

/// The pieces of the machine's shared memory that a process has made.
fn pieces_of(pid: u32) -> usize {
    let all = fs::read_to_string("/proc/sysvipc/shm").unwrap();
    let made_by = |line: &&str| line.split_whitespace().nth(4) == Some(&pid.to_string());
    all.lines().filter(made_by).count()
}

/// Whether a process shares memory by files outside of its folder.
fn has_files(pid: u32) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.contains("/dev/shm/PostgreSQL")
}

#[test]
fn a_server_leaves_no_shared_memory_behind_however_it_ends() {
    let ends: [fn(&Postgres); 3] = [|_| {}, Postgres::freeze, Postgres::sigkill];
    for end in ends {
        let server = Postgres::start_quick();
        let pid = server.child.lock().unwrap().as_ref().unwrap().id();
        assert!(pieces_of(pid) > 0 && !has_files(pid));
        end(&server);
        drop(server);
        // It goes with the last session that was killed, which may end a little after the server.
        eventually_blocking("its piece is gone", || pieces_of(pid) == 0);
    }
}
