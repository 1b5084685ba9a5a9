//! A look at a Redis, for those who check an installation.

use super::link::{Connection, Fault, Links};
use super::options::RedisOptions;
use super::script;
use std::fmt;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inspection {
    /// `Redis 7.0.15` or `Valkey 8.0.1`, when it may be asked.
    pub version: Option<String>,
    /// What is done when memory is full, when that is bounded.
    pub eviction: Option<String>,
    /// Whether it copies another server, and so takes no counts.
    pub is_replica: bool,
    /// Whether it is a node of a cluster.
    pub is_cluster: bool,
    /// Why the limiter's scripts do not run, when they do not.
    pub fault: Option<String>,
    /// The rights that the account lacks for them, as Redis's ACL writes them.
    pub missing: Vec<String>,
}

/// Why a Redis cannot be looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unseen {
    /// It answers, and the account lacks a right: Redis's words, and all rights that it needs.
    Denied(String),
    /// It cannot be reached, or lets nobody in.
    Away(String),
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Denied(text) | Self::Away(text)) = self;
        f.write_str(text)
    }
}

/// Looks at the Redis of these options; counts nothing.
///
/// # Errors
/// Why it cannot be reached.
pub async fn inspect(options: &RedisOptions) -> Result<Inspection, Unseen> {
    let links = Links::new(options).map_err(Unseen::Away)?;
    let look = async {
        let mut connection = links.connect().await?;
        Ok::<_, Fault>(look(&mut connection).await)
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(fault @ Fault::Denied(_))) => Err(Unseen::Denied(fault.to_string())),
        Ok(Err(fault)) => Err(Unseen::Away(fault.to_string())),
        Err(_) => Err(Unseen::Away(Fault::Slow(PATIENCE).to_string())),
    }
}

async fn look(connection: &mut Connection) -> Inspection {
    let ran = match script::probe(connection).await {
        Ok(_) => script::beat(connection, "doctor").await.map(|_| ()),
        Err(fault) => Err(fault),
    };
    let missing = match &ran {
        Err(Fault::Denied(_)) => script::missing(connection).await,
        _ => Vec::new(),
    };
    let mut seen = Inspection {
        fault: ran.err().map(|fault| fault.to_string()),
        missing,
        ..Inspection::default()
    };
    // Whoever may not ask is told less.
    if !matches!(connection, Connection::Cluster(_))
        && let Ok(text) = connection.ask::<String>(&redis::cmd("INFO")).await
    {
        read(&text, &mut seen);
    }
    seen
}

fn read(info: &str, seen: &mut Inspection) {
    let field = |name: &str| {
        info.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    };
    seen.version = match (field("valkey_version"), field("redis_version")) {
        (Some(version), _) => Some(format!("Valkey {version}")),
        (None, Some(version)) => Some(format!("Redis {version}")),
        (None, None) => None,
    };
    let is_bounded = field("maxmemory").is_some_and(|bytes| bytes != "0");
    seen.eviction = field("maxmemory_policy")
        .filter(|_| is_bounded)
        .map(str::to_owned);
    seen.is_replica = field("role") == Some("slave");
    seen.is_cluster = field("cluster_enabled") == Some("1");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_of_itself_is_read() {
        let mut seen = Inspection::default();
        let info = "# Server\r\nredis_version:7.2.4\r\nvalkey_version:8.0.1\r\nmaxmemory:100\r\n\
                    maxmemory_policy:allkeys-lru\r\nrole:slave\r\ncluster_enabled:0\r\n";
        read(info, &mut seen);
        assert_eq!(seen.version.as_deref(), Some("Valkey 8.0.1"));
        assert_eq!(seen.eviction.as_deref(), Some("allkeys-lru"));
        assert!(seen.is_replica && !seen.is_cluster);
        let mut seen = Inspection::default();
        read(
            "redis_version:7.0.15\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\nrole:master\r\n",
            &mut seen,
        );
        assert_eq!(
            (seen.version.as_deref(), seen.eviction),
            (Some("Redis 7.0.15"), None)
        );
    }
}
