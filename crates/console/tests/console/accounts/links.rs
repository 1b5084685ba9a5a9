//! One-time links: the first administrator, invitations, resets.

use crate::accounts::{ADA, House, OTHER, PASSWORD};
use keyward_domain::Role;
use keyward_engine::{Actor, Created, KeyDraft};

#[tokio::test]
async fn c12_the_set_up_link_makes_the_first_administrator_once() {
    let house = House::empty().await;
    let token = house.engine.issue_setup_token().await.unwrap();
    let path = format!("/setup/{}", token.reveal());
    let mut browser = house.browser("fr");
    browser.get(&path).await.assert_says("Le premier administrateur");
    let form = [
        ("email", ADA),
        ("name", "Ada"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let answer = browser.post(&path, &form).await;
    assert_eq!(
        (answer.status, answer.location()),
        (303, Some("/integrations/keys"))
    );
    assert!(house.is_alive(&browser.session()).await);
    let made = house.engine.get_user(&Actor::OPERATOR, ADA).await.unwrap();
    assert_eq!((made.user.role, made.user.name.as_str()), (Role::Admin, "Ada"));
    let mut late = house.browser("en");
    for answer in [late.get(&path).await, late.post(&path, &form).await] {
        assert_eq!(answer.status, 410);
        answer.assert_says("This link does not work");
        answer.assert_says("keyward init --new-token");
    }
}

#[tokio::test]
async fn c12_of_many_who_hold_the_set_up_link_at_once_one_gets_in() {
    let house = House::empty().await;
    let token = house.engine.issue_setup_token().await.unwrap();
    let path = format!("/setup/{}", token.reveal());
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (mut browser, path) = (house.browser("en"), path.clone());
        tries.spawn(async move {
            let email = format!("a{n}@example.com");
            let form = [
                ("email", email.as_str()),
                ("password", PASSWORD),
                ("again", PASSWORD),
            ];
            browser.post(&path, &form).await.status
        });
    }
    let statuses = tries.join_all().await;
    let count = |status| statuses.iter().filter(|found| **found == status).count();
    assert_eq!((count(303), count(410)), (1, 19), "{statuses:?}");
}

#[tokio::test]
async fn the_summary_over_the_set_up_form_names_its_fields_in_the_order_of_the_page() {
    let house = House::empty().await;
    let token = house.engine.issue_setup_token().await.unwrap();
    let form = [
        ("name", "A\u{1b}da"),
        ("email", "nobody"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let path = format!("/setup/{}", token.reveal());
    let answer = house.browser("en").post(&path, &form).await;
    assert_eq!(answer.status, 422);
    let (_, summary) = answer.body.split_once("data-errors>").unwrap();
    let (summary, page) = summary.split_once("</ul>").unwrap();
    let links = summary.split("href=\"#").skip(1);
    let fields: Vec<&str> = links.filter_map(|link| link.split('"').next()).collect();
    assert_eq!(fields, ["email", "name"]);
    let places = fields
        .iter()
        .map(|field| page.find(&format!("<input id=\"{field}\"")).unwrap());
    assert!(places.is_sorted(), "{page}");
}

#[tokio::test]
async fn no_fault_of_the_set_up_form_hides_another() {
    let house = House::empty().await;
    let token = house.engine.issue_setup_token().await.unwrap();
    let path = format!("/setup/{}", token.reveal());
    let form = [
        ("email", "nobody"),
        ("name", "A\u{1b}da"),
        ("password", "short"),
        ("again", "other"),
    ];
    let answer = house.browser("en").post(&path, &form).await;
    assert_eq!(answer.status, 422);
    for field in ["email", "name", "password", "again"] {
        assert!(answer.fault(field).is_some(), "{field} {answer:?}");
    }
}

#[tokio::test]
async fn c9_a_form_that_cannot_be_taken_leaves_the_link_good_and_keeps_what_was_typed() {
    let house = House::empty().await;
    let token = house.engine.issue_setup_token().await.unwrap();
    let path = format!("/setup/{}", token.reveal());
    let table = [
        (
            "en",
            "nobody",
            "short",
            "short",
            "email",
            "This is no e-mail address",
        ),
        (
            "fr",
            "nobody",
            PASSWORD,
            PASSWORD,
            "email",
            "Ce n’est pas une adresse",
        ),
        (
            "en",
            ADA,
            "fourteen chars",
            "fourteen chars",
            "password",
            "at least 15 characters",
        ),
        (
            "fr",
            ADA,
            "fourteen chars",
            "fourteen chars",
            "password",
            "au moins 15 caractères",
        ),
        (
            "en",
            ADA,
            "passwordpassword",
            "passwordpassword",
            "password",
            "too easy to guess",
        ),
        (
            "fr",
            ADA,
            "ada@example.com!",
            "ada@example.com!",
            "password",
            "guère plus que votre nom",
        ),
        ("en", ADA, PASSWORD, OTHER, "again", "not the same"),
        ("fr", ADA, PASSWORD, OTHER, "again", "diffèrent"),
    ];
    for (language, email, password, again, field, text) in table {
        let form = [
            ("email", email),
            ("name", "Ada <b>"),
            ("password", password),
            ("again", again),
        ];
        let answer = house.browser(language).post(&path, &form).await;
        assert_eq!(answer.status, 422, "{field}: {answer:?}");
        let said = answer
            .fault(field)
            .unwrap_or_else(|| panic!("{field}: {answer:?}"));
        assert!(said.contains(text), "{said}");
        assert_eq!(answer.value("email"), Some(email));
        assert_eq!(answer.value("name"), Some("Ada &#60;b&#62;"));
        assert!(!answer.body.contains(&format!("\"{password}\"")), "{answer:?}");
    }
    assert_eq!(house.browser("en").get(&path).await.status, 200);
}

#[tokio::test]
async fn an_invitation_says_the_rules_beforehand_and_works_once() {
    let house = House::with_ada().await;
    for (language, welcome, rule) in [
        ("en", "Welcome, Grace", "15 to 128 characters"),
        ("fr", "Bienvenue, Grace", "De 15 à 128 caractères"),
    ] {
        let email = format!("{language}@example.com");
        let path = house.invite(&email).await;
        let mut browser = house.browser(language);
        let page = browser.get(&path).await;
        page.assert_says(welcome);
        page.assert_says(rule);
        page.assert_says(&email);
        // Looking at it does not use it up.
        assert_eq!(browser.get(&path).await.status, 200);
        let form = [("password", PASSWORD), ("again", PASSWORD)];
        let answer = browser.post(&path, &form).await;
        assert_eq!(answer.location(), Some("/integrations/keys"));
        assert!(house.is_alive(&browser.session()).await);
        assert!(house.lets_in(&email, PASSWORD).await);
        let mut late = house.browser(language);
        assert_eq!(late.get(&path).await.status, 410);
        let form = [("password", OTHER), ("again", OTHER)];
        assert_eq!(late.post(&path, &form).await.status, 410);
        assert!(!house.lets_in(&email, OTHER).await);
    }
}

#[tokio::test]
async fn c3_a_reset_ends_the_sessions_of_before_and_expires() {
    let house = House::with_ada().await;
    let before = house.ada("en").await.session();
    let late = house.reset(ADA).await;
    house.wait(24 * 3600);
    let page = house.browser("fr").get(&late).await;
    assert_eq!(page.status, 410);
    page.assert_says("Ce lien ne fonctionne pas");
    let path = house.reset(ADA).await;
    let mut browser = house.ada("en").await;
    let other = browser.session();
    browser
        .get(&path)
        .await
        .assert_says("It takes the place of the old one, and ends all your sessions.");
    let form = [("password", OTHER), ("again", OTHER)];
    let answer = browser.post(&path, &form).await;
    assert_eq!(answer.location(), Some("/integrations/keys"));
    assert_ne!(browser.session(), other);
    assert!(house.is_alive(&browser.session()).await);
    assert!(!house.is_alive(&before).await && !house.is_alive(&other).await);
    assert!(house.lets_in(ADA, OTHER).await && !house.lets_in(ADA, PASSWORD).await);
}

#[tokio::test]
async fn what_is_no_link_is_told_the_same_as_one_that_is_used() {
    let house = House::with_ada().await;
    let path = house.invite("grace@example.com").await;
    let form = [("password", PASSWORD), ("again", PASSWORD)];
    house.browser("en").post(&path, &form).await;
    let used = house.browser("en").get(&path).await;
    for no_link in [
        "/link/x",
        "/link/reset_0000000000000000000000000000000000000000",
        "/link/%20",
    ] {
        let page = house.browser("en").get(no_link).await;
        assert_eq!(page.status, 410, "{no_link}");
        let without_path = |body: &str, path: &str| body.replace(path, "");
        assert_eq!(
            without_path(&page.body, no_link),
            without_path(&used.body, &path),
            "{no_link}"
        );
    }
}

/// A management key of somebody.
async fn management_key(house: &House, owner: &str) -> String {
    let draft = KeyDraft {
        owner: Some(owner.into()),
        name: "Programs".into(),
        use_case: Some("management".into()),
        ..KeyDraft::default()
    };
    match house
        .engine
        .create_key(&Actor::OPERATOR, &draft, None)
        .await
        .unwrap()
    {
        Created::New(issued) => issued.secret.reveal().to_owned(),
        Created::Replay(_) => unreachable!("nothing was repeated"),
    }
}

#[tokio::test]
async fn a_program_of_an_administrator_makes_links_and_one_of_a_member_does_not() {
    let house = House::with_ada().await;
    house.invite("grace@example.com").await;
    let ada = management_key(&house, ADA).await;
    let grace = management_key(&house, "grace@example.com").await;
    let user = house
        .engine
        .get_user(&Actor::OPERATOR, "grace@example.com")
        .await
        .unwrap();
    let path = format!("/v1/users/{}/link", user.user.id);
    let mut browser = house.browser("en");
    let refused = browser.send("POST", &path, &[("X-API-KEY", &grace)], &[]).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    let made = browser.send("POST", &path, &[("X-API-KEY", &ada)], &[]).await;
    assert_eq!(made.status, 201, "{made:?}");
    let link = made.between("\"path\":\"", "\"").unwrap().to_owned();
    let form = [("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(browser.post(&link, &form).await.status, 303);
    assert!(house.lets_in("grace@example.com", PASSWORD).await);
}
