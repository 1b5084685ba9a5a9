//! S1 for PostgreSQL: the server is killed again and again while keys change; what was answered is there.

use keyward_testkit::{Cluster, Keyward, OWNER, RawClient, request, sized};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Whether to go on, and how many changes were answered so far.
#[derive(Default)]
struct Progress {
    stop: AtomicBool,
    answered: AtomicUsize,
}

/// What is known of a key: the states that it may be in. More than one only while a change is not answered.
struct Known {
    secret: String,
    states: Vec<&'static str>,
}

/// A call of the management API; `None` when it was not done, as far as the answer tells.
async fn call(node: &Keyward, method: &str, path: &str, body: &Value) -> Option<Value> {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let headers = [
        ("X-API-KEY", node.management_secret()),
        ("Content-Type", "application/json"),
        ("Connection", "close"),
    ];
    let headers = if body.is_null() {
        vec![headers[0], headers[2]]
    } else {
        headers.to_vec()
    };
    let mut client = RawClient::try_connect(node.console()).await.ok()?;
    client
        .try_send(request(method, path, &headers, text))
        .await
        .ok()?;
    let answer = client.try_read_response(method).await.ok()?;
    assert!(
        (200..300).contains(&answer.status) || answer.status == 503,
        "{method} {path}: {} {}",
        answer.status,
        answer.text()
    );
    (answer.status < 300).then(|| serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// Makes, disables, enables and deletes keys until it is told to stop.
async fn write(node: &Keyward, progress: &Progress) -> HashMap<String, Known> {
    let mut keys = HashMap::new();
    let draft = json!({ "owner": OWNER, "name": "k" });
    for turn in 0.. {
        if progress.stop.load(Ordering::Relaxed) {
            break;
        }
        let Some(made) = call(node, "POST", "/v1/keys", &draft).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        progress.answered.fetch_add(1, Ordering::Relaxed);
        let path = format!("/v1/keys/{}", made["id"].as_str().unwrap());
        let mut known = Known {
            secret: made["secret"].as_str().unwrap().to_owned(),
            states: vec!["200"],
        };
        let steps = [
            ("POST", format!("{path}/disable"), "401 key_disabled"),
            ("POST", format!("{path}/enable"), "200"),
            ("DELETE", path.clone(), "401 key_invalid"),
        ];
        for (method, path, state) in &steps[..turn % 4] {
            known.states.push(state);
            if call(node, method, path, &Value::Null).await.is_none() {
                break;
            }
            progress.answered.fetch_add(1, Ordering::Relaxed);
            known.states = vec![state];
        }
        keys.insert(path, known);
    }
    keys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s1_no_change_that_was_answered_is_lost_however_often_postgresql_is_killed() {
    let cluster = Cluster::start().await;
    let progress = Progress::default();
    let kills = sized(100, 1000);
    let killing = async {
        for kill in 0..kills {
            // After so many changes that the next is in any of its stages.
            let enough = progress.answered.load(Ordering::Relaxed) + 2 + kill % 5;
            while progress.answered.load(Ordering::Relaxed) < enough {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            cluster
                .server(|server| {
                    server.sigkill();
                    server.resume();
                })
                .await;
        }
        progress.stop.store(true, Ordering::Relaxed);
    };
    let ((), first, second, third) = tokio::join!(
        killing,
        write(&cluster.nodes[0], &progress),
        write(&cluster.nodes[1], &progress),
        write(&cluster.nodes[2], &progress)
    );
    cluster.agree().await;
    let known: Vec<Known> = [first, second, third]
        .into_iter()
        .flat_map(HashMap::into_values)
        .collect();
    let answered = progress.answered.load(Ordering::Relaxed);
    let unsure = known.iter().filter(|key| key.states.len() > 1).count();
    for node in &cluster.nodes {
        for key in &known {
            let seen = node.verdict(&key.secret).await;
            assert!(
                key.states.contains(&seen.as_str()),
                "{seen}, not {:?}",
                key.states
            );
        }
    }
    println!(
        "{kills} kills of PostgreSQL: {answered} changes of {} keys answered, 0 of them lost; {unsure} not answered",
        known.len()
    );
}
