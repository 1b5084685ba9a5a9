//! Guessers are slowed, owners are not.

use super::{ADA, OTHER, PASSWORD, Visitor, node_with_ada, stranger, visitor, word};
use crate::common::Home;
use keyward_engine::{Engine, SignInFault};

async fn guess(node: &Engine, visitor: &Visitor, password: &str, device: Option<&str>) -> &'static str {
    word(&node.sign_in(ADA, password, visitor, device).await)
}

#[tokio::test]
async fn c7_a_guesser_waits_twice_as_long_each_time_for_a_minute_at_most() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    // Whether there is such an account makes no difference.
    for email in [ADA, "nobody@example.com"] {
        let from = |host| visitor(host);
        for host in 0..5 {
            let outcome = node.sign_in(email, OTHER, &from(host), None).await;
            assert_eq!(word(&outcome), "refused", "{email}");
        }
        for wanted in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let runs = node.status().password_runs;
            match node.sign_in(email, PASSWORD, &from(200), None).await {
                Err(SignInFault::Slowed { retry_after_secs }) => assert_eq!(retry_after_secs, wanted),
                other => panic!("{email}: {}", word(&other)),
            }
            assert_eq!(
                node.status().password_runs,
                runs,
                "no work for those who must wait"
            );
            home.clock.advance(1000 * i64::try_from(wanted).unwrap());
            let outcome = node.sign_in(email, OTHER, &from(7), None).await;
            assert_eq!(word(&outcome), "refused", "{email} after {wanted}");
        }
    }
}

#[tokio::test]
async fn the_owner_elsewhere_is_in_at_once_while_a_network_guesses() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    for host in 0..5 {
        assert_eq!(guess(&node, &visitor(host), OTHER, None).await, "refused");
    }
    assert_eq!(guess(&node, &visitor(9), PASSWORD, None).await, "slowed");
    assert_eq!(guess(&node, &stranger(1), PASSWORD, None).await, "in");
    // What the owner does well does not help the guesser.
    assert_eq!(guess(&node, &visitor(9), PASSWORD, None).await, "slowed");
}

#[tokio::test]
async fn the_owners_known_device_is_never_slowed_by_others() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let device = ada.device.unwrap().reveal().to_owned();
    let mut slowed = false;
    for network in 0..40 {
        for _ in 0..3 {
            slowed |= guess(&node, &stranger(network), OTHER, None).await == "slowed";
        }
        // From the guesser's own network, even.
        assert_eq!(
            guess(&node, &stranger(network), PASSWORD, Some(&device)).await,
            "in",
            "{network}"
        );
    }
    assert!(slowed, "guessers from everywhere are");
    assert_eq!(guess(&node, &stranger(30), PASSWORD, None).await, "slowed");
    // A device that is somebody else's, or made up, is none.
    for other in ["", "device_", "device_00000000000000000000000000000000000000"] {
        assert_eq!(guess(&node, &stranger(30), PASSWORD, Some(other)).await, "slowed");
    }
    home.clock.advance(60_000);
    assert_eq!(
        guess(&node, &stranger(30), PASSWORD, None).await,
        "in",
        "a minute at most"
    );
}

#[tokio::test]
async fn one_guesser_cannot_keep_the_owner_out_of_a_new_browser() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    for _ in 0..40 {
        guess(&node, &visitor(9), OTHER, None).await;
        home.clock.advance(60_000);
    }
    // It asks as fast as it can, in the moment that a try would be open too.
    for _ in 0..10 {
        guess(&node, &visitor(9), OTHER, None).await;
    }
    assert_eq!(guess(&node, &visitor(9), PASSWORD, None).await, "slowed");
    assert_eq!(guess(&node, &stranger(1), OTHER, None).await, "refused", "a slip");
    assert_eq!(guess(&node, &stranger(1), PASSWORD, None).await, "in");
}

#[tokio::test]
async fn a_known_device_has_a_counter_of_its_own() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let device = ada.device.unwrap().reveal().to_owned();
    for _ in 0..5 {
        assert_eq!(guess(&node, &visitor(1), OTHER, Some(&device)).await, "refused");
    }
    assert_eq!(guess(&node, &visitor(1), PASSWORD, Some(&device)).await, "slowed");
    home.clock.advance(1000);
    assert_eq!(guess(&node, &visitor(1), PASSWORD, Some(&device)).await, "in");
    // A success begins anew.
    for _ in 0..5 {
        assert_eq!(guess(&node, &visitor(1), OTHER, Some(&device)).await, "refused");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_guesses_at_once_are_no_more_than_one_after_the_other() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let node = node.clone();
        tasks.spawn(async move { guess(&node, &visitor(1), OTHER, None).await });
    }
    let words = tasks.join_all().await;
    assert_eq!(
        words.iter().filter(|word| **word == "refused").count(),
        5,
        "{words:?}"
    );
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_nobody_out() {
    let home = Home::new().await;
    let (node, _) = node_with_ada(&home).await;
    for _ in 0..5 {
        assert_eq!(guess(&node, &visitor(1), OTHER, None).await, "refused");
    }
    home.clock.advance(-86_400_000);
    assert_eq!(guess(&node, &visitor(1), PASSWORD, None).await, "slowed");
    home.clock.advance(1000);
    assert_eq!(guess(&node, &visitor(1), PASSWORD, None).await, "in");
}

#[tokio::test]
async fn a_thousand_networks_get_no_more_guesses_than_a_few_and_a_known_device_comes_in() {
    let home = Home::new().await;
    let (node, ada) = node_with_ada(&home).await;
    let device = ada.device.unwrap().reveal().to_owned();
    let hashed = node.status().password_runs;
    for network in 0..1000_u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0a00_0001 + (network << 8));
        let client = Visitor::new(Some(address.into()), "a script");
        guess(&node, &client, OTHER, None).await;
    }
    let hashed = node.status().password_runs - hashed;
    assert!(
        (20..=100).contains(&hashed),
        "{hashed} guesses reached the password"
    );
    assert_eq!(guess(&node, &visitor(1), PASSWORD, Some(&device)).await, "in");
}
