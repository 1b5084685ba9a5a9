//! Nodes before one upstream and over one PostgreSQL, each with a network of its own to the database.

use crate::{
    EchoUpstream, Keyward, KeywardBuilder, OWNER, PgBouncer, Postgres, TcpProxy, blocking, eventually,
};
use std::sync::Arc;

/// Some nodes with the member [`OWNER`] and the site `1`.
pub struct Cluster {
    // Ends in this order: nodes, their networks, the server.
    /// The nodes.
    pub nodes: Vec<Keyward>,
    /// Between each node and the server.
    pub proxies: Vec<TcpProxy>,
    /// Between those and the server, when it was asked for.
    pub pooler: Option<Arc<PgBouncer>>,
    /// The database.
    pub server: Arc<Postgres>,
    /// What stands behind every node; it records no bodies.
    pub upstream: EchoUpstream,
}

/// How a [`Cluster`] shall be.
pub struct ClusterBuilder {
    nodes: usize,
    configs: Vec<String>,
    pooler: Option<&'static str>,
    listens_at_server: bool,
}

impl Cluster {
    /// Says how it shall be; unless said, three nodes.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder {
            nodes: 3,
            configs: Vec::new(),
            pooler: None,
            listens_at_server: false,
        }
    }

    /// Starts one of three nodes.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Waits until every node has what every other has.
    pub async fn agree(&self) {
        eventually("the nodes agree", async || {
            let mut revisions = Vec::new();
            for node in &self.nodes {
                revisions.push(node.readyz().await.json()["revision"].as_u64());
            }
            revisions[0].is_some() && revisions.iter().all(|other| *other == revisions[0])
        })
        .await;
    }

    /// Does something to the server that blocks.
    pub async fn server<T: Send + 'static>(&self, act: impl FnOnce(&Postgres) -> T + Send + 'static) -> T {
        let server = Arc::clone(&self.server);
        blocking(move || act(&server)).await
    }
}

impl ClusterBuilder {
    /// How many nodes, at least one.
    #[must_use]
    pub fn nodes(self, nodes: usize) -> Self {
        Self { nodes, ..self }
    }

    /// Configuration to lay over the testkit's own, the same for each node; may be repeated.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Self {
        self.configs.push(toml.to_owned());
        self
    }

    /// With a PgBouncer before the server, in mode `session` or `transaction`.
    #[must_use]
    pub fn pooler(self, mode: &'static str) -> Self {
        Self {
            pooler: Some(mode),
            ..self
        }
    }

    /// With nodes that listen at the server itself, whatever stands before it.
    #[must_use]
    pub fn listening_at_server(self) -> Self {
        Self {
            listens_at_server: true,
            ..self
        }
    }

    /// Starts the server and the nodes, and waits until they agree.
    pub async fn start(self) -> Cluster {
        let server = Arc::new(blocking(Postgres::start).await);
        let address = server.address();
        let pooler = match self.pooler {
            Some(mode) => Some(Arc::new(
                blocking(move || PgBouncer::start(address, mode, "")).await,
            )),
            None => None,
        };
        let target = pooler.as_ref().map_or(address, |pooler| pooler.address());
        let upstream = EchoUpstream::start().await;
        upstream.record_bodies(false);
        let (mut proxies, mut nodes) = (Vec::new(), Vec::new());
        for _ in 0..self.nodes {
            let proxy = TcpProxy::start(target);
            let builder = Keyward::before(&upstream)
                .no_access_log()
                .database(&format!("postgres://keyward@{}/postgres", proxy.address()));
            let builder = match self.listens_at_server {
                true => builder.config_toml(&format!(
                    "[database]\nlisten_url = \"postgres://keyward@{address}/postgres\""
                )),
                false => builder,
            };
            let configured = self.configs.iter().map(String::as_str);
            nodes.push(
                configured
                    .fold(builder, KeywardBuilder::config_toml)
                    .start()
                    .await,
            );
            proxies.push(proxy);
        }
        nodes[0].user(OWNER, "member").await;
        nodes[0].site("1").await;
        let cluster = Cluster {
            nodes,
            proxies,
            pooler,
            server,
            upstream,
        };
        cluster.agree().await;
        cluster
    }
}
