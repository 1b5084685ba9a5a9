//! The second factor: begin, confirm, sign in with it, renew the codes, remove it.

use crate::accounts::{ADA, Answer, Browser, House, LANGUAGES, OTHER, PASSWORD};
use totp_rs::{Builder, Secret};

const PAGE: &str = "/account/second-factor";

/// What an app shows now.
pub(crate) fn app(house: &House, key: &str) -> String {
    use keyward_engine::Clock;
    let totp = Builder::new()
        .with_secret(Secret::try_from_base32(key).unwrap())
        .build()
        .unwrap();
    let now = u64::try_from(house.clock.now().seconds()).unwrap();
    totp.generate(now).to_string()
}

fn codes(page: &Answer) -> Vec<String> {
    let text = page
        .between("id=\"codes\" tabindex=\"0\" data-secret>", "</pre>")
        .unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Switches it on; gives the key and the recovery codes.
pub(crate) async fn switch_on(house: &House, browser: &mut Browser) -> (String, Vec<String>) {
    let begun = browser.submit(PAGE, PAGE, &[]).await;
    assert_eq!((begun.status, begun.location()), (303, Some(PAGE)));
    let page = browser.get(PAGE).await;
    let key = page.between("id=\"factor-key\">", "<").unwrap().to_owned();
    page.assert_says(&format!("secret={key}"));
    page.assert_says("<svg class=\"qr\"");
    let confirm = "/account/second-factor/confirm";
    let form = [("old", PASSWORD), ("code", "000000x")];
    let wrong = browser.submit(PAGE, confirm, &form).await;
    assert_eq!(wrong.status, 422, "{wrong:?}");
    assert!(wrong.fault("code").is_some());
    // The same key still waits.
    wrong.assert_says(&key);
    let code = app(house, &key);
    // Whoever came upon the session cannot lock its owner out.
    for password in ["", OTHER] {
        let form = [("old", password), ("code", code.as_str())];
        let wrong = browser.submit(PAGE, confirm, &form).await;
        assert_eq!(wrong.status, 422, "{wrong:?}");
        assert!(wrong.fault("old").is_some());
    }
    let done = browser
        .submit(PAGE, confirm, &[("old", PASSWORD), ("code", &code)])
        .await;
    assert_eq!(done.status, 200, "{done:?}");
    let codes = codes(&done);
    assert_eq!(codes.len(), 10);
    // They cannot be had again: nothing on the page leads away and back, and one is asked before one leaves.
    assert!(!done.body.contains("/preferences"), "{done:?}");
    let token = browser.get("/account").await.value("token").unwrap().to_owned();
    assert_eq!(
        done.value("token"),
        Some(token.as_str()),
        "its forms are of the new session"
    );
    done.assert_says("data-once=\"/account/second-factor\"");
    done.assert_says("data-download=\"keyward-recovery-codes.txt\"");
    (key, codes)
}

#[tokio::test]
async fn c3_a_second_factor_is_switched_on_and_its_codes_are_displayed_once() {
    let house = House::with_ada().await;
    let elsewhere = house.ada("en").await.session();
    let mut browser = house.ada("fr").await;
    let before = browser.session();
    let (key, codes) = switch_on(&house, &mut browser).await;
    assert_ne!(browser.session(), before);
    assert!(!house.is_alive(&before).await && !house.is_alive(&elsewhere).await);
    for path in [PAGE, "/account"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 200);
        assert!(!page.body.contains(&key), "{path}");
        assert!(!page.body.contains(&codes[0]), "{path}");
    }
    // A reload sends the form again: nothing is shown.
    let code = app(&house, &key);
    let again = browser
        .submit(PAGE, "/account/second-factor/confirm", &[("code", &code)])
        .await;
    assert_eq!((again.status, again.location()), (303, Some(PAGE)));
}

