//! What there is to know of a provider beforehand.

use crate::fault::StartFault;
use keyward_domain::{ServerUrl, ServerUrlFault};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use url::{Host, Url};
use zeroize::Zeroizing;

/// The provider, and what this client is to it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who vouches.
    pub issuer: Issuer,
    /// The name of this client at the provider.
    pub client_id: String,
    /// The file with the client's secret; without one it is a public client.
    pub client_secret_file: Option<PathBuf>,
    /// What people call the provider.
    pub name: String,
    /// The certificates of the authorities to trust, as PEM, in place of the machine's.
    pub ca_file: Option<PathBuf>,
    /// What to ask for besides `openid` and `email`.
    pub scopes: Vec<String>,
}

/// The URL of a provider, exactly as its tokens name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(Url, String);

/// Why a text is no issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be https:// with a host and perhaps a path, such as https://sso.example.com; http:// only on this machine (127.0.0.1)"
)]
pub struct IssuerFault;

impl Issuer {
    /// Reads it (OpenID Connect Discovery 1.0, section 3).
    ///
    /// # Errors
    /// When it is no https URL without query and fragment, or an http URL of another machine.
    pub fn new(text: &str) -> Result<Self, IssuerFault> {
        let url = ServerUrl::parse(text).and_then(|_| Url::parse(text).map_err(|_| ServerUrlFault::Sign));
        let url = url.map_err(|_| IssuerFault)?;
        let is_bare = url.query().is_none() && url.fragment().is_none();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        let is_safe = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url),
            _ => false,
        };
        let is_clean = text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_bare && is_anonymous && is_safe && is_clean && url.has_host() {
            Ok(Self(url, text.to_owned()))
        } else {
            Err(IssuerFault)
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.1
    }

    /// Whether it is on this machine, without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }
}

/// Whether a URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// The secret that this client and the provider share. It wipes itself and is never printed.
pub(crate) struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// Reads the file; blanks and line ends around the secret are not part of it.
    pub(crate) fn read(path: &Path) -> Result<Self, StartFault> {
        let fault = |fault: String| StartFault::Secret {
            path: path.to_owned(),
            fault,
        };
        let text =
            std::fs::read_to_string(path).map_err(|error| fault(format!("cannot be read: {error}")))?;
        let text = Zeroizing::new(text);
        let secret = text.trim();
        if secret.is_empty() || secret.chars().any(char::is_control) {
            return Err(fault("must hold the secret on one line, and nothing else".into()));
        }
        Ok(Self(Zeroizing::new(secret.to_owned())))
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_on_this_machine_and_stays_as_it_was_written() {
        let good = [
            "https://sso.example.com",
            "https://sso.example.com/",
            "https://sso.example.com:8443/realms/staff",
            "http://127.0.0.1:9000",
            "http://[::1]:9000/x",
            "http://localhost:9000",
        ];
        for text in good {
            assert_eq!(Issuer::new(text).unwrap().as_str(), text);
        }
        let bad = [
            "",
            "sso.example.com",
            "http://sso.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "https://sso.example.com?a",
            "https://sso.example.com#a",
            "https://me@sso.example.com",
            "https://:pw@sso.example.com",
            "ftp://sso.example.com",
            "https://",
            "https://sso.example.com/a b",
            " https://sso.example.com",
            "file:///etc/passwd",
            "https://sso.example.com:",
            "https://sso.example.com:0",
            "https://sso.example.com:99999",
            "https://sso..example.com",
            "https://::1",
            "https://a\\@b.example",
            "http://127.1:9000",
        ];
        for text in bad {
            assert_eq!(Issuer::new(text), Err(IssuerFault), "{text}");
        }
    }

    #[test]
    fn a_secret_is_one_line_and_is_not_printed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            ClientSecret::read(&file)
        };
        let secret = read("s3cret\n").unwrap();
        assert_eq!(secret.reveal(), "s3cret");
        assert!(!format!("{secret:?}").contains("s3cret"));
        for text in ["", " \n", "a\nb"] {
            let fault = read(text).unwrap_err().to_string();
            assert!(fault.starts_with("client_secret_file: "), "{fault}");
        }
        assert!(ClientSecret::read(&folder.path().join("none")).is_err());
    }
}
