//! The switches of language and theme lead back to a page that can be asked for, as it was.

use crate::pages::keys::{created, key, path};
use crate::pages::{Answer, Browser, House, PASSWORD};

/// Where the switches of a page lead, after the whole way by the form.
async fn switched(browser: &Browser, page: &Answer) -> String {
    let back = page.value("back").unwrap().replace("&#38;", "&");
    let answer = browser
        .post("/preferences", &[("back", &back), ("theme", "dark")])
        .await;
    assert_eq!(answer.header("location"), Some(back.as_str()));
    let shown = browser.get(&back).await;
    assert!(
        [200, 303, 307].contains(&shown.status),
        "{back}: {}",
        shown.status
    );
    back
}

#[tokio::test]
async fn switches_keep_what_was_searched_for() {
    let house = House::start().await;
    let member = house.member("en").await;
    let list = "/integrations/keys?q=a%26b+c&status=any&page=3";
    let page = member.get(list).await;
    assert_eq!(switched(&member, &page).await, list);
}

#[tokio::test]
async fn from_the_answer_to_a_form_the_switches_lead_to_a_page() {
    let house = House::start().await;
    for (language, title) in [("en", "There is nothing here"), ("fr", "Il n’y a rien ici")] {
        let member = house.member(language).await;
        let nowhere = path("01a20ace-1187-7000-8000-000000000000");
        let fault = member.post(&format!("{nowhere}/enable"), &[]).await;
        assert!(
            fault.status == 404 && fault.body.contains(title),
            "{}",
            fault.body
        );
        assert_eq!(switched(&member, &fault).await, "/");
        // A code that was wrong, sent to a path that takes nothing else.
        member.post("/account/second-factor", &[]).await;
        let wrong = member
            .post(
                "/account/second-factor/confirm",
                &[("old", PASSWORD), ("code", "1")],
            )
            .await;
        assert_eq!(wrong.status, 422);
        assert_eq!(switched(&member, &wrong).await, "/account/second-factor");
    }
}

#[tokio::test]
async fn a_path_that_only_takes_forms_is_a_page_for_a_browser() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    for (language, title) in [
        ("en", "This page cannot be opened by itself"),
        ("fr", "Cette page ne peut pas être ouverte seule"),
    ] {
        let member = house.member(language).await;
        for path in [
            "/account/second-factor/confirm",
            "/preferences",
            &format!("{}/enable", path(&id)),
        ] {
            let answer = member.get(path).await;
            assert_eq!(
                (answer.status, answer.header("allow")),
                (405, Some("POST")),
                "{path}"
            );
            assert!(answer.body.contains(title), "{path}: {}", answer.body);
            assert_eq!(switched(&member, &answer).await, "/");
        }
    }
}

#[tokio::test]
async fn what_is_shown_once_has_no_switches_that_would_lose_it() {
    let house = House::start().await;
    for language in ["en", "fr"] {
        let admin = house.admin(language).await;
        let key = created(&admin, &[]).await;
        let link = format!("/admin/users/{}/link", house.member_id);
        let link = admin.post(&link, &[]).await;
        for answer in [key, link] {
            assert!([200, 201].contains(&answer.status) && !answer.body.contains("/preferences"));
        }
    }
}
