//! What most tests of the program stand on: a Keyward between a test and an upstream that records, a user, some sites and a key.

use crate::{
    Certificate, EchoUpstream, Issued, KeySpec, Keyward, KeywardBuilder, RawClient, RawH2, RawResponse,
    exchange, get, request,
};
use tempfile::TempDir;

/// The e-mail address of the user who owns the keys.
pub const OWNER: &str = "owner@example.com";

/// A running Keyward before an upstream, with the member [`OWNER`], some sites, and a key.
pub struct World {
    /// The gateway and its other planes.
    pub keyward: Keyward,
    /// What stands behind the gateway.
    pub upstream: EchoUpstream,
    /// A key of the owner.
    pub key: Issued,
    /// The gateway's, where [`WorldBuilder::tls`] made it.
    pub certificate: Option<Certificate>,
    /// Holds the certificate.
    _folder: Option<TempDir>,
}

/// How a [`World`] shall be.
pub struct WorldBuilder {
    keyward: KeywardBuilder,
    sites: Vec<String>,
    key: KeySpec,
    tls: Option<Vec<String>>,
}

impl World {
    /// Says how it shall be; unless said, it has the site `1` and a key without restrictions.
    pub fn builder() -> WorldBuilder {
        WorldBuilder {
            keyward: Keyward::builder(),
            sites: vec!["1".to_owned()],
            key: KeySpec::new(OWNER, "key"),
            tls: None,
        }
    }

    /// Starts one with this configuration over the testkit's own.
    pub async fn start(config: &str) -> Self {
        Self::builder().config(config).start().await
    }

    /// The secret of the key.
    pub fn secret(&self) -> &str {
        &self.key.secret
    }

    /// A connection to the gateway for HTTP/1.1, over TLS when it speaks that.
    pub async fn connect(&self) -> RawClient {
        let gateway = self.keyward.gateway();
        match &self.certificate {
            None => RawClient::connect(gateway).await,
            Some(certificate) => {
                RawClient::connect_tls(gateway, "localhost", certificate, &["http/1.1"]).await
            }
        }
    }

    /// A connection to the gateway for HTTP/2, over TLS when it speaks that.
    pub async fn connect_h2(&self) -> RawH2 {
        let gateway = self.keyward.gateway();
        match &self.certificate {
            None => RawH2::connect(gateway).await,
            Some(certificate) => RawH2::connect_tls(gateway, "localhost", certificate).await,
        }
    }

    /// The bytes of a GET with the key.
    pub fn get(&self, target: &str) -> Vec<u8> {
        get(target, self.secret())
    }

    /// The bytes of a request with the key.
    pub fn request(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
        let headers = [&[("X-API-KEY", self.secret())], headers].concat();
        request(method, target, &headers, body)
    }

    /// Sends bytes to the gateway on a connection of their own and reads the answer.
    pub async fn send(&self, bytes: impl AsRef<[u8]>) -> RawResponse {
        exchange(self.keyward.gateway(), bytes).await
    }
}

impl WorldBuilder {
    /// Configuration to lay over the testkit's own; may be repeated.
    #[must_use]
    pub fn config(self, toml: &str) -> Self {
        self.keyward(|keyward| keyward.config_toml(toml))
    }

    /// Changes how the Keyward runs.
    #[must_use]
    pub fn keyward(self, change: impl FnOnce(KeywardBuilder) -> KeywardBuilder) -> Self {
        Self {
            keyward: change(self.keyward),
            ..self
        }
    }

    /// Without access log, so that floods do not fill the disk.
    #[must_use]
    pub fn no_access_log(self) -> Self {
        self.keyward(KeywardBuilder::no_access_log)
    }

    /// Which sites there are.
    #[must_use]
    pub fn sites(self, names: &[&str]) -> Self {
        Self {
            sites: names.iter().map(ToString::to_string).collect(),
            ..self
        }
    }

    /// The key to make.
    #[must_use]
    pub fn key(self, key: KeySpec) -> Self {
        Self { key, ..self }
    }

    /// The gateway speaks TLS, with a certificate for `localhost`.
    #[must_use]
    pub fn tls(self) -> Self {
        self.tls_for(&["localhost", "127.0.0.1"])
    }

    /// The gateway speaks TLS, with a certificate for these names.
    #[must_use]
    pub fn tls_for(self, names: &[&str]) -> Self {
        Self {
            tls: Some(names.iter().map(ToString::to_string).collect()),
            ..self
        }
    }

    /// Starts it.
    pub async fn start(self) -> World {
        let Self {
            mut keyward,
            sites,
            key,
            tls,
        } = self;
        let (certificate, folder) = tls.map(|names| certificate_for(&names)).unzip();
        if let Some(certificate) = &certificate {
            keyward = keyward.gateway_tls(certificate);
        }
        let (keyward, upstream) = started(keyward, &sites).await;
        World {
            key: keyward.key(key).await,
            keyward,
            upstream,
            certificate,
            _folder: folder,
        }
    }

    /// Starts it without a key.
    pub async fn start_without_key(self) -> (EchoUpstream, Keyward) {
        let (keyward, upstream) = started(self.keyward, &self.sites).await;
        (upstream, keyward)
    }
}

/// A Keyward before an upstream, with the owner and these sites.
async fn started(keyward: KeywardBuilder, sites: &[String]) -> (Keyward, EchoUpstream) {
    let upstream = EchoUpstream::start().await;
    let keyward = keyward.upstream(upstream.address()).start().await;
    keyward.user(OWNER, "member").await;
    for site in sites {
        keyward.site(site).await;
    }
    (keyward, upstream)
}

/// A certificate for these names, and the folder that holds it.
fn certificate_for(names: &[String]) -> (Certificate, TempDir) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    (Certificate::create_for(folder.path(), &names), folder)
}
