//! R1, R4 and R5 over histories: what everybody did and saw, while many change and use the same keys at once, fits one order
//! of events in which every answer is right, and no request that begins after an answer is decided by an older state.

mod check;
mod model;
mod planted;
mod play;

use check::check;
use keyward_testkit::{Cluster, EchoUpstream, Keyward, Postgres, Signal, blocking, sized};
use model::State;
use play::Play;
use std::collections::BTreeMap;
use std::time::Duration;

/// How soon another node of the same database has what one has answered.
const BOUND: Duration = Duration::from_secs(1);
/// The same when PostgreSQL tells nobody of anything.
const SILENT_BOUND: Duration = Duration::from_secs(2);

/// How many keys have no order of events at a node in which all that was seen is right, and the first fault.
fn violations(play: &Play<'_>, node: usize, bound: Duration) -> (usize, Option<String>) {
    let histories = play.histories(node, bound).into_iter();
    let faults: Vec<String> = histories
        .filter_map(|ops| check(State::FRESH, &ops).err())
        .collect();
    (faults.len(), faults.into_iter().next())
}

/// Says what was seen how often. That it says something: requests passed and did not, and commands were run.
#[expect(clippy::print_stdout, reason = "the figures are for whoever runs the test")]
fn tell(play: &Play<'_>, done: usize) -> BTreeMap<String, usize> {
    let tally = play.tally();
    println!("{done} things done: {tally:?}");
    for word in ["Passed", "KeyInvalid", "SiteForbidden", "command"] {
        assert!(tally.contains_key(word), "no {word}: {tally:?}");
    }
    tally
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_every_history_on_one_node_is_linearizable() {
    let upstream = EchoUpstream::start().await;
    upstream.record_bodies(false);
    let keyward = Keyward::before(&upstream).no_access_log().start().await;
    let play = Play::on(vec![&keyward], 16).await;
    let done = play.run(sized(20_000, 200_000)).await;
    let tally = tell(&play, done);
    assert_eq!(tally.get("unknown"), None, "{tally:?}");
    for word in [
        "OwnerInactive",
        "KeyDisabled",
        "IpForbidden",
        "RateLimited",
        "conflict",
    ] {
        assert!(tally.contains_key(word), "no {word}: {tally:?}");
    }
    assert_eq!(violations(&play, 0, Duration::ZERO), (0, None));
}

/// Three nodes on one PostgreSQL, which tells them of changes or does not.
async fn nodes(upstream: &EchoUpstream, server: &Postgres) -> Vec<Keyward> {
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let node = Keyward::before(upstream)
            .no_access_log()
            .database(&server.url("postgres"));
        nodes.push(node.start().await);
    }
    nodes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_every_history_on_three_nodes_is_at_most_as_stale_as_is_stated() {
    let server = blocking(Postgres::start).await;
    let upstream = EchoUpstream::start().await;
    upstream.record_bodies(false);
    let nodes = nodes(&upstream, &server).await;
    let play = Play::on(nodes.iter().collect(), 16).await;
    let done = play.run(sized(10_000, 200_000)).await;
    assert_eq!(tell(&play, done).get("unknown"), None);
    for node in 0..3 {
        assert_eq!(violations(&play, node, BOUND), (0, None), "node {node}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_every_history_without_notifications_is_at_most_as_stale_as_is_stated_and_the_checker_sees_it() {
    let server = blocking(Postgres::start).await;
    let upstream = EchoUpstream::start().await;
    upstream.record_bodies(false);
    // A function that says nothing stands before PostgreSQL's own.
    server.sql(
        "postgres",
        "CREATE SCHEMA silent; \
         CREATE FUNCTION silent.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT'; \
         ALTER ROLE keyward SET search_path = silent, public, pg_catalog",
    );
    let nodes = nodes(&upstream, &server).await;
    let play = Play::on(nodes.iter().collect(), 16).await;
    let done = play.run(sized(4_000, 50_000)).await;
    assert_eq!(tell(&play, done).get("unknown"), None);
    for node in 0..3 {
        assert_eq!(violations(&play, node, SILENT_BOUND), (0, None), "node {node}");
    }
    // They are late by up to a second. Held against a bound of nothing, that is a violation, and it is found.
    let late: usize = (0..3).map(|node| violations(&play, node, Duration::ZERO).0).sum();
    assert!(late > 0, "nobody was late, though nobody was told");
}

/// What goes wrong, in turns: a node's network breaks, a node stands still, PostgreSQL is killed and started again.
async fn make_faults(cluster: &Cluster, play: &Play<'_>) {
    for turn in 0.. {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        if !play.goes_on() {
            return;
        }
        let node = turn % cluster.nodes.len();
        match turn % 4 {
            0 | 2 => {
                let (network, fault) = (&cluster.proxies[node], Some(node));
                play.fault(fault, async {
                    network.cut();
                    tokio::time::sleep(Duration::from_millis(700)).await;
                    network.heal();
                })
                .await;
            }
            1 => {
                let stopped = &cluster.nodes[node];
                play.fault(Some(node), async {
                    stopped.signal(Signal::Stop);
                    tokio::time::sleep(Duration::from_millis(700)).await;
                    stopped.signal(Signal::Cont);
                })
                .await;
            }
            _ => {
                let restart = cluster.server(|server| {
                    server.sigkill();
                    server.resume();
                });
                play.fault(None, restart).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_every_history_on_three_nodes_holds_whatever_becomes_of_their_network_the_database_and_themselves()
{
    let cluster = Cluster::start().await;
    let play = Play::on(cluster.nodes.iter().collect(), 16).await;
    let (done, ()) = tokio::join!(play.run(sized(6_000, 100_000)), make_faults(&cluster, &play));
    let tally = tell(&play, done);
    assert!(tally.contains_key("unknown"), "no change met a fault: {tally:?}");
    for node in 0..3 {
        assert_eq!(violations(&play, node, BOUND), (0, None), "node {node}");
    }
}
