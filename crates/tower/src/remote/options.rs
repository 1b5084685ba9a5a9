//! Which server is asked, and with which key.

use super::Remote;
use super::ask::Server;
use super::connect::Connector;
use http::{HeaderValue, Uri};
use keyward_domain::ServerUrl;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
use zeroize::Zeroizing;

/// The management key of an administrator. It cannot be printed.
#[derive(Clone)]
pub struct ManagementKey(Zeroizing<String>);

impl ManagementKey {
    /// Takes a key; white space around it, as at the end of a file, is no part of it.
    pub fn new(secret: impl Into<String>) -> Self {
        let secret = Zeroizing::new(secret.into());
        Self(Zeroizing::new(secret.trim().to_owned()))
    }

    fn header(&self) -> Result<HeaderValue, RemoteFault> {
        let value = HeaderValue::from_str(&self.0)
            .ok()
            .filter(|value| !value.is_empty());
        let mut value = value.ok_or_else(|| RemoteFault::new("the management key is none"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for ManagementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ManagementKey(…)")
    }
}

/// A setting by which no server can be asked; says which and why, and holds no key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteFault(String);

impl RemoteFault {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for RemoteFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RemoteFault {}

/// Which server to ask, and how.
#[must_use = "it is `start` that begins to ask"]
#[derive(Clone, Debug)]
pub struct RemoteOptions {
    url: String,
    key: ManagementKey,
    ca_file: Option<PathBuf>,
    deadline: Duration,
    remember: usize,
    plain_http: bool,
}

impl RemoteOptions {
    pub(super) fn new(url: &str, key: ManagementKey) -> Self {
        Self {
            url: url.to_owned(),
            key,
            ca_file: None,
            deadline: Duration::from_secs(2),
            remember: 10_000,
            plain_http: false,
        }
    }

    /// A file of certificates (PEM) that are trusted in place of the machine's.
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca_file = Some(file.into());
        self
    }

    /// How long a request waits for the server's answer before it is answered with 503, in place of 2 seconds.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = time;
        self
    }

    /// How many granted answers, and how many refused ones, are remembered, in place of 10,000; 0 is none.
    pub fn remember(mut self, answers: usize) -> Self {
        self.remember = answers;
        self
    }

    /// Allows `http://` to another machine: keys go over the network in clear. To this machine it is always allowed.
    pub fn plain_http(mut self) -> Self {
        self.plain_http = true;
        self
    }

    /// Begins to follow the server's changes. To be called on a runtime of tokio. The server need not be there yet: until it
    /// is, requests are answered with 503.
    ///
    /// # Errors
    /// The setting that is at fault.
    pub fn start(self) -> Result<Remote, RemoteFault> {
        let form = || RemoteFault::new(FORM);
        let written =
            ServerUrl::parse(&self.url).map_err(|why| RemoteFault::new(format!("{why}; {FORM}")))?;
        let uri: Uri = self.url.parse().map_err(|_| form())?;
        if !written.is_bare() {
            return Err(form());
        }
        let connector = match uri.scheme_str() {
            Some("https") => Connector::tls(self.ca_file.as_deref())?,
            Some("http") if self.plain_http || is_here(&uri) => Connector::plain(),
            Some("http") => {
                return Err(RemoteFault::new(
                    "http:// would send secrets in clear over the network: take https://, or say plain_http() where the network is safe",
                ));
            }
            _ => return Err(form()),
        };
        let server = Server::new(&uri, self.key.header()?, connector, self.deadline).ok_or_else(form)?;
        Ok(Remote::start(server, self.remember))
    }
}

/// How a server is named.
const FORM: &str = "write the server as https://keyward.example:8081, without a path";

/// Whether a server is on this machine.
fn is_here(server: &Uri) -> bool {
    let host = server.host().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn keys_are_not_sent_in_clear_to_another_machine_unless_that_is_said() {
        let options = |url: &str| RemoteOptions::new(url, ManagementKey::new("kw_x"));
        for here in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            assert!(options(here).start().is_ok(), "{here}");
        }
        for there in ["http://keyward.example:8081", "http://192.0.2.7:8081"] {
            let fault = options(there).start().map(drop).unwrap_err();
            assert!(fault.to_string().contains("https"), "{fault}");
            assert!(options(there).plain_http().start().is_ok(), "{there}");
        }
    }

    #[tokio::test]
    async fn a_server_is_named_by_scheme_host_and_port_alone() {
        for bad in [
            "",
            "localhost:8081",
            "https://keyward.example:",
            "https://keyward.example:99999",
            "https://keyward.example:0",
            "https://me@keyward.example",
            "https://keyward.example/v1",
            "https://keyward.example?x",
            "https://keyward.example#x",
            "https://::1",
            "https://b\u{fc}cher.example",
            "ftp://keyward.example",
        ] {
            let options = RemoteOptions::new(bad, ManagementKey::new("kw_x"));
            let fault = options.start().map(drop).unwrap_err();
            assert!(
                fault.to_string().contains("https://keyward.example:8081"),
                "{bad}: {fault}"
            );
        }
    }
}
