//! A PgBouncer before a PostgreSQL: Debian's program, with no other settings than where it listens and how it shares sessions.

use crate::host::unprivileged;
use crate::listening::{Listening, command};
use crate::ports::free_address;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::sync::Mutex;
use tempfile::TempDir;

/// A PgBouncer. It is killed when dropped.
pub struct PgBouncer {
    program: Mutex<Option<Listening>>,
    address: SocketAddr,
    folder: TempDir,
}

impl PgBouncer {
    /// Starts one before a server of [`Postgres`](crate::Postgres); `mode` is `session` or `transaction`, and `settings` are further
    /// lines of its configuration.
    pub fn start(server: SocketAddr, mode: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = free_address();
        let users = folder.path().join("userlist.txt");
        let configuration = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = {}\nlisten_port = {}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {}\npool_mode = {mode}\n{settings}\n",
            server.ip(),
            server.port(),
            address.ip(),
            address.port(),
            users.display(),
        );
        fs::write(&users, "\"keyward\" \"\"\n").expect("a file");
        fs::write(folder.path().join("pgbouncer.ini"), configuration).expect("a file");
        // It does not run as root, so another account has to get in.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("a folder");
        let pooler = Self {
            program: Mutex::new(None),
            address,
            folder,
        };
        pooler.resume();
        pooler
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it, and every connection through it.
    pub fn sigkill(&self) {
        *self.program.lock().expect("nobody has panicked with it") = None;
    }

    /// Starts it again at the same place, and waits until it listens.
    pub fn resume(&self) {
        let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let file = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .expect("a log file");
        let mut command = command();
        if let Some(account) = unprivileged() {
            command.args([&format!("--reuid={account}"), "--clear-groups"]);
        }
        command
            .arg("pgbouncer")
            .arg(self.folder.path().join("pgbouncer.ini"))
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log file"))
            .stderr(file);
        let mut program = Listening::start("pgbouncer", command);
        program.wait_for(self.address, log);
        *self.program.lock().expect("nobody has panicked with it") = Some(program);
    }
}
