//! The address under which people reach the console, when a proxy in front of it speaks TLS.

use crate::base_path::BasePath;
use keyward_domain::ServerUrl;

/// An https address: `https://keys.example.com`, with a port where it is not 443, and with a path where the console shares its
/// host: `https://example.com/keyward`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    /// Scheme, host and port, as browsers send them.
    origin: String,
    base: BasePath,
    whole: String,
}

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublicUrlFault {
    /// Another scheme, no host, or more than a host and a path.
    #[error("must be https:// with a host and perhaps a path, such as https://keys.example.com")]
    Form,
    /// A path below which the console cannot be.
    #[error("{0}")]
    Path(&'static str),
}

impl PublicUrl {
    /// Reads it. The form of the origin is the one that browsers send as `Origin` (RFC 6454, section 6.2): lower case, without
    /// the port 443, a host of another script in its ASCII form.
    ///
    /// # Errors
    /// When there is anything but scheme, host, port and a plain path.
    pub fn new(text: &str) -> Result<Self, PublicUrlFault> {
        let url = ServerUrl::parse(text).map_err(|_| PublicUrlFault::Form)?;
        if url.scheme != "https" || url.user.is_some() || url.query.is_some() || url.fragment.is_some() {
            return Err(PublicUrlFault::Form);
        }
        let base = BasePath::new(url.path).map_err(PublicUrlFault::Path)?;
        let origin = match url.port {
            None | Some(443) => format!("https://{}", url.host),
            Some(port) => format!("https://{}:{port}", url.host),
        };
        let origin = origin.to_ascii_lowercase();
        let whole = format!("{origin}{}", base.as_str());
        Ok(Self { origin, base, whole })
    }

    /// Host and port: `keys.example.com`.
    pub(crate) fn authority(&self) -> &str {
        self.origin.trim_start_matches("https://")
    }

    /// Scheme, host and port, as browsers send them: `https://keys.example.com`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path below which the console is.
    pub(crate) fn base(&self) -> &BasePath {
        &self.base
    }

    /// The whole, without a slash at its end: paths of the console go behind it.
    pub fn as_str(&self) -> &str {
        &self.whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_into_the_form_that_browsers_send() {
        let table = [
            ("https://keys.example.com", "https://keys.example.com"),
            ("https://Keys.Example.com/", "https://keys.example.com"),
            ("https://keys.example.com:443", "https://keys.example.com"),
            ("https://keys.example.com:8443", "https://keys.example.com:8443"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("https://Example.com/Keyward/", "https://example.com/Keyward"),
            ("https://example.com:8443/a/b", "https://example.com:8443/a/b"),
        ];
        for (text, origin) in table {
            assert_eq!(
                PublicUrl::new(text).as_ref().map(PublicUrl::as_str),
                Ok(origin),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_https_origin_is_refused() {
        for bad in [
            "",
            "https://",
            "https:///",
            "http://keys.example.com",
            "keys.example.com",
            "https://keys.example.com/a?b",
            "https://keys.example.com/a#b",
            "https://keys.example.com/v1",
            "https://keys.example.com?",
            "https://user@keys.example.com",
            "https://keys.example.com:",
            "https://keys.example.com:0",
            "https://keys.example.com:99999",
            "https://clés.example.com",
            "https://a b",
            "https://a//",
        ] {
            assert!(PublicUrl::new(bad).is_err(), "{bad}");
        }
    }
}
