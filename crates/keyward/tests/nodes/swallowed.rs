//! The network between a node and PostgreSQL forgets the connections that are open, and tells nobody: new ones are served.

use crate::load::switch;
use keyward_testkit::{Cluster, KeySpec, OWNER, Times, eventually};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How soon a change on another node holds all the same, as it is stated: docs/operations.md.
const BOUND: Duration = Duration::from_secs(2);
/// How soon the node is told of changes again, as it is stated: docs/operations.md.
const LISTENS_WITHIN: Duration = Duration::from_secs(10);

/// The sessions of the server that listen.
async fn listeners(cluster: &Cluster) -> BTreeSet<String> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'keyward listener'";
    let pids = cluster.server(move |server| server.sql("postgres", sql)).await;
    pids.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s9_connections_that_are_swallowed_silently_are_given_up_in_time() {
    let cluster = Cluster::builder().nodes(2).start().await;
    let [changing, cut] = [&cluster.nodes[0], &cluster.nodes[1]];
    let key = changing.key(KeySpec::new(OWNER, "switched")).await;
    cluster.agree().await;
    let (mut late, mut listened) = (Vec::new(), Vec::new());
    for (change, wanted) in [
        ("disable", "401 key_disabled"),
        ("enable", "200"),
        ("disable", "401 key_disabled"),
    ] {
        eventually("both listen", async || {
            cut.metric("keyward_listen_up").await == Some(1.0) && listeners(&cluster).await.len() >= 2
        })
        .await;
        let before = listeners(&cluster).await;
        cluster.proxies[1].swallow();
        let begun = Instant::now();
        switch(changing, &key, change).await;
        let answered = Instant::now();
        let last = cut.wait_for_verdict(&key.secret, wanted).await;
        late.push(last.map_or(Duration::ZERO, |last| last - answered));
        eventually("the node that was cut off listens again", async || {
            !listeners(&cluster).await.is_subset(&before)
        })
        .await;
        listened.push(begun.elapsed());
        // And it changes things itself, whatever it had open.
        let name = format!("of the node that was cut off, before {change}");
        cut.key(KeySpec::new(OWNER, &name)).await;
    }
    let late = Times::printed("a change of another node, with connections swallowed", late);
    let listened = Times::printed("from the cut until the node listens again", listened);
    assert!(late.max <= BOUND, "{late:?}");
    assert!(listened.max <= LISTENS_WITHIN, "{listened:?}");
}
