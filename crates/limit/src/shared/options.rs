//! Where the shared counters are, and how they are used. What is shown of it holds no password.

use super::sentinel::{Sentinels, shown};
use keyward_domain::ServerUrl;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisError, RedisResult, TlsCertificates,
};
use std::fmt;
use std::path::{Path, PathBuf};

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
    /// `redis://user@host:6379/0`, or `rediss://…` for TLS; `redis+sentinel://user@host:26379,host:26379/mymaster/0` for the
    /// master that sentinels name.
    pub url: String,
    /// The file that holds the password, when the address has none. It is read at each connection.
    pub password_file: Option<PathBuf>,
    /// The same of the sentinels.
    pub sentinel_password_file: Option<PathBuf>,
    /// Certificates in PEM that are trusted in place of the machine's.
    pub authorities: Option<Vec<u8>>,
    /// Whether the address is one of a cluster's.
    pub cluster: bool,
    /// How they are used.
    pub mode: Mode,
    /// What holds while Redis does not count.
    pub on_failure: OnFailure,
}

/// What an address leads to.
#[derive(Clone)]
pub(super) enum Target {
    /// A server, or one of a cluster.
    Server(Box<ConnectionInfo>),
    /// The master that these name.
    Sentinels(Box<Sentinels>),
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
        let target = self.target()?;
        let info = target.account();
        if self.authorities.is_some() && !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err("there is nobody to trust without TLS: write rediss://, or leave ca_file out".into());
        }
        if info.redis_settings().db() < 0 {
            return Err(Self::FORM.into());
        }
        if self.cluster && info.redis_settings().db() != 0 {
            return Err("a cluster has no numbered databases: leave the number out".into());
        }
        if self.cluster && matches!(target, Target::Sentinels(_)) {
            return Err("a cluster has no sentinels: leave cluster out, or name one of its servers".into());
        }
        Ok(())
    }

    /// Whether the address has a password.
    pub fn has_password(&self) -> bool {
        let has_password = |target: &Target| {
            let password = target.account().redis_settings().password();
            password.is_some_and(|text| !text.is_empty())
        };
        self.target().as_ref().is_ok_and(has_password)
    }

    /// Whether the address names sentinels.
    pub fn has_sentinels(&self) -> bool {
        matches!(self.target(), Ok(Target::Sentinels(_)))
    }

    /// Where it is, for people.
    pub fn place(&self) -> String {
        match self.target() {
            Ok(Target::Server(info)) => shown(info.addr()),
            Ok(Target::Sentinels(sentinels)) => sentinels.place(),
            Err(_) => "nowhere".into(),
        }
    }

    pub(super) fn target(&self) -> Result<Target, String> {
        match self.url.split_once("+sentinel://") {
            Some((scheme, rest)) => Ok(Target::Sentinels(Box::new(Sentinels::parse(
                scheme, rest, connection,
            )?))),
            None => Ok(Target::Server(Box::new(connection(&self.url)?))),
        }
    }

    /// The password of now, for an account of the address.
    pub(super) fn password_of(&self, account: &ConnectionInfo) -> RedisResult<Option<String>> {
        match &self.password_file {
            Some(file) => read_password("limits.password_file", file).map(Some),
            None => Ok(account.redis_settings().password().map(str::to_owned)),
        }
    }

    pub(super) fn sentinel_password(&self) -> RedisResult<Option<String>> {
        let file = self.sentinel_password_file.as_ref();
        file.map(|file| read_password("limits.sentinel_password_file", file))
            .transpose()
    }

    /// Who connects there, trusting whom these options say.
    pub(super) fn client(&self, info: ConnectionInfo) -> RedisResult<Client> {
        match self.certificates() {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        }
    }

    pub(super) fn certificates(&self) -> Option<TlsCertificates> {
        self.authorities.clone().map(|pem| TlsCertificates {
            client_tls: None,
            root_cert: Some(pem),
        })
    }
}

impl Target {
    /// Who comes, and to which database; with the address of the server, or of a sentinel.
    fn account(&self) -> &ConnectionInfo {
        match self {
            Self::Server(info) => info,
            Self::Sentinels(sentinels) => sentinels.account(),
        }
    }
}

/// Takes the address of one server apart.
fn connection(url: &str) -> Result<ConnectionInfo, String> {
    const FORM: &str = RedisOptions::FORM;
    let written = ServerUrl::parse(url).map_err(|why| format!("{why}; {FORM}"))?;
    let is_remote = matches!(written.scheme, "redis" | "rediss" | "valkey" | "valkeys");
    // `#insecure` would take any certificate for the right one. Parameters say nothing that is not said elsewhere, and the
    // library passes over most.
    if !is_remote || written.fragment.is_some() || written.query.is_some() {
        return Err(FORM.into());
    }
    let url = url::Url::parse(url).map_err(|_| FORM)?;
    let info = url.into_connection_info().map_err(|_| FORM)?;
    let settings = info.redis_settings().clone().set_skip_set_lib_name();
    Ok(info.set_redis_settings(settings))
}

/// The text of a file, without the end of its only line.
fn read_password(setting: &str, file: &Path) -> RedisResult<String> {
    let fault = |what: String| RedisError::from(std::io::Error::other(format!("{setting}: {what}")));
    let text = std::fs::read_to_string(file)
        .map_err(|error| fault(format!("{}: cannot be read: {error}", file.display())))?;
    let password = text.strip_suffix('\n').unwrap_or(&text);
    let password = password.strip_suffix('\r').unwrap_or(password);
    match password {
        "" => Err(fault(format!("{}: is empty", file.display()))),
        _ => Ok(password.to_owned()),
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
    fn an_address_of_sentinels_names_the_master_too() {
        for (url, place) in [
            ("redis+sentinel://a/mymaster", "mymaster of a:26379"),
            (
                "rediss+sentinel://user:s3cret@a:1,b.example:2,[::1]/my-master/3",
                "my-master of a:1,b.example:2,::1:26379",
            ),
            (
                "valkey+sentinel://user@[::1]:1,10.0.0.1/m",
                "m of ::1:1,10.0.0.1:26379",
            ),
        ] {
            let options = options(url);
            assert_eq!(options.check(), Ok(()), "{url}");
            assert!(options.has_sentinels());
            assert_eq!(options.place(), place);
            let Target::Sentinels(sentinels) = options.target().unwrap() else {
                panic!("{url}")
            };
            let wanted = i64::from(url.ends_with("/3")) * 3;
            assert_eq!(sentinels.account().redis_settings().db(), wanted);
        }
        for url in [
            "redis+sentinel://a",
            "redis+sentinel://a/",
            "redis+sentinel://a,/m",
            "redis+sentinel://,a/m",
            "redis+sentinel:///m",
            "redis+sentinel://a:x/m",
            "redis+sentinel://a/m/",
            "redis+sentinel://a/m/x",
            "redis+sentinel://a/m/1/2",
            "redis+sentinel://a/m?db=1",
            "redis+sentinel://a/m#insecure",
            "http+sentinel://a/m",
            "unix+sentinel://a/m",
        ] {
            assert!(options(url).check().is_err(), "{url}");
        }
        let mut cluster = options("redis+sentinel://a/m");
        cluster.cluster = true;
        assert!(cluster.check().unwrap_err().contains("sentinels"));
    }

    #[test]
    fn k6_no_password_is_shown() {
        for url in ["redis://user:s3cret@h", "rediss+sentinel://user:s3cret@h,i/m"] {
            let options = options(url);
            assert!(options.has_password());
            let shown = format!("{options:?} {}", options.place());
            assert!(!shown.contains("s3cret"), "{shown}");
        }
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
