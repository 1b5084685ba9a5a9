//! A PostgreSQL server of its own: Debian's binaries over a temporary folder, on a free port.

use crate::host::{children_of, find_postgres, spawn_for_good, unprivileged};
use crate::ports::free_address;
use crate::{Certificate, Signal};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_GUARD: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// A PostgreSQL server. It ends when dropped, and its folder goes with it.
pub struct Postgres {
    folder: TempDir,
    binaries: PathBuf,
    address: SocketAddr,
    account: Option<&'static str>,
    settings: Vec<String>,
    child: Mutex<Option<Child>>,
}

impl Postgres {
    /// Starts a server that keeps what it has acknowledged, as those of users do.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server that loses everything in a crash of the machine, but is quick.
    pub fn start_quick() -> Self {
        Self::start_with(&["fsync=off", "full_page_writes=off"])
    }

    /// Starts a server with settings of `postgresql.conf`.
    pub fn start_with(settings: &[&str]) -> Self {
        Self::prepare(settings, None)
    }

    fn prepare(settings: &[&str], certificate: Option<&Certificate>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Self {
            binaries: find_postgres(),
            address: free_address(),
            account: unprivileged(),
            settings: settings.iter().map(|text| (*text).to_owned()).collect(),
            child: Mutex::new(None),
            folder,
        };
        server.init();
        if let Some(certificate) = certificate {
            server.put("server.crt", certificate.certificate_path());
            server.put("server.key", certificate.key_path());
        }
        server.resume();
        server
    }

    /// Starts a server that speaks TLS too, and proves by this certificate who it is.
    pub fn start_tls(certificate: &Certificate) -> Self {
        Self::prepare(&["ssl=on"], Some(certificate))
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a database, for a user who may do everything.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://keyward@{}/{database}", self.address)
    }

    /// Runs a statement, such as `CREATE DATABASE`, in a database. What it gives is unaligned text.
    pub fn sql(&self, database: &str, statement: &str) -> String {
        let done = Command::new(self.binaries.join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d"])
            .arg(self.url(database))
            .args(["-c", statement])
            .output()
            .expect("run psql");
        let text = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        let fault = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{statement}: {text} {fault}");
        text
    }

    /// Kills the server and all its sessions, as a crash would, and waits until it is gone.
    pub fn sigkill(&self) {
        self.signal_all(Signal::Kill);
        let child = self.child.lock().unwrap().take();
        if let Some(mut child) = child {
            child.wait().expect("the server's end");
        }
    }

    /// Freezes the server and all its sessions.
    pub fn freeze(&self) {
        self.signal_all(Signal::Stop);
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal_all(Signal::Cont);
    }

    /// Seconds of a processor that the server and all its sessions have taken since its start; those that have ended count.
    pub fn cpu_seconds(&self) -> f64 {
        let Some(server) = self.child.lock().unwrap().as_ref().map(Child::id) else {
            return 0.0;
        };
        let sessions: f64 = children_of(server).into_iter().map(on_processor).sum();
        on_processor(server) + of_ended_children(server) + sessions
    }

    /// Starts the server again in the same place, and waits until it lets somebody in.
    ///
    /// It is tried again for a while, as a service manager would: sessions of a killed server end a little after it, and
    /// until then no other starts.
    pub fn resume(&self) {
        let deadline = Instant::now() + START_GUARD;
        loop {
            self.spawn();
            if self.is_ready_before(deadline) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "PostgreSQL did not start; log:\n{}",
                self.log()
            );
            std::thread::sleep(POLL);
        }
    }

    /// Makes a standby of the server, which follows nobody and only reads, until it is promoted.
    pub fn become_standby(&self) {
        self.sigkill();
        let signal = self.folder.path().join("standby.signal");
        fs::write(&signal, "").expect("a file");
        self.put("standby.signal", &signal);
        self.resume();
    }

