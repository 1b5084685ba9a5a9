//! The memory of the process: it may hold secrets, so nobody else reads it.

/// Keeps the memory from core dumps, and from other processes of the same account (`gcore`, `ptrace`, `/proc/PID/mem`). Only
/// an account that may trace any process still reads it. Where the system does not know how, everything goes on without.
#[cfg(target_os = "linux")]
pub(crate) fn seal() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, none);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn seal() {}
