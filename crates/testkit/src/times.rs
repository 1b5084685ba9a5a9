//! Times that were measured, in short.

use std::time::Duration;

/// Percentiles of some times.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Half took no longer.
    pub p50: Duration,
    /// 99 of 100 took no longer.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}

impl Times {
    /// The percentiles of at least one time, which are printed with what was measured.
    #[expect(clippy::print_stdout, reason = "the figures are for whoever runs the test")]
    pub fn printed(what: &str, mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |part: usize| times[(times.len() - 1) * part / 100];
        let Self { p50, p99, max } = Self {
            p50: at(50),
            p99: at(99),
            max: at(100),
        };
        println!(
            "{what}: {} times, p50 {p50:?}, p99 {p99:?}, max {max:?}",
            times.len()
        );
        Self { p50, p99, max }
    }
}
