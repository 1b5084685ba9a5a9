//! The address under which people reach the console, when a proxy in front of it speaks TLS.

/// An https origin: `https://keys.example.com`, with a port where it is not 443.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

/// Why a text is no such address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be https:// with a host and nothing behind it, such as https://keys.example.com")]
pub struct PublicUrlFault;

impl PublicUrl {
    /// Reads it. The form is the one that browsers send as `Origin` (RFC 6454, section 6.2): lower case, without the port
    /// 443, a host of another script in its ASCII form.
    ///
    /// # Errors
    /// When there is anything but scheme, host and port.
    pub fn new(text: &str) -> Result<Self, PublicUrlFault> {
        let authority = text.strip_prefix("https://").ok_or(PublicUrlFault)?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        let plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
        let read: http::uri::Authority = authority.parse().map_err(|_| PublicUrlFault)?;
        let has_port = authority.len() > read.host().len();
        let port_is_good = !has_port || read.port_u16().is_some_and(|port| port > 0);
        if read.host().is_empty() || !port_is_good || !authority.bytes().all(plain) {
            return Err(PublicUrlFault);
        }
        let origin = match read.port_u16() {
            None | Some(443) => format!("https://{}", read.host()),
            Some(port) => format!("https://{}:{port}", read.host()),
        };
        Ok(Self(origin.to_ascii_lowercase()))
    }

    /// As browsers send it: `https://keys.example.com`.
    pub fn as_str(&self) -> &str {
        &self.0
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
            "https://keys.example.com/console",
            "https://keys.example.com?",
            "https://user@keys.example.com",
            "https://keys.example.com:",
            "https://keys.example.com:0",
            "https://keys.example.com:99999",
            "https://clés.example.com",
            "https://a b",
            "https://a//",
        ] {
            assert_eq!(PublicUrl::new(bad), Err(PublicUrlFault), "{bad}");
        }
    }
}
