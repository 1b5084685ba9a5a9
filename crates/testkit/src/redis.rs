//! A Redis server of its own: Debian's program over a temporary folder, on a free port. With `KEYWARD_TESTED_REDIS`, the program
//! of that path in its place: what holds for Redis has to hold for Valkey.

#[cfg(test)]
mod tests;

use crate::host::{spawn_for_good, unprivileged};
use crate::ports::{free_address, free_address_of_cluster};
use crate::{Certificate, Signal};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const START_GUARD: Duration = Duration::from_secs(60);
const PROGRAM: &str = "redis-server";
const POLL: Duration = Duration::from_millis(10);

/// A Redis server. It is killed when dropped, and its folder goes with it.
pub struct Redis {
    folder: TempDir,
    address: SocketAddr,
    tls_address: Option<SocketAddr>,
    account: Option<&'static str>,
    is_sentinel: bool,
    child: Mutex<Option<Child>>,
}

impl Redis {
    /// Starts a server that anybody on this machine may use.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with lines of `redis.conf`. The user `default` has to stay without a password.
    pub fn start_with(lines: &[&str]) -> Self {
        Self::prepare(lines, None, false)
    }

    /// Starts a sentinel that watches a server under the name `mymaster`, decides alone, and takes it for dead after 300 ms. With a
    /// certificate it speaks TLS, on a port of its own and to the server.
    pub fn start_sentinel(master: &Self, certificate: Option<&Certificate>) -> Self {
        let address = certificate.map_or(master.address, |_| master.tls_address());
        let monitor = format!("sentinel monitor mymaster {} {} 1", address.ip(), address.port());
        let mut lines = vec![
            monitor.as_str(),
            "sentinel down-after-milliseconds mymaster 300",
            "sentinel failover-timeout mymaster 3000",
        ];
        lines.extend(certificate.map(|_| "tls-replication yes"));
        Self::prepare(&lines, certificate, true)
    }

    /// The same, which speaks TLS on a port of its own besides.
    pub fn start_tls(lines: &[&str], certificate: &Certificate) -> Self {
        Self::prepare(lines, Some(certificate), false)
    }

    fn prepare(lines: &[&str], certificate: Option<&Certificate>, is_sentinel: bool) -> Self {
        let is_of_cluster = lines.contains(&"cluster-enabled yes");
        let server = Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            address: match is_of_cluster {
                true => free_address_of_cluster(),
                false => free_address(),
            },
            tls_address: certificate.map(|_| free_address()),
            account: unprivileged(),
            is_sentinel,
            child: Mutex::new(None),
        };
        let mut text = format!(
            "bind {}\nport {}\ndir {}\nsave \"\"\nappendonly no\n",
            server.address.ip(),
            server.address.port(),
            server.folder.path().display()
        );
        if let (Some(certificate), Some(address)) = (certificate, server.tls_address) {
            text += &server.tls_lines(certificate, address);
        }
        for line in lines {
            text += line;
            text.push('\n');
        }
        server.put("redis.conf", &text);
        server.put_program();
        fs::set_permissions(server.folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        server.give(server.folder.path());
        server.resume();
        server
    }

    fn tls_lines(&self, certificate: &Certificate, address: SocketAddr) -> String {
        let read = |path: &Path| fs::read_to_string(path).expect("a file of the certificate");
        let certificate_path = self.put("cert.pem", &read(certificate.certificate_path()));
        let key_path = self.put("key.pem", &read(certificate.key_path()));
        format!(
            "tls-port {}\ntls-cert-file {certificate_path}\ntls-key-file {key_path}\ntls-ca-cert-file {certificate_path}\n\
             tls-auth-clients no\n",
            address.port()
        )
    }

