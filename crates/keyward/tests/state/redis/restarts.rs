//! Nodes that end, start and stand still in the midst of a window that they share in blocks: nobody is refused too early, and
//! nobody too late.

use super::*;
use keyward_testkit::Signal;

/// What is left of a minute when a node of before starts anew: what Redis tells of a window that is nearly over has to be known too.
const LATE: std::ops::Range<u64> = 32..46;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leased_nodes_that_end_start_and_stand_still_refuse_nobody_too_early() {
    const LIMIT: u64 = 2000;
    let house = House::start(&["leased", "leased"]).await;
    for _ in 0..3 {
        eventually("a minute is half over", async || {
            LATE.contains(&house.redis.second_of_minute())
        })
        .await;
        let of_before = house.key(LIMIT).await;
        let mut counted = vec![house.flood(&of_before, 100).await];
        house.nodes[0].restart().await;
        counted.push(house.flood(&of_before, 100).await);
        house.nodes[1].sigkill();
        house.nodes[1].start().await;
        counted.push(house.flood(&of_before, 100).await);
        house.nodes[0].signal(Signal::Stop);
        counted.push(house.flood_at(&house.nodes[1..], &of_before, 100).await);
        house.nodes[0].signal(Signal::Cont);
        counted.push(house.flood(&of_before, usize::try_from(LIMIT).unwrap()).await);
        // One that both nodes see for the first time after their start.
        let new = house.key(LIMIT).await;
        let of_new = house.flood(&new, usize::try_from(LIMIT).unwrap()).await;
        let of_before = counted.into_iter().reduce(Counted::and).unwrap();
        eprintln!("of a key of before: {of_before:?}; of a new one: {of_new:?}");
        let rounds = [&of_before, &of_new];
        for counted in rounds {
            assert!(
                counted.passed.values().all(|passed| *passed <= LIMIT),
                "{counted:?}"
            );
        }
        if rounds.iter().all(|counted| counted.passed.len() == 1) {
            for counted in rounds {
                let passed: u64 = counted.passed.values().sum();
                assert!(passed + counted.unanswered + LIMIT / 100 >= LIMIT, "{counted:?}");
            }
            return;
        }
    }
    panic!("a minute ended in every round");
}
