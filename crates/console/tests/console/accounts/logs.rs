//! Nothing that opens a door stands in the log.

use crate::accounts::provider::{FLOW, SECRET, Street};
use crate::accounts::{ADA, House, OTHER, PASSWORD};
use crate::support::lines_of_log;
use keyward_testkit::Trick;

/// Signs in at a provider, tries it once more with the same flow, with a code that is not taken, and with nothing that waits: what
/// the browser kept meanwhile, and the session.
async fn sign_in_at_a_provider() -> (String, String) {
    let street = Street::new().await;
    let mut browser = street.house.browser("en");
    let next = street.come_back(&mut browser).await.unwrap();
    let (flow, mut copy) = (browser.cookies[FLOW].clone(), browser.clone());
    browser.get(&next).await;
    copy.get(&next).await;
    street.provider.play(Trick::RefusesCodes);
    let refused = street.come_back(&mut copy).await.unwrap();
    copy.get(&refused).await;
    copy.get(&refused).await;
    let session = browser.session();
    street
        .house
        .console
        .drain(std::time::Duration::from_secs(60))
        .await;
    (flow, session)
}

#[tokio::test]
async fn k6_links_passwords_and_sessions_do_not_reach_the_log() {
    let lines = lines_of_log();
    let house = House::empty().await;
    let token = house.engine.issue_setup_token().await.unwrap();
    let setup = format!("/setup/{}", token.reveal());
    let mut browser = house.browser("en");
    browser.get(&setup).await;
    let form = [("email", ADA), ("password", PASSWORD), ("again", PASSWORD)];
    browser.post(&setup, &form).await;
    let first = browser.session();
    let link = house.reset(ADA).await;
    browser.get(&link).await;
    let switched = browser
        .post("/preferences", &[("theme", "dark"), ("back", &link)])
        .await;
    assert_eq!(switched.location(), Some(link.as_str()));
    browser
        .post(&link, &[("password", "short"), ("again", "short")])
        .await;
    browser
        .post(&link, &[("password", OTHER), ("again", OTHER)])
        .await;
    browser.get(&link).await;
    let second = browser.session();
    browser.sign_in(ADA, "a wrong password, again").await;
    let (flow, at_provider) = sign_in_at_a_provider().await;
    house.console.drain(std::time::Duration::from_secs(60)).await;
    let log = lines.text();
    assert!(
        log.contains("/setup/{token}") && log.contains("/link/{token}"),
        "{log}"
    );
    assert!(
        log.contains("/sign-in/oidc/finish") && log.contains("the code is not taken"),
        "{log}"
    );
    assert!(log.contains("this sign-in was finished before"), "{log}");
    let astray = |line: &&str| line.contains("no sign-in of this browser waits");
    assert!(log.lines().any(|line| astray(&line)), "{log}");
    for line in log.lines().filter(astray) {
        assert!(
            line.contains("\"level\":\"DEBUG\""),
            "anybody can write it: {line}"
        );
    }
    for secret in flow
        .split('.')
        .skip(1)
        .chain([at_provider.as_str(), "eyJ", "code-0", "state=", SECRET])
    {
        assert!(!log.contains(secret), "{secret}");
    }
    let tail = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    for secret in [
        tail(&setup),
        tail(&link),
        first,
        second,
        PASSWORD.into(),
        OTHER.into(),
        "a wrong password".into(),
    ] {
        assert!(!log.contains(&secret), "{secret}");
    }
}
