//! A master that sentinels tell of. All are asked at once, and what most of those say who answer is taken; it has to say itself that
//! it is a master.

use super::link::{connect_to, tcp_settings};
use super::options::RedisOptions;
use redis::aio::MultiplexedConnection;
use redis::{ConnectionAddr, ConnectionInfo, RedisConnectionInfo, RedisError, RedisResult, Value};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

const DEFAULT_PORT: &str = ":26379";
/// How long a sentinel may take over its answer, connection included.
const ANSWER: Duration = Duration::from_secs(1);

/// Where a master is.
pub(super) type Master = ConnectionAddr;

/// A master that sentinels have named.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    pub(super) master: Master,
    /// Whether most of all of them say so; else most of those that answered.
    pub(super) by_most: bool,
}

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

    /// The master of now. `before`: the one of before, which stays when as many say so as say anything else.
    pub(super) async fn master(&self, options: &RedisOptions, before: Option<&Master>) -> RedisResult<Named> {
        let mut asked = JoinSet::new();
        for (number, address) in self.addresses.iter().enumerate() {
            let client = options.client(self.account_of(address, options)?)?;
            let name = self.name.clone();
            asked.spawn(async move { (number, timeout(ANSWER, ask(client, name)).await) });
        }
        // In the order of the addresses, whoever answers first.
        let mut told: Vec<Option<Master>> = vec![None; self.addresses.len()];
        let mut fault = None;
        while let Some(done) = asked.join_next().await {
            match done {
                Ok((number, Ok(Ok(Some((host, port)))))) => told[number] = Some(self.at(host, port)),
                Ok((_, Ok(Ok(None)))) => {
                    fault = Some(error(format!("{} was not found in sentinel", self.name)));
                }
                Ok((_, Ok(Err(other)))) => fault = worse(fault, other),
                Ok((_, Err(_))) | Err(_) => {
                    let silent = error(format!("no sentinel answers within {} ms", ANSWER.as_millis()));
                    fault = worse(fault, silent);
                }
            }
            if let Some(named) = chosen(&told, before).filter(|named| named.by_most) {
                return Ok(named);
            }
        }
        let fault = fault.unwrap_or_else(|| error("no sentinel answers".to_owned()));
        chosen(&told, before).ok_or(fault)
    }

    /// Who comes to a sentinel: nobody by name, with the password that sentinels have.
    fn account_of(&self, address: &ConnectionAddr, options: &RedisOptions) -> RedisResult<ConnectionInfo> {
        let settings = RedisConnectionInfo::default().set_skip_set_lib_name();
        let settings = match options.sentinel_password()? {
            Some(password) => settings.set_password(password),
            None => settings,
        };
        let account = self.account.clone().set_addr(address.clone());
        Ok(account
            .set_redis_settings(settings)
            .set_tcp_settings(tcp_settings()))
    }

    /// A place that sentinels have named, reached as they are.
    fn at(&self, host: String, port: u16) -> Master {
        match self.account.addr() {
            ConnectionAddr::TcpTls { .. } => ConnectionAddr::TcpTls {
                host,
                port,
                insecure: false,
                tls_params: None,
            },
            _ => ConnectionAddr::Tcp(host, port),
        }
    }
}

async fn ask(client: redis::Client, name: String) -> RedisResult<Option<(String, u16)>> {
    let mut connection = connect_to(&client).await?;
    let mut command = redis::cmd("SENTINEL");
    command.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    command.query_async(&mut connection).await
}

fn votes(told: &[Option<Master>], master: &Master) -> usize {
    told.iter().flatten().filter(|other| *other == master).count()
}

/// What most say; of several, the one of before, or else what the first sentinel of them says.
fn chosen(told: &[Option<Master>], before: Option<&Master>) -> Option<Named> {
    let most = told.iter().flatten().map(|master| votes(told, master)).max()?;
    let mut masters = told.iter().flatten().filter(|master| votes(told, master) == most);
    let first = masters.clone().next();
    let master = masters.find(|master| Some(*master) == before).or(first)?;
    Some(Named {
        master: master.clone(),
        by_most: most * 2 > told.len(),
    })
}

/// The fault that is told: what a sentinel says before that another one cannot be reached.
fn worse(known: Option<RedisError>, other: RedisError) -> Option<RedisError> {
    match known {
        Some(known) if other.is_io_error() || !known.is_io_error() => Some(known),
        _ => Some(other),
    }
}

fn error(what: String) -> RedisError {
    RedisError::from(std::io::Error::other(what))
}

/// Sees to it that what sentinels have named says itself that it is a master.
pub(super) async fn check_master(
    connection: &mut MultiplexedConnection,
    address: &Master,
) -> RedisResult<()> {
    let told: Vec<Value> = redis::cmd("ROLE").query_async(connection).await?;
    let role = told.into_iter().next().map(redis::from_redis_value::<String>);
    match role {
        Some(Ok(role)) if role == "master" => Ok(()),
        _ => Err(error(format!(
            "the sentinels name {}, which is no master",
            shown(address)
        ))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_most_say_is_taken_and_of_as_many_what_was_so_before() {
        let at = |port| ConnectionAddr::Tcp("10.0.0.1".to_owned(), port);
        let (one, two) = (Some(at(1)), Some(at(2)));
        for (told, before, wanted, by_most) in [
            (vec![one.clone(), two.clone(), two.clone()], None, 2, true),
            (vec![one.clone(), two.clone(), two.clone()], Some(1), 2, true),
            (vec![one.clone(), None, two.clone()], None, 1, false),
            (vec![one.clone(), None, two.clone()], Some(2), 2, false),
            (vec![one.clone(), two.clone()], Some(3), 1, false),
            (vec![one.clone(), one], None, 1, true),
            (vec![None, None, two.clone()], None, 2, false),
            (vec![two], None, 2, true),
        ] {
            let master = at(wanted);
            let wanted = Named { master, by_most };
            assert_eq!(chosen(&told, before.map(at).as_ref()), Some(wanted), "{told:?}");
        }
        assert_eq!(chosen(&[None, None], Some(&at(1))), None);
    }
}
