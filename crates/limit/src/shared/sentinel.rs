//! A master that sentinels tell of: they are asked anew for each connection, and what they name has to say that it is a master.

use super::link::tcp_settings;
use super::options::RedisOptions;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{Client, ConnectionAddr, ConnectionInfo, RedisResult, TlsMode};

const DEFAULT_PORT: &str = ":26379";

/// Where sentinels are, and what they are asked for.
#[derive(Clone, Debug)]
pub(super) struct Sentinels {
    addresses: Vec<ConnectionAddr>,
    /// What the sentinels call the master and its replicas.
    name: String,
    /// The account and the database of the master.
    account: ConnectionInfo,
}

impl Sentinels {
    /// Reads what follows `redis+sentinel://`, or another scheme before the `+`: `user@host:26379,host:26379/name/0`. `read` takes the
    /// address of one server apart.
    pub(super) fn parse(
        scheme: &str,
        rest: &str,
        read: impl Fn(&str) -> Result<ConnectionInfo, String>,
    ) -> Result<Self, String> {
        const FORM: &str = "name the sentinels and the master: redis+sentinel://user@host1:26379,host2:26379/mymaster, or \
                            …/mymaster/0 for a numbered database";
        let (authority, path) = rest.split_once('/').ok_or(FORM)?;
        let (name, database) = path.split_once('/').unwrap_or((path, "0"));
        let is_name = |text: &str| {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
            !text.is_empty() && text.bytes().all(is_plain)
        };
        if !is_name(name) || !database.bytes().all(|b| b.is_ascii_digit()) || database.is_empty() {
            return Err(FORM.into());
        }
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (format!("{user}@"), hosts),
            None => (String::new(), authority),
        };
        let mut servers = Vec::new();
        for host in hosts.split(',') {
            // An IPv6 address has colons of its own.
            let port = match host.rsplit_once(':') {
                Some((_, port)) if !port.ends_with(']') => "",
                _ => DEFAULT_PORT,
            };
            servers.push(read(&format!("{scheme}://{user}{host}{port}/{database}"))?);
        }
        let account = servers.first().ok_or(FORM)?.clone();
        Ok(Self {
            addresses: servers.iter().map(|server| server.addr().clone()).collect(),
            name: name.to_owned(),
            account,
        })
    }

    pub(super) fn account(&self) -> &ConnectionInfo {
        &self.account
    }

    /// The master and the sentinels, for people.
    pub(super) fn place(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(shown).collect();
        format!("{} of {}", self.name, addresses.join(","))
    }

    /// The master of now.
    pub(super) async fn master(&self, options: &RedisOptions) -> RedisResult<Client> {
        self.client(options)?.async_get_client().await
    }

    fn client(&self, options: &RedisOptions) -> RedisResult<SentinelClient> {
        let settings = self.account.redis_settings();
        let mut builder =
            SentinelClientBuilder::new(self.addresses.clone(), &self.name, SentinelServerType::Master)?
                .set_client_to_redis_db(settings.db())
                .set_client_to_redis_tcp_settings(tcp_settings())
                .set_client_to_sentinel_tcp_settings(tcp_settings());
        if let Some(user) = settings.username() {
            builder = builder.set_client_to_redis_username(user);
        }
        if let Some(password) = options.password_of(&self.account)? {
            builder = builder.set_client_to_redis_password(password);
        }
        if let Some(password) = options.sentinel_password()? {
            builder = builder.set_client_to_sentinel_password(password);
        }
        if matches!(self.account.addr(), ConnectionAddr::TcpTls { .. }) {
            builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure);
            if let Some(certificates) = options.certificates() {
                builder = builder
                    .set_client_to_redis_certificates(certificates.clone())
                    .set_client_to_sentinel_certificates(certificates);
            }
        }
        builder.build()
    }
}

/// `host:port`.
pub(super) fn shown(address: &ConnectionAddr) -> String {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            format!("{host}:{port}")
        }
        other => other.to_string(),
    }
}
