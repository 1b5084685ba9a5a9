//! Where people come in: at the page that they asked for, also by a link on a page of another site.

use crate::accounts::{ADA, Browser, House, PASSWORD};

const LIST: &str = "/integrations/keys";
const PAGE: (&str, &str) = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");

/// What Chromium says of a click on a link of a page of another site.
const LINK: [(&str, &str); 4] = [
    PAGE,
    ("Sec-Fetch-Site", "cross-site"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
];

/// Where a sign-in leads in this browser.
async fn led(browser: &mut Browser) -> String {
    let answer = browser.sign_in(ADA, PASSWORD).await;
    assert_eq!(answer.status, 303, "{answer:?}");
    answer.location().unwrap().to_owned()
}

#[tokio::test]
async fn who_has_to_sign_in_first_comes_to_the_page_that_was_asked_for() {
    let house = House::with_ada().await;
    let mut browser = house.browser("en");
    for page in [
        "/account",
        "/integrations/keys?q=a%26b+c&status=&page=3",
        "/integrations/keys/01a20ace-1187-7000-8000-000000000000",
    ] {
        let answer = browser.send("GET", page, &[PAGE], &[]).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, Some("/sign-in")),
            "{page}"
        );
        // A wrong password in between loses nothing.
        browser.sign_in(ADA, "not the password at all").await;
        assert_eq!(led(&mut browser).await, page);
        // Once: the next sign-in leads where it always does.
        browser.cookies.remove("keyward-session");
        assert_eq!(led(&mut browser).await, LIST);
        browser.cookies.remove("keyward-session");
    }
}

#[tokio::test]
async fn what_is_no_page_of_this_host_is_not_where_a_sign_in_leads() {
    let house = House::with_ada().await;
    let long = format!("/integrations/keys?q={}", "a".repeat(2000));
    let asked: [(&str, &str, &str); 5] = [
        ("GET", "/account", "*/*"),
        ("POST", "/account/password", "text/html"),
        ("GET", "/nothing-is-here", "text/html"),
        ("GET", "//evil.example/account", "text/html"),
        ("GET", &long, "text/html"),
    ];
    for (method, path, accept) in asked {
        let mut browser = house.browser("en");
        browser.send(method, path, &[("Accept", accept)], &[]).await;
        assert_eq!(led(&mut browser).await, LIST, "{method} {path} {accept}");
    }
    for planted in [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "evil",
        "",
    ] {
        let mut browser = house.browser("en");
        let cookie = ("keyward-destination".to_owned(), planted.to_owned());
        browser.cookies.extend([cookie]);
        assert_eq!(led(&mut browser).await, LIST, "{planted}");
    }
}

#[tokio::test]
async fn c2_a_link_on_another_site_leads_who_is_signed_in_to_its_page() {
    let house = House::with_ada().await;
    let ada = house.ada("en").await;
    let page = "/integrations/keys?q=a&page=2";
    // The browser sends no cookie that is `SameSite=Strict`; on the page in between it goes on as from a page of ours.
    let mut elsewhere = house.browser("en");
    let between = elsewhere.send("GET", page, &LINK, &[]).await;
    assert_eq!(between.status, 200);
    between.assert_says("<meta http-equiv=\"refresh\" content=\"0; url=/integrations/keys?q=a&#38;page=2\">");
    assert!(elsewhere.cookies.is_empty(), "{elsewhere:?}");
    let onward =
        |value: &'static str| LINK.map(|(name, was)| (name, if was == "cross-site" { value } else { was }));
    let shown = ada.clone().send("GET", page, &onward("same-origin"), &[]).await;
    assert_eq!(shown.status, 200);
    // Who is not signed in has to, and then sees it.
    let answer = elsewhere.send("GET", page, &onward("same-origin"), &[]).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/sign-in")));
    assert_eq!(led(&mut elsewhere).await, page);
}

#[tokio::test]
async fn c4_only_a_window_goes_on_from_another_site() {
    let house = House::with_ada().await;
    for (name, value) in [
        ("Sec-Fetch-Dest", "iframe"),
        ("Sec-Fetch-Dest", "image"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Mode", "cors"),
        ("Sec-Fetch-Site", "none"),
    ] {
        let headers = LINK.map(|(other, was)| (other, if other == name { value } else { was }));
        let answer = house.browser("en").send("GET", "/account", &headers, &[]).await;
        assert_eq!(
            (answer.status, answer.location()),
            (303, Some("/sign-in")),
            "{name}: {value}"
        );
    }
    // Said twice is not said.
    let twice = [LINK[0], LINK[1], LINK[1], LINK[2], LINK[3]];
    let answer = house.browser("en").send("GET", "/account", &twice, &[]).await;
    assert_eq!((answer.status, answer.location()), (303, Some("/sign-in")));
    // A change is refused, and nothing goes on by itself.
    let mut ada = house.ada("en").await;
    ada.origin = Some("https://evil.example".into());
    let change = ada
        .send("POST", "/account/preferences", &LINK, &[("language", "fr")])
        .await;
    assert_eq!(change.status, 403);
    assert!(!change.body.contains("refresh"), "{change:?}");
}
