//! Threads that yield to those that answer requests.

/// Lowers the priority of the current thread to that of a nice value: 0 is the usual one, 19 the lowest.
///
/// On Linux alone, where a priority belongs to a thread; elsewhere it would be the whole program's.
pub fn yield_to_others(nice: i32) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, nice) {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("a thread");
        tracing::warn!(%error, thread, "it runs at the priority of those that answer requests");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}
