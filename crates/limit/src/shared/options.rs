//! Where the shared counters are, and how they are used. What is shown of it holds no password.

use keyward_domain::ServerUrl;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use std::fmt;

/// How shared counters are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// Each request is counted in Redis before it is let pass.
    #[default]
    Exact,
    /// Nodes take blocks of requests beforehand.
    Leased,
}

/// What holds while Redis does not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnFailure {
    /// Each node counts for itself.
    #[default]
    Local,
    /// Requests of keys with a limit are refused.
    Refuse,
    /// They pass.
    Allow,
}

/// Where the shared counters are.
#[derive(Clone, Default)]
pub struct RedisOptions {
    /// `redis://user@host:6379/0`, or `rediss://…` for TLS.
    pub url: String,
    /// The password, when the address has none.
    pub password: Option<String>,
    /// Certificates in PEM that are trusted in place of the machine's.
    pub authorities: Option<Vec<u8>>,
    /// Whether the address is one of a cluster's.
    pub cluster: bool,
    /// How they are used.
    pub mode: Mode,
    /// What holds while Redis does not count.
    pub on_failure: OnFailure,
}

impl Mode {
    /// As the configuration writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Leased => "leased",
        }
    }
}

impl OnFailure {
    /// As the configuration writes it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Refuse => "refuse",
            Self::Allow => "allow",
        }
    }
}

impl RedisOptions {
    const FORM: &str = "write it as redis://host:6379, redis://user@host:6379/0, or rediss://… for TLS";

    /// Whether Redis could be there; or what is wrong, in words without a password.
    ///
    /// # Errors
    /// A sentence with the way out.
    pub fn check(&self) -> Result<(), String> {
        let info = self.connection()?;
        if self.authorities.is_some() && !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err("there is nobody to trust without TLS: write rediss://, or leave ca_file out".into());
        }
        if info.redis_settings().db() < 0 {
            return Err(Self::FORM.into());
        }
        if self.cluster && info.redis_settings().db() != 0 {
            return Err("a cluster has no numbered databases: leave the number out".into());
        }
        Ok(())
    }

    /// Whether the address has a password.
    pub fn has_password(&self) -> bool {
        url::Url::parse(&self.url).is_ok_and(|url| url.password().is_some_and(|text| !text.is_empty()))
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self.connection() {
            Ok(info) => match info.addr() {
                ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                    format!("{host}:{port}")
                }
                other => other.to_string(),
            },
            Err(_) => "nowhere".into(),
        }
    }

    pub(super) fn connection(&self) -> Result<ConnectionInfo, String> {
        let written = ServerUrl::parse(&self.url).map_err(|why| format!("{why}; {}", Self::FORM))?;
        let is_remote = matches!(written.scheme, "redis" | "rediss" | "valkey" | "valkeys");
        // `#insecure` would take any certificate for the right one. Parameters say nothing that is not said elsewhere, and the
        // library passes over most.
        if !is_remote || written.fragment.is_some() || written.query.is_some() {
            return Err(Self::FORM.into());
        }
        let url = url::Url::parse(&self.url).map_err(|_| Self::FORM)?;
        let info = url.into_connection_info().map_err(|_| Self::FORM)?;
        let mut settings = info.redis_settings().clone().set_skip_set_lib_name();
        if let Some(password) = &self.password {
            settings = settings.set_password(password);
        }
        Ok(info.set_redis_settings(settings))
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisOptions")
            .field("place", &self.place())
            .field("cluster", &self.cluster)
            .field("mode", &self.mode)
            .field("on_failure", &self.on_failure)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> RedisOptions {
        RedisOptions {
            url: url.into(),
            ..RedisOptions::default()
        }
    }

    #[test]
    fn an_address_names_a_host_and_its_scheme_tells_of_tls() {
        for (url, place) in [
            ("redis://localhost", "localhost:6379"),
            ("redis://user:s3cret@10.0.0.1:7000/2", "10.0.0.1:7000"),
            ("rediss://cache.example.com:6380", "cache.example.com:6380"),
            ("valkey://[::1]:6379", "::1:6379"),
        ] {
            assert_eq!(options(url).check(), Ok(()), "{url}");
            assert_eq!(options(url).place(), place);
        }
        for url in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://h:x",
            "redis://h/x",
            "unix:///s",
            "rediss://h#insecure",
            "redis://h?db=1",
            "redis://h:",
            "redis://h:0",
            "redis://h:99999",
            "redis://::1:6379",
            "redis://h /1",
            "redis://b\u{fc}cher.example",
            "redis://h/1/2",
            "redis://h/-1",
        ] {
            let fault = options(url).check().unwrap_err();
            assert!(fault.contains("redis://host:6379"), "{url}: {fault}");
        }
    }

    #[test]
    fn k6_no_password_is_shown() {
        let mut options = options("redis://user:s3cret@h");
        options.password = Some("s3cret".into());
        assert!(options.has_password());
        let shown = format!("{options:?} {}", options.place());
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let mut trusting = options("redis://h");
        trusting.authorities = Some(Vec::new());
        assert!(trusting.check().unwrap_err().contains("rediss://"));
        let mut cluster = options("redis://h/1");
        cluster.cluster = true;
        assert!(cluster.check().unwrap_err().contains("cluster"));
    }
}
