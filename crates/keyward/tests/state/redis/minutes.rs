//! Whole minutes at ten times the limit, over all nodes, of which one ends and starts anew in each minute: how many pass too many, and
//! how many too few.

use super::*;
use keyward_testkit::RawResponse;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::{MissedTickBehavior, interval};

/// Connections to each node.
const CLIENTS: u64 = 4;

/// Whole minutes that are looked at.
const WINDOWS: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_minutes_at_ten_times_the_limit_pass_the_limit_and_no_more_exact_and_leased() {
    // Both at the same time, so that it takes no longer than one.
    tokio::join!(of_mode("exact", 300, 0), of_mode("leased", 2000, 20));
}

async fn of_mode(mode: &str, limit: u64, may_lack: u64) {
    let house = House::start(&[mode; 3]).await;
    let key = house.key(limit).await;
    at_ten_times_the_limit(&house, mode, &key, limit, may_lack).await;
}

/// Asks evenly until so many windows were seen from their beginning to their end, and prints what passed in each.
async fn at_ten_times_the_limit(house: &House, mode: &str, key: &Issued, limit: u64, may_lack: u64) {
    let is_over = Arc::new(AtomicBool::new(false));
    let each_per_minute = 10 * limit / (CLIENTS * house.nodes.len() as u64);
    let mut clients = Vec::new();
    for node in &house.nodes {
        for _ in 0..CLIENTS {
            let (secret, is_over) = (key.secret.clone(), Arc::clone(&is_over));
            clients.push(tokio::spawn(ask_evenly(
                node.gateway(),
                secret,
                each_per_minute,
                is_over,
            )));
        }
    }
    // The minute in which it begins, those that count, and a piece of the one in which it ends, were it to begin with a minute.
    let mut minutes = interval(Duration::from_secs(60));
    let mut nodes = house.nodes.iter().cycle();
    for minute in 0..=WINDOWS {
        minutes.tick().await;
        let node = nodes.next().unwrap();
        if minute % 2 == 0 {
            node.restart().await;
        } else {
            node.sigkill();
            node.start().await;
        }
    }
    minutes.tick().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    is_over.store(true, Ordering::Relaxed);
    let mut all = Counted::default();
    let mut asked = 0;
    for client in clients {
        let (one, requests) = client.await.unwrap();
        asked += requests;
        for (window, passed) in one.passed {
            *all.passed.entry(window).or_default() += passed;
        }
        all.unanswered += one.unanswered;
    }
    let passed: Vec<u64> = all.passed.values().copied().collect();
    let whole = &passed[1..passed.len() - 1];
    let over = passed
        .iter()
        .map(|passed| passed.saturating_sub(limit))
        .max()
        .unwrap();
    let under = whole
        .iter()
        .map(|passed| limit.saturating_sub(*passed))
        .max()
        .unwrap();
    eprintln!(
        "{mode}, {limit} a minute, {asked} asked: passed in whole minutes {whole:?}; at most {over} too many and {under} too few in \
         one; {} without an answer",
        all.unanswered
    );
    assert!(whole.len() >= WINDOWS, "{all:?}");
    assert_eq!(over, 0, "{all:?}");
    assert!(under <= may_lack + all.unanswered, "{all:?}");
}

async fn ask_evenly(
    gateway: SocketAddr,
    secret: String,
    per_minute: u64,
    is_over: Arc<AtomicBool>,
) -> (Counted, u64) {
    let (mut counted, mut asked) = (Counted::default(), 0);
    let mut client = connect_again(gateway).await;
    let mut ticks = interval(Duration::from_secs(60) / u32::try_from(per_minute).unwrap());
    // A machine that is busy for a while makes up for it.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !is_over.load(Ordering::Relaxed) {
        ticks.tick().await;
        asked += 1;
        let Ok(answer) = try_ask(&mut client, &secret).await else {
            // It may have been counted before its node ended.
            counted.unanswered += 1;
            client = connect_again(gateway).await;
            continue;
        };
        match answer.status {
            200 => *counted.passed.entry(answer.number(RESET)).or_default() += 1,
            503 => counted.unanswered += 1,
            _ => assert_eq!(verdict(&answer), "429 rate_limited"),
        }
    }
    (counted, asked)
}

async fn try_ask(client: &mut RawClient, secret: &str) -> std::io::Result<RawResponse> {
    client.try_send(get("/api/1/x", secret)).await?;
    client.try_read_response("GET").await
}

/// A connection to a node that is starting anew.
async fn connect_again(gateway: SocketAddr) -> RawClient {
    let until = Instant::now() + keyward_testkit::WAIT_TIMEOUT;
    loop {
        match RawClient::try_connect(gateway).await {
            Ok(client) => return client,
            Err(fault) => assert!(Instant::now() < until, "{gateway}: {fault}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
