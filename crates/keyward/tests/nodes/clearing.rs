//! What nodes do beside requests, when a great deal of it has gathered: in pieces, and in nobody's way.

use keyward_testkit::{Cluster, KeySpec, OWNER, eventually, sized};
use serde_json::json;

/// Keys of the owner that were deleted 31 days ago, each with an hour of usage.
fn delete_long_ago(keys: usize) -> String {
    format!(
        "INSERT INTO keys SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), (SELECT id FROM users WHERE email = '{OWNER}'), \
         'gone', '', 'rest-api', sha256(n::text::bytea), 'kw_…0000', 'deleted', \
         (extract(epoch FROM now()) * 1000)::bigint - 31 * 86400000::bigint, true, NULL, NULL, NULL, NULL, 0, 0, 1 \
         FROM generate_series(1, {keys}) n; \
         INSERT INTO usage SELECT id, 3600000, 0, 'granted', 1 FROM keys WHERE status = 'deleted'"
    )
}

/// Minutes of one key that nobody reads any more.
fn old_minutes(rows: usize) -> String {
    format!(
        "INSERT INTO usage SELECT id, 60000, n * 60000::bigint, 'granted', 1 \
         FROM generate_series(1, {rows}) n, (SELECT id FROM keys WHERE status <> 'deleted' LIMIT 1) AS one"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_gathered_is_cleared_away_at_once_and_changes_go_on_meanwhile() {
    let (keys, rows) = (sized(2_000, 100_000), sized(30_000, 1_000_000));
    let cluster = Cluster::builder().nodes(2).start().await;
    let node = &cluster.nodes[1];
    let key = node.key(KeySpec::new(OWNER, "changed")).await;
    let path = format!("/v1/keys/{}", key.id);
    cluster
        .server(move |server| {
            server.sql("postgres", &delete_long_ago(keys));
            server.sql("postgres", &old_minutes(rows));
        })
        .await;
    // A node looks for such work when it starts, and then every ten minutes.
    cluster.nodes[0].restart().await;
    let left = async || {
        let sql = "SELECT (SELECT count(*) FROM keys WHERE status = 'deleted') + (SELECT count(*) FROM usage WHERE start < 1000000000000)";
        cluster.server(move |server| server.sql("postgres", sql)).await
    };
    let mut changes = 0;
    eventually("all of it is gone", async || {
        for act in ["disable", "enable"] {
            node.api_ok("POST", &format!("{path}/{act}"), &json!(null)).await;
            changes += 1;
        }
        left().await == "0"
    })
    .await;
    assert!(changes > 0);
    for job in ["purge", "prune"] {
        let name = format!("keyward_task_last_success_timestamp_seconds{{task=\"{job}\"}}");
        cluster.nodes[0].wait_for_metric(&name, |at| at > 1e9).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn usage_that_the_database_could_not_take_for_a_while_is_all_there_afterwards() {
    let cluster = Cluster::builder().nodes(1).start().await;
    let node = &cluster.nodes[0];
    let key = node.key(KeySpec::new(OWNER, "used")).await;
    cluster.agree().await;
    // Longer than the server lets a statement wait.
    let lock = cluster.server(|server| {
        server.sql("postgres", "BEGIN; LOCK TABLE usage; SELECT pg_sleep(23); COMMIT");
    });
    let use_it = async {
        for _ in 0..60 {
            assert_eq!(node.verdict(&key.secret).await, "200");
        }
        node.wait_for_metric("keyward_usage_pending", |pending| pending > 0.0)
            .await;
        node.until_log("a flush that failed", |log| log.contains("background task fails"))
            .await;
    };
    tokio::join!(lock, use_it);
    assert_eq!(node.verdict(&key.secret).await, "200");
    eventually("all of it is stored", async || {
        let told = node
            .api_ok(
                "GET",
                &format!("/v1/keys/{}/usage?period=day", key.id),
                &json!(null),
            )
            .await;
        let granted = told["buckets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bucket| bucket["granted"].as_u64().unwrap());
        granted.sum::<u64>() == 61
    })
    .await;
    assert_eq!(node.metric("keyward_usage_lost_total").await, Some(0.0));
}
