//! Windows as the engine keeps them (L1, L6, L7, L8, L13).

use crate::common::{Home, OPERATOR, Random, START, ask, create_key, draft, judged, sized, word};
use keyward_domain::{Quota, Reason};
use keyward_engine::{Counting, Decision, EngineError, KeyDraft, KeyEdit, LimitDraft, RestrictionDraft};
use std::sync::Barrier;

fn limited(limit: u64) -> KeyDraft {
    KeyDraft {
        limit: LimitDraft::PerMinute(limit),
        ..draft()
    }
}

fn quota(decision: &Decision<'_>) -> Quota {
    match decision {
        Decision::Granted(granted) => granted.quota.unwrap(),
        Decision::Denied(denied) => denied.quota.unwrap(),
        Decision::Unavailable => panic!("the node cannot tell"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l1_exactly_the_limit_passes_each_minute_while_the_key_is_edited() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(&node, &limited(60)).await;
    for round in 0..100 {
        home.clock.set(START.plus_millis(round * 60_000));
        let start = Barrier::new(20);
        let thread = || {
            start.wait();
            (0..10).filter(|_| judged(&node, &key.secret).is_ok()).count()
        };
        let edit = async {
            // A new record takes the place of the old one in the middle of the round.
            let edit = KeyEdit {
                description: Some(round.to_string()),
                ..KeyEdit::default()
            };
            node.edit_key(OPERATOR, &key.id, &edit, None).await.unwrap();
        };
        let passed = tokio::task::block_in_place(|| {
            std::thread::scope(|scope| {
                let threads: Vec<_> = (0..20).map(|_| scope.spawn(thread)).collect();
                if round % 10 == 0 {
                    tokio::runtime::Handle::current().block_on(edit);
                }
                threads.into_iter().map(|t| t.join().unwrap()).sum::<usize>()
            })
        });
        assert_eq!(passed, 60, "round {round}");
    }
}

#[tokio::test]
async fn l6_limits_outside_1_to_1_000_000_are_refused_at_save() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let edges = [
        0,
        1_000_001,
        1 << 31,
        (1 << 31) - 1,
        1 << 32,
        (1 << 32) + 1,
        (1 << 53) + 1,
        1 << 63,
        u64::MAX,
    ];
    let key = create_key(&node, &limited(1)).await;
    for bad in edges {
        let made = node.create_key(OPERATOR, &limited(bad), None).await.map(|_| ());
        assert!(
            matches!(&made, Err(EngineError::Invalid(f)) if f[0].field == "limit"),
            "{bad}: {made:?}"
        );
        let edit = KeyEdit {
            limit: Some(LimitDraft::PerMinute(bad)),
            ..KeyEdit::default()
        };
        let edited = node.edit_key(OPERATOR, &key.id, &edit, None).await;
        assert!(
            matches!(&edited, Err(EngineError::Invalid(f)) if f[0].field == "limit"),
            "{bad}: {edited:?}"
        );
    }
    assert_eq!(quota(&ask(&node, &key.secret, Counting::Peek)).limit, 1);
    let key = create_key(&node, &limited(1_000_000)).await;
    assert_eq!(
        quota(&ask(&node, &key.secret, Counting::Count)).remaining,
        999_999
    );
}

#[tokio::test]
async fn l7_a_lowered_raised_or_removed_limit_holds_from_the_next_request() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(&node, &limited(100)).await;
    let set = async |limit| {
        let edit = KeyEdit {
            limit: Some(limit),
            ..KeyEdit::default()
        };
        node.edit_key(OPERATOR, &key.id, &edit, None).await.unwrap();
    };
    for _ in 0..50 {
        judged(&node, &key.secret).unwrap();
    }
    set(LimitDraft::PerMinute(10)).await;
    assert_eq!(judged(&node, &key.secret), Err(Reason::RateLimited));
    set(LimitDraft::PerMinute(51)).await;
    assert_eq!(judged(&node, &key.secret), Ok(()));
    assert_eq!(judged(&node, &key.secret), Err(Reason::RateLimited));
    set(LimitDraft::Unlimited).await;
    for _ in 0..100 {
        judged(&node, &key.secret).unwrap();
    }
    // Without a limit nothing is counted: the 51 of before still stand.
    set(LimitDraft::PerMinute(52)).await;
    assert_eq!(judged(&node, &key.secret), Ok(()));
    assert_eq!(judged(&node, &key.secret), Err(Reason::RateLimited));
}

