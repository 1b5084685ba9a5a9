//! A proxy in front of what is tested, with the configuration that users are given: nginx, Caddy, Envoy or HAProxy as the
//! machine has them. It ends with this process, and when dropped.

use crate::Certificate;
use crate::host::unprivileged;
use crate::listening::{self, Listening};
use crate::ports::free_address;
use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;

const LOG: &str = "proxy.log";
/// Certificate and key, in the proxy's own folder.
const PEM: &str = "tls.pem";

/// A running proxy.
pub struct Front {
    // Ends before its folder goes.
    _program: Listening,
    folder: TempDir,
    address: SocketAddr,
}

/// The parts that a proxy stands between.
#[derive(Clone, Debug)]
pub struct Between {
    /// Where the proxy itself shall listen.
    pub listen: SocketAddr,
    /// Keyward's plane for proxies.
    pub authz: SocketAddr,
    /// What it protects.
    pub upstream: SocketAddr,
    /// With what the proxy speaks TLS to clients, HTTP/2 included; in clear HTTP/1.1 without.
    pub certificate: Option<Certificate>,
}

impl Between {
    /// On a free port, in clear.
    pub fn new(authz: SocketAddr, upstream: SocketAddr) -> Self {
        Self {
            listen: free_address(),
            authz,
            upstream,
            certificate: None,
        }
    }

