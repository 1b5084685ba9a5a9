//! Strangers who would close this way in for others, or make Keyward a nuisance to the provider.

use super::{FLOW, Street};
use crate::accounts::{ADA, PASSWORD};
use keyward_engine::Clock;
use keyward_testkit::Trick;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_flow_that_was_not_made_here_costs_the_provider_nothing() {
    let street = Street::new().await;
    let now = street.house.clock.now().millis();
    let (state, nonce, verifier) = ("s".repeat(22), "n".repeat(22), "v".repeat(43));
    let plain = format!("{now}.{state}.{nonce}.{verifier}");
    let mut good = street.house.browser("en");
    street.press(&mut good).await.unwrap();
    let own = good.cookies[FLOW].clone();
    let seal = own.rsplit('.').next().unwrap();
    for made_up in [
        plain.clone(),
        format!("{plain}.{}", "0".repeat(64)),
        format!("{plain}.{seal}"),
    ] {
        let mut stranger = street.house.browser("en");
        stranger.cookies.insert(FLOW.into(), made_up);
        let path = format!("/sign-in/oidc/finish?code=x&state={state}");
        let answer = stranger.get(&path).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    assert_eq!(street.provider.asked("/token"), 0);
}

#[tokio::test]
async fn a_flow_is_traded_once_however_many_try_at_the_same_time() {
    let street = Street::new().await;
    let mut browser = street.house.browser("en");
    let next = street.come_back(&mut browser).await.unwrap();
    let mut tries = JoinSet::new();
    for _ in 0..12 {
        let (mut copy, next) = (browser.clone(), next.clone());
        tries.spawn(async move { copy.get(&next).await.status });
    }
    let mut statuses = tries.join_all().await;
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1]), (303, 400), "{statuses:?}");
    assert_eq!(street.provider.asked("/token"), 1);
}

#[tokio::test]
async fn answers_that_are_not_good_slow_down_their_network_and_no_browser_that_is_known() {
    let street = Street::new().await;
    let mut known = street.house.ada("en").await;
    known.cookies.remove("keyward-session");
    street.provider.play(Trick::RefusesCodes);
    for _ in 0..20 {
        let answer = street.sign_in(&mut street.house.browser("en")).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let asked = street.provider.asked("/token");
    let answer = street.sign_in(&mut street.house.browser("en")).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert_eq!(answer.headers("retry-after").next(), Some("1"));
    assert_eq!(street.provider.asked("/token"), asked);
    street.provider.play(Trick::None);
    assert_eq!(street.sign_in(&mut known).await.status, 303);
    street.wait(1);
    assert_eq!(street.sign_in(&mut street.house.browser("en")).await.status, 303);
    assert!(street.house.lets_in(ADA, PASSWORD).await);
}

#[tokio::test]
async fn who_begins_waits_for_nobody_who_finishes() {
    let street = Street::new().await;
    let mut waiting = Vec::new();
    for _ in 0..17 {
        let mut browser = street.house.browser("en");
        let next = street.come_back(&mut browser).await.unwrap();
        waiting.push((browser, next));
    }
    street.provider.play(Trick::Silent);
    let mut tries = JoinSet::new();
    for (mut browser, next) in waiting {
        tries.spawn(async move { browser.get(&next).await });
    }
    // One is told at once that there are too many: then all places are taken.
    let busy = tries.join_next().await.unwrap().unwrap();
    assert_eq!(busy.status, 503, "{busy:?}");
    busy.assert_says("Too many sign-ins at once");
    street.press(&mut street.house.browser("en")).await.unwrap();
}
