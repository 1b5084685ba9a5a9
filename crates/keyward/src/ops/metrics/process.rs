//! Numbers of the process, under the names that Prometheus' own libraries use, and which program it is. What the system does
//! not tell is left out.

use crate::exit::Failure;
use keyward_domain::Timestamp;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Counter, IntGauge, IntGaugeVec, Opts};
use rustix::process::{Resource, getrlimit};
use std::sync::{Mutex, PoisonError};

/// Ticks in which the kernel tells of processors' time: the same on every Linux.
const TICKS_A_SECOND: f64 = 100.0;

/// All of them.
pub(crate) struct ProcessNumbers {
    /// One scrape at a time: a counter is raised by what is new.
    scrape: Mutex<()>,
    cpu: Counter,
    resident: IntGauge,
    open_files: IntGauge,
    most_files: IntGauge,
    started: IntGauge,
}

/// Which program this is.
pub(crate) fn build_info() -> Result<IntGaugeVec, Failure> {
    let info = Opts::new("keyward_build_info", "1; the labels say which program this is.");
    let info = IntGaugeVec::new(info, &["version", "arch"])
        .map_err(|error| Failure::failed(format!("metrics: {error}")))?;
    let labels = [env!("CARGO_PKG_VERSION"), std::env::consts::ARCH];
    info.with_label_values(&labels).set(1);
    Ok(info)
}

impl ProcessNumbers {
    /// Of a process that started at this instant.
    pub(crate) fn new(started: Timestamp) -> Result<Self, Failure> {
        let made = Self::build().map_err(|error| Failure::failed(format!("metrics: {error}")))?;
        made.started.set(started.seconds());
        Ok(made)
    }

    fn build() -> Result<Self, prometheus::Error> {
        Ok(Self {
            scrape: Mutex::new(()),
            cpu: Counter::new(
                "process_cpu_seconds_total",
                "Time of processors that the process has used, in seconds.",
            )?,
            resident: IntGauge::new("process_resident_memory_bytes", "Resident memory, in bytes.")?,
            open_files: IntGauge::new("process_open_fds", "Open file descriptors.")?,
            most_files: IntGauge::new("process_max_fds", "How many file descriptors may be open.")?,
            started: IntGauge::new(
                "process_start_time_seconds",
                "Start of the process, Unix seconds.",
            )?,
        })
    }

    fn all(&self) -> [&dyn Collector; 5] {
        [
            &self.cpu,
            &self.resident,
            &self.open_files,
            &self.most_files,
            &self.started,
        ]
    }
}

impl Collector for ProcessNumbers {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let _one_at_a_time = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(used) = cpu_seconds() {
            // The kernel's sum never falls.
            self.cpu.inc_by((used - self.cpu.get()).max(0.0));
        }
        self.resident.set(resident_bytes().unwrap_or(0));
        self.open_files.set(open_files().unwrap_or(0));
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        self.most_files.set(i64::try_from(most).unwrap_or(i64::MAX));
        self.all().into_iter().flat_map(Collector::collect).collect()
    }
}

/// In the program and in the system for it: fields 14 and 15, after a name that may hold blanks.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse::<f64>);
    let ticks: f64 = ticks.sum::<Result<f64, _>>().ok()?;
    Some(ticks / TICKS_A_SECOND)
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

fn open_files() -> Option<i64> {
    i64::try_from(std::fs::read_dir("/proc/self/fd").ok()?.count()).ok()
}