#[tokio::test]
async fn l1_l7_a_key_that_is_deleted_and_restored_goes_on_with_its_window() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(&node, &limited(5)).await;
    for _ in 0..5 {
        judged(&node, &key.secret).unwrap();
    }
    for _ in 0..3 {
        node.delete_key(OPERATOR, &key.id, None).await.unwrap();
        // A key that is made meanwhile has a window of its own.
        let other = create_key(&node, &limited(1)).await;
        assert_eq!(judged(&node, &other.secret), Ok(()));
        node.restore_key(OPERATOR, &key.id, None).await.unwrap();
        assert_eq!(judged(&node, &key.secret), Err(Reason::RateLimited));
        assert_eq!(judged(&node, &other.secret), Err(Reason::RateLimited));
    }
    home.clock.advance(60_000);
    assert_eq!(judged(&node, &key.secret), Ok(()));
}

#[tokio::test]
async fn l8_after_waiting_as_told_the_next_request_passes_1000_of_1000() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(&node, &limited(3)).await;
    let mut random = Random(8);
    let mut at = START;
    for round in 0..1000 {
        at = at.plus_millis(i64::try_from(random.below(200_000)).unwrap());
        home.clock.set(at);
        let mut last = None;
        let refused = loop {
            let decision = ask(&node, &key.secret, Counting::Count);
            let quota = quota(&decision);
            assert_eq!((quota.limit, quota.reset % 60), (3, 0));
            assert!(
                last.is_none_or(|(reset, left)| reset != quota.reset || quota.remaining <= left),
                "round {round}"
            );
            last = Some((quota.reset, quota.remaining));
            if word(&decision) == Err(Reason::RateLimited) {
                break quota;
            }
        };
        assert_eq!(refused.remaining, 0);
        let left = refused.reset * 1000 - at.millis();
        assert!((1..=60_000).contains(&left), "round {round}: {left} ms");
        // Both as the gateway tells it (rounded up) and as the console does (whole seconds of the clock).
        for wait in [
            left.div_euclid(1000) + i64::from(left % 1000 != 0),
            refused.reset - at.seconds(),
        ] {
            home.clock.set(at.plus_millis(wait * 1000));
            assert_eq!(
                word(&ask(&node, &key.secret, Counting::Peek)),
                Ok(()),
                "round {round}, {wait} s"
            );
        }
        assert_eq!(judged(&node, &key.secret), Ok(()), "round {round}");
        at = keyward_engine::Clock::now(&*home.clock);
    }
}

#[tokio::test]
async fn l10_refusals_cost_nothing() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let forbidden = KeyDraft {
        sites: RestrictionDraft::Only(Vec::new()),
        ..limited(5)
    };
    let key = create_key(&node, &forbidden).await;
    for _ in 0..100 {
        let decision = ask(&node, &key.secret, Counting::Count);
        assert_eq!(word(&decision), Err(Reason::SiteForbidden));
        assert_eq!(quota(&decision).remaining, 5);
    }
    let key = create_key(&node, &limited(5)).await;
    for _ in 0..100 {
        assert_eq!(quota(&ask(&node, &key.secret, Counting::Peek)).remaining, 5);
    }
}

#[tokio::test]
async fn l13_garbage_keys_leave_nothing_behind() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    create_key(&node, &draft()).await;
    for n in 0..sized(300_000, 5_000_000) {
        assert_eq!(judged(&node, &format!("garbage-{n}")), Err(Reason::KeyInvalid));
    }
    let status = node.status();
    assert_eq!((status.keys, status.usage_pending), (1, 0));
    node.flush_usage().await.unwrap();
    assert_eq!(node.status().usage_pending, 0);
}
