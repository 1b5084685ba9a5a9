//! Inviting somebody, and how their name is shown.

use super::user;
use crate::pages::House;
use keyward_domain::Role;
use keyward_engine::Actor;

const NASTY: &str = "<script>alert(1)</script>\"'&";

const ESCAPED: &str = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;";

#[tokio::test]
async fn somebody_is_invited_with_a_link_that_is_shown_once() {
    for (language, once) in [("en", "displayed only once"), ("fr", "affiché qu’une seule fois")] {
        let house = House::start().await;
        let admin = house.admin(language).await;
        house
            .engine
            .create_site(&Actor::OPERATOR, "123", None)
            .await
            .unwrap();
        let fields = [
            ("email", " New@Example.com "),
            ("name", "Nadia"),
            ("role", "admin"),
            ("reach", "listed"),
            ("sites", "123"),
        ];
        let answer = admin.post("/admin/users/new", &fields).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains(once));
        assert!(answer.body.contains("data-copy=\"#link\""));
        let link = answer
            .body
            .split("id=\"link\">")
            .nth(1)
            .unwrap()
            .split('<')
            .next()
            .unwrap();
        let start = format!("http://{}/link/", house.console.address());
        assert!(
            link.starts_with(&start) && link.len() > start.len() + 20,
            "{link}"
        );

        let view = user(&house, "new@example.com").await;
        assert_eq!((view.user.name.as_str(), view.user.role), ("Nadia", Role::Admin));
        assert_eq!(view.sites.unwrap()[0].as_str(), "123");
        let token = link.strip_prefix(&start).unwrap();
        let found = house.engine.find_link(token).await.unwrap().unwrap();
        assert_eq!(found.user.id, view.user.id);
        for page in [
            "/admin/users".to_owned(),
            format!("/admin/users/{}", view.user.id),
            "/admin/audit".into(),
        ] {
            let answer = admin.get(&page).await;
            assert!(!answer.body.contains(token), "{page}");
            assert!(
                answer.body.contains("new@example.com") || page.contains("audit"),
                "{page}"
            );
        }
    }
}

#[tokio::test]
async fn errors_of_an_invitation_stand_at_their_fields_with_what_was_typed() {
    let house = House::start().await;
    for (language, email, name, sites, taken) in [
        (
            "en",
            "Give an e-mail address",
            "Give a name of 1 to 64",
            "Choose every site",
            "is there already",
        ),
        (
            "fr",
            "Indiquez une adresse e-mail",
            "Indiquez un nom de 1 à 64",
            "Choisissez tous les sites",
            "Il existe déjà",
        ),
    ] {
        let admin = house.admin(language).await;
        let long = "n".repeat(65);
        let fields = [
            ("email", "no address"),
            ("name", long.as_str()),
            ("role", "member"),
        ];
        let answer = admin.post("/admin/users/new", &fields).await;
        assert_eq!(answer.status, 422);
        assert!(
            answer.fault("email").unwrap().starts_with(email),
            "{:?}",
            answer.fault("email")
        );
        assert!(answer.fault("name").unwrap().starts_with(name));
        assert!(answer.fault("sites").unwrap().starts_with(sites));
        assert_eq!(answer.summary(), ["email", "name", "sites"]);
        assert_eq!(answer.value("email"), Some("no address"));
        assert_eq!(answer.value("name"), Some(long.as_str()));

        let fields = [
            ("email", "member@example.com"),
            ("role", "member"),
            ("reach", "all"),
        ];
        let answer = admin.post("/admin/users/new", &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.fault("email").unwrap().contains(taken));
    }
}

#[tokio::test]
async fn a7_names_are_escaped_wherever_they_stand() {
    let house = House::start().await;
    let admin = house.admin("en").await;
    let fields = [
        ("email", "n@example.com"),
        ("name", NASTY),
        ("role", "member"),
        ("reach", "all"),
    ];
    let answer = admin.post("/admin/users/new", &fields).await;
    assert_eq!(answer.status, 200);
    let id = user(&house, "n@example.com").await.user.id;
    let mut bodies = vec![answer.body];
    for page in ["", "/disable", "/delete", "/link", "/factor", "/identities"] {
        bodies.push(admin.get(&format!("/admin/users/{id}{page}")).await.body);
    }
    bodies.push(admin.get("/admin/users").await.body);
    bodies.push(admin.get("/admin/audit").await.body);
    for body in bodies {
        assert!(!body.contains("<script>alert"), "{body}");
        assert!(body.contains(ESCAPED), "{body}");
    }
    let query = format!("/admin/users?q={}", crate::pages::encoded(NASTY));
    assert!(admin.get(&query).await.body.contains(ESCAPED));
}

#[tokio::test]
async fn k7_a_name_cannot_turn_the_sentence_round_that_it_stands_in() {
    let house = House::start().await;
    let (id, _) = house.join("rtl@example.com", "\u{202e}evil").await;
    let admin = house.admin("en").await;
    for page in ["disable", "delete", "link", "factor", "identities"] {
        let body = admin.get(&format!("/admin/users/{id}/{page}")).await.body;
        let main = body.split("<main").nth(1).unwrap();
        let isolated = main.matches("\u{2068}\u{202e}evil\u{2069}").count();
        assert!(isolated > 0, "{page}");
        assert_eq!(main.matches('\u{202e}').count(), isolated, "{page}");
    }
    for page in ["/admin/users".to_owned(), format!("/admin/users/{id}")] {
        let body = admin.get(&page).await.body;
        assert!(body.contains("<bdi>\u{202e}evil</bdi>"), "{page}");
    }
}