    /// These lines of a recipe are another text when the proxy speaks TLS.
    fn over_tls<const N: usize>(&self, changes: [(&'static str, String); N]) -> Vec<(&'static str, String)> {
        changes
            .into_iter()
            .filter(|_| self.certificate.is_some())
            .collect()
    }

    fn environment(&self) -> [(&'static str, String); 4] {
        // Caddy's site is a port, for any host.
        let scheme = self.certificate.as_ref().map_or("", |_| "https://");
        [
            ("KEYWARD_SITE", format!("{scheme}:{}", self.listen.port())),
            ("KEYWARD_LISTEN", self.listen.to_string()),
            ("KEYWARD_AUTHZ", self.authz.to_string()),
            ("KEYWARD_API", self.upstream.to_string()),
        ]
    }
}

impl Front {
    /// nginx with a file for its `conf.d`, in which the three addresses are filled in.
    pub fn nginx(recipe: &Path, between: &Between) -> Self {
        let folder = folder();
        let listen = match between.certificate {
            None => format!("listen {};", between.listen),
            Some(_) => format!(
                "listen {} ssl http2; ssl_certificate {PEM}; ssl_certificate_key {PEM};",
                between.listen
            ),
        };
        let text = filled(
            recipe,
            &[
                ("server 127.0.0.1:8082;", format!("server {};", between.authz)),
                ("server 127.0.0.1:3000;", format!("server {};", between.upstream)),
                ("listen 80;", listen),
            ],
        );
        let place = folder.path();
        write(&place.join("keyward.conf"), &text);
        write(&place.join("nginx.conf"), &nginx_main(place));
        let mut command = command(Path::new("nginx"));
        command.arg("-e").arg(place.join("error.log"));
        command.arg("-c").arg(place.join("nginx.conf"));
        Self::run("nginx", command, folder, between)
    }

    /// Envoy with a configuration in which the three addresses are filled in; `program` is Envoy's own.
    pub fn envoy(program: &Path, recipe: &Path, between: &Between) -> Self {
        let folder = folder();
        let port = |address: SocketAddr| format!("port_value: {} ", address.port());
        let mut changes = between.over_tls([("    - filters:\n", envoy_tls())]);
        changes.extend([
            ("port_value: 10000 ", port(between.listen)),
            ("port_value: 3000 ", port(between.upstream)),
            ("port_value: 8082 ", port(between.authz)),
        ]);
        let text = filled(recipe, &changes);
        let file = folder.path().join("envoy.yaml");
        write(&file, &text);
        let mut command = command(program);
        command.arg("-c").arg(file);
        // Without what hands a running Envoy over to the next: it shares memory of the machine, and leaves it behind.
        command.args(["--concurrency", "1", "--disable-hot-restart"]);
        // What it logs is read while it runs.
        command.args(["--file-flush-interval-msec", "50"]);
        Self::run("envoy", command, folder, between)
    }

    /// Caddy with a file that reads its addresses from the environment.
    pub fn caddy(recipe: &Path, between: &Between) -> Self {
        let folder = folder();
        let file = folder.path().join("Caddyfile");
        let changes = between.over_tls([
            // The port for the clear is not this account's.
            (
                "admin off\n",
                "admin off\nauto_https disable_redirects\n".to_owned(),
            ),
            (
                "{$KEYWARD_SITE} {\n",
                format!("{{$KEYWARD_SITE}} {{\ntls {PEM} {PEM}\n"),
            ),
        ]);
        write(&file, &filled(recipe, &changes));
        let mut command = command(Path::new("caddy"));
        command
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(file);
        Self::run("caddy", command, folder, between)
    }

    /// HAProxy with the files of a folder, which read their addresses from the environment.
    pub fn haproxy(recipe: &Path, between: &Between) -> Self {
        let folder = folder();
        let bind = format!("  bind \"${{KEYWARD_LISTEN}}\" ssl crt {PEM} alpn h2,http/1.1\n");
        let changes = between.over_tls([("  bind \"${KEYWARD_LISTEN}\"\n", bind)]);
        let (file, lua) = ("haproxy.cfg", "keyward.lua");
        write(&folder.path().join(file), &filled(&recipe.join(file), &changes));
        write(&folder.path().join(lua), &filled(&recipe.join(lua), &[]));
        let mut command = command(Path::new("haproxy"));
        command.args(["-db", "-f"]).arg(folder.path().join("haproxy.cfg"));
        Self::run("haproxy", command, folder, between)
    }

    fn run(name: &'static str, mut command: Command, folder: TempDir, between: &Between) -> Self {
        if let Some(certificate) = &between.certificate {
            write(&folder.path().join(PEM), &certificate.pem());
        }
        let log = File::create(folder.path().join(LOG)).expect("a log file");
        command
            .envs(between.environment())
            .env("HOME", folder.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log);
        let mut program = Listening::start(name, command);
        program.wait_for(between.listen, || log_in(folder.path()));
        Self {
            _program: program,
            folder,
            address: between.listen,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        log_in(self.folder.path())
    }
}

fn log_in(folder: &Path) -> String {
    let read = |name| fs::read(folder.join(name)).unwrap_or_default();
    let all = [read(LOG), read("error.log")].concat();
    String::from_utf8_lossy(&all).into_owned()
}

/// A program that ends with this process, as an account without rights when this one is root's and that account can reach
/// the program.
fn command(program: &Path) -> Command {
    let mut command = listening::command();
    if let Some(account) = unprivileged().filter(|_| is_open(program)) {
        command.args([&format!("--reuid={account}"), "--clear-groups"]);
    }
    command.arg(program);
    command
}

/// Whether a program is found by its name, or every folder above it lets everybody through.
fn is_open(program: &Path) -> bool {
    let lets_through = |part: &Path| {
        let mode = part.metadata().map(|data| data.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o001 != 0)
    };
    program.components().count() == 1 || program.ancestors().all(lets_through)
}

/// A folder in which an account without rights may write; nothing in it is secret.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("open the folder");
    folder
}

/// A recipe with its addresses filled in: each must stand there once.
fn filled(recipe: &Path, changes: &[(&str, String)]) -> String {
    let mut text = fs::read_to_string(recipe).unwrap_or_else(|e| panic!("{}: {e}", recipe.display()));
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {}", recipe.display());
        text = text.replace(from, to);
    }
    text
}

fn write(file: &Path, text: &str) {
    fs::write(file, text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    fs::set_permissions(file, Permissions::from_mode(0o644)).expect("open the file");
}

/// The begin of Envoy's chain of filters, with TLS before it.
fn envoy_tls() -> String {
    let file = format!("{{ filename: {PEM} }}");
    let kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
    format!(
        "    - transport_socket:\n        name: envoy.transport_sockets.tls\n        typed_config:\n          \"@type\": {kind}\n          \
         common_tls_context:\n            alpn_protocols: [h2, http/1.1]\n            \
         tls_certificates: [{{ certificate_chain: {file}, private_key: {file} }}]\n      filters:\n"
    )
}

/// What `/etc/nginx/nginx.conf` is elsewhere: one process, with its files in a folder of its own.
fn nginx_main(folder: &Path) -> String {
    let folder = folder.display();
    let temporary: String = ["proxy", "client_body", "fastcgi", "scgi", "uwsgi"]
        .iter()
        .map(|what| format!("{what}_temp_path {folder}/{what};\n"))
        .collect();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nevents {{}}\n\
         http {{\naccess_log {folder}/access.log;\n{temporary}include {folder}/keyward.conf;\n}}\n"
    )
}