    /// A standby of the server, which follows it by itself (`pg_basebackup`) until it is promoted.
    pub fn start_standby(&self) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let standby = Self {
            binaries: find_postgres(),
            address: free_address(),
            account: unprivileged(),
            settings: self.settings.clone(),
            child: Mutex::new(None),
            folder,
        };
        standby.make_folder();
        let done = standby
            .command("pg_basebackup")
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
            .arg(format!("--dbname={}", self.url("postgres")))
            .arg("--pgdata")
            .arg(standby.data())
            .stdin(Stdio::null())
            .output()
            .expect("run pg_basebackup");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        standby.resume();
        standby
    }

    /// Makes a primary of it again.
    pub fn promote(&self) {
        self.sql("postgres", "SELECT pg_promote()");
    }

    fn spawn(&self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("server.log"))
            .expect("a log file");
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data());
        for setting in self.all_settings() {
            command.arg("-c").arg(setting);
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log);
        *self.child.lock().unwrap() = Some(spawn_for_good(command));
    }

    fn all_settings(&self) -> Vec<String> {
        let mut settings = vec![
            format!("port={}", self.address.port()),
            format!("listen_addresses={}", self.address.ip()),
            format!("unix_socket_directories={}", self.folder.path().display()),
            "max_connections=200".to_owned(),
            "shared_buffers=32MB".to_owned(),
            // In files of its folder, which go with it.
            "dynamic_shared_memory_type=mmap".to_owned(),
        ];
        settings.extend_from_slice(&self.settings);
        settings
    }

    /// Waits until it lets somebody in; false when it ends before, or takes too long.
    fn is_ready_before(&self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            let state = self.child.lock().unwrap().as_mut().map(Child::try_wait);
            if !matches!(state, Some(Ok(None))) {
                return false;
            }
            let ready = Command::new(self.binaries.join("pg_isready"))
                .args(["-q", "-t", "5", "-d", &self.url("postgres")])
                .status();
            if matches!(ready, Ok(status) if status.success()) {
                return true;
            }
            std::thread::sleep(POLL);
        }
        false
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The folder of its data, which its account owns.
    fn make_folder(&self) {
        // The unprivileged account has to get in, and to own what is inside.
        fs::set_permissions(self.folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        fs::create_dir(self.data()).expect("a folder");
        fs::set_permissions(self.data(), fs::Permissions::from_mode(0o700)).unwrap();
        if let Some(account) = self.account {
            for path in [self.folder.path(), &self.data()] {
                let done = Command::new("chown").arg(account).arg(path).status();
                assert!(
                    matches!(done, Ok(status) if status.success()),
                    "chown {account}: {done:?}"
                );
            }
        }
    }

    fn init(&self) {
        self.make_folder();
        let done = self
            .command("initdb")
            .args([
                "--auth=trust",
                "--username=keyward",
                "--encoding=UTF8",
                "--no-sync",
            ])
            .args(["--locale=C.UTF-8", "-D"])
            .arg(self.data())
            .stdin(Stdio::null())
            .output()
            .expect("run initdb");
        assert!(
            done.status.success(),
            "initdb: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }

    /// Copies a file to where the server looks for it, for its account alone.
    fn put(&self, name: &str, source: &Path) {
        let path = self.data().join(name);
        fs::copy(source, &path).expect("copy a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some(account) = self.account {
            let done = Command::new("chown").arg(account).arg(&path).status();
            assert!(
                matches!(done, Ok(status) if status.success()),
                "chown {account}: {done:?}"
            );
        }
    }

    /// A program of PostgreSQL, run by an account that may run it.
    fn command(&self, program: &str) -> Command {
        let program = self.binaries.join(program);
        // It takes the place of the process that is started here, so a signal to the one reaches the other; and when
        // this process is killed, the server ends as well ([`spawn_for_good`] says why only then).
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if let Some(account) = self.account {
            command.args([&format!("--reuid={account}"), "--clear-groups"]);
        }
        command.arg(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.folder.path());
        command
    }

    /// Takes away the piece of the machine's shared memory by which a server knows that no other runs over its folder. One that
    /// was killed leaves it behind, and names it in the last but one line of its file.
    fn remove_shared_memory(&self) {
        let about = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let piece = about
            .lines()
            .nth(6)
            .and_then(|line| line.split_whitespace().nth(1));
        if let Some(piece) = piece {
            let done = Command::new("ipcrm").args(["-m", piece]).output();
            assert!(done.is_ok_and(|done| done.status.success()) || std::thread::panicking());
        }
    }

    /// The server and the sessions that it has started.
    fn signal_all(&self, signal: Signal) {
        let Some(server) = self.child.lock().unwrap().as_ref().map(Child::id) else {
            return;
        };
        // It starts nothing meanwhile, and is still there as the parent of its sessions when they are looked for.
        Signal::Stop.send(server);
        let sessions = children_of(server);
        signal.send(server);
        for session in sessions {
            signal.send(session);
        }
    }
}

/// Seconds that a process was on a processor. What `stat` tells is cut to hundredths, which is more than most sessions ever take.
fn on_processor(process: u32) -> f64 {
    let told = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|first| first.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// The same of its children that have ended.
fn of_ended_children(process: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name may hold anything, and ends with the last bracket. In user mode and in the kernel; Linux tells hundredths.
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let times = after_name.split(' ').skip(13).take(2);
    times.filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.sigkill();
        self.remove_shared_memory();
    }
}

#[cfg(test)]
mod tests;