    /// Writes a file that the server may read.
    fn put(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).expect("write a file");
        self.give(&path);
        path.display().to_string()
    }

    /// Puts the program where the server's account may reach it, if it is not the one that is installed.
    fn put_program(&self) {
        if let Some(path) = std::env::var_os("KEYWARD_TESTED_REDIS") {
            let program = self.folder.path().join(PROGRAM);
            fs::copy(path, &program).expect("the program of KEYWARD_TESTED_REDIS");
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    /// Gives a file to the account of the server.
    fn give(&self, path: &Path) {
        if let Some(account) = self.account {
            let done = Command::new("chown").arg(account).arg(path).status();
            assert!(
                matches!(done, Ok(status) if status.success()),
                "chown {account}: {done:?}"
            );
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it speaks TLS.
    pub fn tls_address(&self) -> SocketAddr {
        self.tls_address.expect("a server that was started with TLS")
    }

    /// Its address for programs.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Runs a command, such as `["SET", "a", "b"]`. What it gives is plain text; what the server refuses is text too.
    pub fn command(&self, words: &[&str]) -> String {
        let done = self.client(words).output().expect("run redis-cli");
        let text = String::from_utf8_lossy(&done.stdout).trim().to_owned();
        let fault = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {text} {fault}");
        text
    }

    /// Starts a command that takes its time.
    pub fn spawn_command(&self, words: &[&str]) -> Child {
        let mut client = self.client(words);
        client
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        client.spawn().expect("run redis-cli")
    }

    fn client(&self, words: &[&str]) -> Command {
        let mut client = Command::new("redis-cli");
        client.args(["-h", &self.address.ip().to_string()]);
        client.args(["-p", &self.address.port().to_string()]);
        client.args(words).env_remove("REDISCLI_AUTH");
        client
    }

    /// Seconds of the current minute, by the server's clock.
    pub fn second_of_minute(&self) -> u64 {
        let told = self.command(&["TIME"]);
        let seconds = told.lines().next().and_then(|line| line.parse::<u64>().ok());
        seconds.expect("the time") % 60
    }

    /// Ends the server in order, and waits until it is gone.
    pub fn stop(&self) {
        self.end(Signal::Term);
    }

    /// Kills the server as a crash would, and waits until it is gone.
    pub fn sigkill(&self) {
        self.end(Signal::Kill);
    }

    fn end(&self, signal: Signal) {
        let child = self.child.lock().unwrap().take();
        if let Some(mut child) = child {
            signal.send(child.id());
            // A frozen one would not hear it.
            Signal::Cont.send(child.id());
            child.wait().expect("the server's end");
        }
    }

    /// Freezes the server.
    pub fn freeze(&self) {
        self.signal(Signal::Stop);
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal(Signal::Cont);
    }

    fn signal(&self, signal: Signal) {
        let pid = self.child.lock().unwrap().as_ref().map(Child::id);
        assert!(signal.send(pid.expect("the server was stopped")));
    }

    /// Starts the server again in the same place, and waits until it answers. It has forgotten everything.
    pub fn resume(&self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("server.log"))
            .expect("a log file");
        // When this process is killed, the server ends as well.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL"]);
        if let Some(account) = self.account {
            command.args([&format!("--reuid={account}"), "--clear-groups"]);
        }
        let program = self.folder.path().join(PROGRAM);
        command
            .arg(if program.exists() {
                program.as_path()
            } else {
                Path::new(PROGRAM)
            })
            .arg(self.folder.path().join("redis.conf"))
            .args(self.is_sentinel.then_some("--sentinel"));
        command
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log);
        *self.child.lock().unwrap() = Some(spawn_for_good(command));
        self.wait_until_ready();
    }

    fn wait_until_ready(&self) {
        let deadline = Instant::now() + START_GUARD;
        loop {
            let ended = self.child.lock().unwrap().as_mut().map(Child::try_wait);
            let is_over = !matches!(ended, Some(Ok(None)));
            if is_over || Instant::now() >= deadline {
                panic!("Redis did not start; log:\n{}", self.log());
            }
            let answer = self.client(&["PING"]).output();
            let answer = answer.expect("redis-cli is not here; on Debian: apt-get install redis-server");
            if answer.stdout.starts_with(b"PONG") {
                return;
            }
            std::thread::sleep(POLL);
        }
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("server.log")).unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.sigkill();
    }
}
