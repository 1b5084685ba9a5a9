//! Behind a proxy: whose address a visitor has.

use crate::accounts::{ADA, House, PASSWORD, Reached};
use keyward_engine::{Actor, Created, KeyDraft, RestrictionDraft};

const FORM: [(&str, &str); 2] = [("email", ADA), ("password", PASSWORD)];

async fn behind(trusted_proxies: &'static [&'static str]) -> House {
    let house = House::reached(Reached {
        trusted_proxies,
        ..Reached::default()
    })
    .await;
    house.move_ada_in().await;
    house
}

#[tokio::test]
async fn i1_i2_a_session_is_noted_with_the_address_that_a_trusted_proxy_tells() {
    let trusted: &[&str] = &["127.0.0.0/8"];
    for (trusted, told, shown) in [
        (trusted, "192.0.2.7", "192.0.2.7"),
        (trusted, "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        (trusted, "2001:db8::7", "2001:db8::7"),
        (&[], "192.0.2.7", "127.0.0.1"),
        (&["10.0.0.0/8"], "192.0.2.7", "127.0.0.1"),
    ] {
        let house = behind(trusted).await;
        let mut browser = house.browser("en");
        let headers = [("X-Forwarded-For", told)];
        browser.send("POST", "/sign-in", &headers, &FORM).await;
        let page = browser.send("GET", "/account", &headers, &[]).await;
        page.assert_says(shown);
        let others = ["192.0.2.7", "198.51.100.1", "2001:db8::7", "127.0.0.1"];
        for other in others.into_iter().filter(|other| *other != shown) {
            assert!(!page.body.contains(other), "{told}: {other} in {page:?}");
        }
    }
}

#[tokio::test]
async fn a_guesser_behind_the_proxy_slows_nobody_at_another_address() {
    let house = behind(&["127.0.0.1/32"]).await;
    let guess = [("email", ADA), ("password", "a wrong password, again")];
    let from = |address| [("X-Forwarded-For", address)];
    let mut status = 0;
    for _ in 0..20 {
        let mut browser = house.browser("en");
        status = browser
            .send("POST", "/sign-in", &from("198.51.100.66"), &guess)
            .await
            .status;
        if status == 429 {
            break;
        }
    }
    assert_eq!(status, 429, "the guesser is slowed");
    let mut browser = house.browser("en");
    let answer = browser.send("POST", "/sign-in", &from("192.0.2.7"), &FORM).await;
    assert_eq!(answer.location(), Some("/integrations/keys"), "{answer:?}");
}

#[tokio::test]
async fn i2_a_management_key_is_held_to_its_addresses_behind_the_proxy() {
    let house = behind(&["127.0.0.1/32"]).await;
    let draft = KeyDraft {
        owner: Some(ADA.into()),
        name: "from the office".into(),
        use_case: Some("management".into()),
        // The proxy is in there, which is nothing to whoever it does not name.
        addresses: RestrictionDraft::only(["192.0.2.0/24", "127.0.0.0/8"]),
        ..KeyDraft::default()
    };
    let made = house.engine.create_key(&Actor::OPERATOR, &draft, None).await;
    let Ok(Created::New(issued)) = made else {
        panic!("no key")
    };
    let secret = issued.secret.reveal().to_owned();
    for (told, status) in [
        (Some("192.0.2.7"), 200),
        (Some("198.51.100.1"), 403),
        (Some("192.0.2.7, nonsense"), 403),
        (None, 403),
        (Some(""), 403),
        (Some("192.0.2.7,"), 403),
    ] {
        let mut headers = vec![("X-API-KEY", secret.as_str())];
        headers.extend(told.map(|told| ("X-Forwarded-For", told)));
        let answer = house.browser("en").send("GET", "/v1/me", &headers, &[]).await;
        assert_eq!(answer.status, status, "{told:?} {answer:?}");
    }
}
