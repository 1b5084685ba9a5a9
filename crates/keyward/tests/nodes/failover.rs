//! A primary that ends in the middle of changes, and its standby, which is promoted: nodes that know both addresses follow by themselves.

use crate::load::switch;
use keyward_testkit::{EchoUpstream, Issued, KeySpec, Keyward, OWNER, Postgres, blocking, eventually};
use serde_json::Value;
use std::sync::Arc;

const KEYS: usize = 12;

struct Pair {
    primary: Arc<Postgres>,
    standby: Arc<Postgres>,
    nodes: Vec<Keyward>,
    keys: Vec<Issued>,
    _upstream: EchoUpstream,
}

impl Pair {
    async fn start() -> Self {
        let (primary, standby) = blocking(|| {
            let primary = Postgres::start();
            let standby = primary.start_standby();
            (Arc::new(primary), Arc::new(standby))
        })
        .await;
        let upstream = EchoUpstream::start().await;
        // The standby first, so that it has to be passed over.
        let url = format!(
            "postgres://keyward@{},{}/postgres?target_session_attrs=read-write",
            standby.address(),
            primary.address()
        );
        let mut nodes = Vec::new();
        for _ in 0..2 {
            nodes.push(
                Keyward::before(&upstream)
                    .no_access_log()
                    .database(&url)
                    .start()
                    .await,
            );
        }
        nodes[0].user(OWNER, "member").await;
        nodes[0].site("1").await;
        let mut keys = Vec::new();
        for number in 0..KEYS {
            keys.push(
                nodes[number % 2]
                    .key(KeySpec::new(OWNER, &format!("k{number}")))
                    .await,
            );
        }
        Self {
            primary,
            standby,
            nodes,
            keys,
            _upstream: upstream,
        }
    }

    /// Waits until the standby has everything.
    async fn replicate(&self) {
        let read = "SELECT revision FROM meta";
        eventually("the standby has everything", async || {
            let (primary, standby) = (Arc::clone(&self.primary), Arc::clone(&self.standby));
            blocking(move || primary.sql("postgres", read) == standby.sql("postgres", read)).await
        })
        .await;
    }

    async fn promote(&self) {
        let standby = Arc::clone(&self.standby);
        blocking(move || standby.promote()).await;
        for node in &self.nodes {
            eventually("the node changes things again", async || {
                let path = format!("/v1/keys/{}/enable", self.keys[0].id);
                node.api("POST", &path, &Value::Null).await.status == 200
            })
            .await;
        }
    }

    /// Each gateway decides on each key as the new primary has it.
    async fn compare(&self) {
        for (number, key) in self.keys.iter().enumerate() {
            let standby = Arc::clone(&self.standby);
            let sql = format!("SELECT status FROM keys WHERE name = 'k{number}'");
            let status = blocking(move || standby.sql("postgres", &sql)).await;
            let wanted = match status.as_str() {
                "active" => "200",
                "disabled" => "401 key_disabled",
                _ => "401 key_invalid",
            };
            for node in &self.nodes {
                node.wait_for_verdict(&key.secret, wanted).await;
            }
        }
    }

    async fn went_back(&self) -> Vec<Option<f64>> {
        let mut all = Vec::new();
        for node in &self.nodes {
            all.push(node.metric("keyward_database_went_back_total").await);
        }
        all
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_nodes_follow_a_standby_that_is_promoted_in_the_middle_of_changes() {
    let pair = Pair::start().await;
    for key in &pair.keys[..4] {
        switch(&pair.nodes[0], key, "disable").await;
    }
    pair.replicate().await;
    let killer = Arc::clone(&pair.primary);
    let ((), ()) = tokio::join!(
        async {
            for key in &pair.keys[4..] {
                let path = format!("/v1/keys/{}/disable", key.id);
                pair.nodes[1].api("POST", &path, &Value::Null).await;
            }
        },
        blocking(move || killer.sigkill()),
    );
    pair.promote().await;
    pair.compare().await;
    for node in &pair.nodes {
        eventually("the node is told of changes again", async || {
            node.metric("keyward_listen_up").await == Some(1.0)
        })
        .await;
    }
    // They follow each other there.
    switch(&pair.nodes[0], &pair.keys[1], "enable").await;
    pair.nodes[1].wait_for_verdict(&pair.keys[1].secret, "200").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_what_a_standby_that_was_behind_has_undone_is_told() {
    let pair = Pair::start().await;
    pair.replicate().await;
    assert_eq!(pair.went_back().await, [Some(0.0), Some(0.0)]);
    // It hears nothing of what comes now.
    let standby = Arc::clone(&pair.standby);
    blocking(move || standby.sigkill()).await;
    for key in &pair.keys[..4] {
        switch(&pair.nodes[0], key, "disable").await;
        pair.nodes[1]
            .wait_for_verdict(&key.secret, "401 key_disabled")
            .await;
    }
    let (primary, standby) = (Arc::clone(&pair.primary), Arc::clone(&pair.standby));
    blocking(move || {
        primary.sigkill();
        standby.resume();
    })
    .await;
    pair.promote().await;
    pair.compare().await;
    assert_eq!(pair.went_back().await, [Some(1.0), Some(1.0)]);
    eventually("each node has written it to the audit log", async || {
        let events = pair.nodes[0]
            .api_ok("GET", "/v1/audit?action=database.went_back", &Value::Null)
            .await;
        events["items"].as_array().is_some_and(|events| events.len() == 2)
    })
    .await;
}