#[tokio::test]
async fn after_the_password_the_code_is_asked_for_and_works_once() {
    let house = House::with_ada().await;
    let mut browser = house.ada("en").await;
    let (key, codes) = switch_on(&house, &mut browser).await;
    for (language, word, refused, recovery) in [
        ("en", "Second factor", "does not let anybody in", &codes[0]),
        ("fr", "Second facteur", "n’ouvre aucun accès", &codes[1]),
    ] {
        house.wait(60);
        let mut browser = house.browser(language);
        let answer = browser.sign_in(ADA, PASSWORD).await;
        assert_eq!((answer.status, answer.location()), (303, Some("/sign-in/code")));
        assert_eq!(browser.session(), "");
        browser.get("/sign-in/code").await.assert_says(word);
        let wrong = browser.post("/sign-in/code", &[("code", "12345")]).await;
        assert_eq!(wrong.status, 422);
        wrong.assert_says(refused);
        assert!(!wrong.body.contains("12345"));
        let code = app(&house, &key);
        let waiting = browser.clone();
        let answer = browser.post("/sign-in/code", &[("code", &code)]).await;
        assert_eq!(answer.location(), Some("/integrations/keys"), "{answer:?}");
        assert!(house.is_alive(&browser.session()).await);
        assert!(!browser.cookies.contains_key("keyward-pending"));
        // Neither the code nor the waiting sign-in works again.
        let again = waiting.clone().post("/sign-in/code", &[("code", &code)]).await;
        assert_eq!(again.status, 422);
        let mut other = house.browser(language);
        other.sign_in(ADA, PASSWORD).await;
        assert_eq!(other.post("/sign-in/code", &[("code", &code)]).await.status, 422);
        let answer = other.post("/sign-in/code", &[("code", recovery)]).await;
        assert_eq!(answer.location(), Some("/integrations/keys"), "{answer:?}");
        let mut last = house.browser(language);
        last.sign_in(ADA, PASSWORD).await;
        assert_eq!(
            last.post("/sign-in/code", &[("code", recovery)]).await.status,
            422
        );
    }
}

#[tokio::test]
async fn without_a_password_before_it_there_is_nothing_to_type_a_code_for() {
    let house = House::with_ada().await;
    for language in LANGUAGES {
        let mut browser = house.browser(language);
        let page = browser.get("/sign-in/code").await;
        assert_eq!(page.location(), Some("/sign-in"));
        let sent = browser.post("/sign-in/code", &[("code", "123456")]).await;
        assert_eq!(sent.location(), Some("/sign-in"));
    }
}

#[tokio::test]
async fn a_reset_link_does_not_go_round_the_second_factor() {
    let house = House::with_ada().await;
    let mut browser = house.ada("en").await;
    let (key, _) = switch_on(&house, &mut browser).await;
    house.wait(60);
    let path = house.reset(ADA).await;
    let mut late = house.browser("en");
    let form = [("password", OTHER), ("again", OTHER)];
    let answer = late.post(&path, &form).await;
    assert_eq!(answer.location(), Some("/sign-in/code"), "{answer:?}");
    assert_eq!(late.session(), "");
    let code = app(&house, &key);
    let answer = late.post("/sign-in/code", &[("code", &code)]).await;
    assert_eq!(answer.location(), Some("/integrations/keys"));
}

#[tokio::test]
async fn recovery_codes_are_renewed_against_a_code() {
    let house = House::with_ada().await;
    let mut browser = house.ada("fr").await;
    let (key, old) = switch_on(&house, &mut browser).await;
    house.wait(60);
    let renew = "/account/second-factor/renew";
    let wrong = browser.submit(renew, renew, &[("code", "999")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.fault("code").unwrap().contains("Ce code est faux"));
    let code = app(&house, &key);
    let page = browser.submit(renew, renew, &[("code", &code)]).await;
    page.assert_says("QU’UNE SEULE FOIS");
    let new = codes(&page);
    assert!(new.len() == 10 && new != old);
    let mut other = house.browser("en");
    other.sign_in(ADA, PASSWORD).await;
    assert_eq!(
        other.post("/sign-in/code", &[("code", &old[0])]).await.status,
        422
    );
    let answer = other.post("/sign-in/code", &[("code", &new[0])]).await;
    assert_eq!(answer.status, 303);
}

#[tokio::test]
async fn the_second_factor_is_removed_against_password_and_code() {
    let house = House::with_ada().await;
    let mut browser = house.ada("en").await;
    let (_, codes) = switch_on(&house, &mut browser).await;
    let remove = "/account/second-factor/remove";
    let form = [("old", "a wrong password, again"), ("code", codes[0].as_str())];
    let wrong = browser.submit(remove, remove, &form).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.fault("old").is_some());
    let form = [("old", PASSWORD), ("code", "no code")];
    let wrong = browser.submit(remove, remove, &form).await;
    assert!(wrong.fault("code").is_some());
    let form = [("old", PASSWORD), ("code", codes[0].as_str())];
    let answer = browser.submit(remove, remove, &form).await;
    assert_eq!(answer.location(), Some("/account"), "{answer:?}");
    browser
        .get("/account")
        .await
        .assert_says("The second factor is removed.");
    assert!(house.lets_in(ADA, PASSWORD).await);
}
