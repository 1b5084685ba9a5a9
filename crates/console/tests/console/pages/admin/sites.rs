//! Sites: create, rename, disable, enable; and use cases.

use crate::pages::House;
use keyward_domain::SiteStatus;
use keyward_engine::Actor;

#[tokio::test]
async fn a_site_is_made_renamed_disabled_and_enabled() {
    for (language, warning) in [
        ("en", "clients must call the new path"),
        ("fr", "les clients doivent appeler le nouveau chemin"),
    ] {
        let house = House::start().await;
        let admin = house.admin(language).await;
        let answer = admin.post("/admin/sites", &[("name", "123")]).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/admin/sites"))
        );
        assert!(
            admin
                .get("/admin/sites")
                .await
                .body
                .contains("href=\"/admin/sites/123\"")
        );
        let page = admin.get("/admin/sites/123").await;
        assert!(page.body.contains(warning));
        let revision = page.value("revision").unwrap();
        let answer = admin
            .post("/admin/sites/123", &[("revision", revision), ("name", "124")])
            .await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/admin/sites/124"))
        );
        assert_eq!(admin.get("/admin/sites/123").await.status, 404);

        assert!(admin.get("/admin/sites/124/disable").await.body.contains("403"));
        assert_eq!(admin.post("/admin/sites/124/disable", &[]).await.status, 303);
        let status = async || {
            house
                .engine
                .get_site(&Actor::OPERATOR, "124")
                .await
                .unwrap()
                .status
        };
        assert_eq!(status().await, SiteStatus::Disabled);
        assert_eq!(admin.post("/admin/sites/124/enable", &[]).await.status, 303);
        assert_eq!(status().await, SiteStatus::Active);
    }
}

#[tokio::test]
async fn errors_of_a_site_stand_at_its_name_with_what_was_typed() {
    let house = House::start().await;
    for name in ["1", "2"] {
        house
            .engine
            .create_site(&Actor::OPERATOR, name, None)
            .await
            .unwrap();
    }
    for (language, bad, taken, stale) in [
        ("en", "A site is named with", "is there already", "Somebody else"),
        ("fr", "Le nom d’un site", "Il existe déjà", "Quelqu’un d’autre"),
    ] {
        let admin = house.admin(language).await;
        for name in ["a/b", "", "..", "<b>", &"x".repeat(65)] {
            let answer = admin.post("/admin/sites", &[("name", name)]).await;
            assert_eq!(answer.status, 422, "{name}");
            assert!(answer.fault("name").unwrap().starts_with(bad), "{name}");
        }
        let answer = admin.post("/admin/sites", &[("name", "a/b")]).await;
        assert_eq!(answer.value("name"), Some("a/b"));
        let answer = admin.post("/admin/sites", &[("name", "2")]).await;
        assert!(answer.fault("name").unwrap().contains(taken));

        let revision = admin
            .get("/admin/sites/1")
            .await
            .value("revision")
            .unwrap()
            .to_owned();
        let answer = admin
            .post("/admin/sites/1", &[("revision", &revision), ("name", "2")])
            .await;
        assert_eq!(answer.status, 422);
        assert!(answer.fault("name").unwrap().contains(taken));
        let answer = admin
            .post("/admin/sites/1", &[("revision", "1"), ("name", "3")])
            .await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(stale));
        assert_eq!(answer.value("name"), Some("3"));
    }
}

#[tokio::test]
async fn sites_are_found_and_come_page_by_page() {
    let house = House::start().await;
    for number in 0..70 {
        let name = format!("site-{number:02}");
        house
            .engine
            .create_site(&Actor::OPERATOR, &name, None)
            .await
            .unwrap();
    }
    let admin = house.admin("en").await;
    let first = admin.get("/admin/sites").await;
    assert_eq!(first.body.matches("<tr>").count(), 51);
    assert!(first.body.contains("href=\"/admin/sites?after=site-49\""));
    let second = admin.get("/admin/sites?after=site-49").await;
    assert_eq!(second.body.matches("<tr>").count(), 21);
    assert_eq!(
        admin
            .get("/admin/sites?q=SITE-07")
            .await
            .body
            .matches("<tr>")
            .count(),
        2
    );
    // So many sites are typed, not ticked.
    let form = admin.get("/admin/users/new").await;
    assert!(form.body.contains("name=\"site_lines\"") && !form.body.contains("name=\"sites\""));
    let fields = [
        ("email", "typed@example.com"),
        ("role", "member"),
        ("reach", "listed"),
        ("site_lines", "site-01\r\n\r\n site-02 "),
    ];
    assert_eq!(admin.post("/admin/users/new", &fields).await.status, 200);
    let made = house
        .engine
        .get_user(&Actor::OPERATOR, "typed@example.com")
        .await
        .unwrap();
    assert_eq!(made.sites.map(|sites| sites.len()), Some(2));
}

#[tokio::test]
async fn use_cases_are_shown_with_what_they_open() {
    let house = House::start().await;
    for (language, management, file) in [
        ("en", "Manage users, sites and keys", "configuration file"),
        (
            "fr",
            "Gérer les utilisateurs, les sites et les clés",
            "fichier de configuration",
        ),
    ] {
        let page = house.admin(language).await.get("/admin/use-cases").await;
        for text in [
            management,
            file,
            "/api/{site}/reports/**",
            "GET, HEAD",
            "The &#60;b&#62;REST",
        ] {
            assert!(page.body.contains(text), "{text}");
        }
    }
}
