//! The audit log and its export.

use crate::pages::House;
use keyward_domain::Role;
use keyward_engine::{Actor, Created, KeyDraft, KeyEdit, LimitDraft, UserDraft, Who};

async fn key(house: &House, name: &str) -> String {
    let draft = KeyDraft {
        owner: Some(house.member_id.clone()),
        name: name.into(),
        use_case: Some("rest-api".into()),
        ..KeyDraft::default()
    };
    match house
        .engine
        .create_key(&Actor::OPERATOR, &draft, None)
        .await
        .unwrap()
    {
        Created::New(issued) => issued.view.key.id.to_string(),
        Created::Replay(_) => unreachable!("nothing was repeated"),
    }
}

#[tokio::test]
async fn a_change_is_shown_field_by_field_and_a_denial_as_one() {
    let house = House::start().await;
    let id = key(&house, "one").await;
    let edit = KeyEdit {
        name: Some("two <b>".into()),
        limit: Some(LimitDraft::PerMinute(60)),
        ..KeyEdit::default()
    };
    house
        .engine
        .edit_key(&Actor::OPERATOR, &id, &edit, None)
        .await
        .unwrap();
    let member = house.member("en").await;
    assert_eq!(member.post("/admin/sites", &[("name", "1")]).await.status, 404);
    for (language, texts) in [
        (
            "en",
            [
                "Key edited",
                "Requests a minute",
                "No limit",
                "Denied: not allowed",
                "on the machine itself",
            ],
        ),
        (
            "fr",
            [
                "Clé modifiée",
                "Requêtes par minute",
                "Aucune limite",
                "Refusé\u{a0}: non autorisé",
                "sur la machine même",
            ],
        ),
    ] {
        let admin = house.admin(language).await;
        let page = admin.get("/admin/audit").await;
        for text in texts
            .into_iter()
            .chain(["<del><bdi>one</bdi></del>", "two &#60;b&#62;", "<bdi>60</bdi>"])
        {
            assert!(page.body.contains(text), "{text}");
        }
        assert!(page.body.contains(&format!("href=\"/integrations/keys/{id}\"")));
        assert!(
            page.body
                .contains(&format!("href=\"/admin/users/{}\"", house.member_id))
        );
    }
}

#[tokio::test]
async fn the_log_is_filtered_by_who_what_and_when() {
    let house = House::start().await;
    let id = key(&house, "one").await;
    house
        .engine
        .create_site(&Actor::OPERATOR, "123", None)
        .await
        .unwrap();
    let admin = house.admin("en").await;
    admin.post("/admin/sites", &[("name", "456")]).await;
    let lines = async |query: &str| {
        let page = admin.get(&format!("/admin/audit?{query}")).await;
        assert_eq!(page.status, 200, "{query}");
        page.body.matches("data-label=\"When\"").count()
    };
    let all = lines("").await;
    assert_eq!(lines("kind=site").await, 2);
    assert_eq!(lines("action=site.create").await, 2);
    assert_eq!(lines("kind=site&target=123").await, 1);
    assert_eq!(lines("kind=site&user=admin%40example.com").await, 1);
    assert_eq!(lines(&format!("kind=key&target={id}&user=&action=")).await, 1);
    assert_eq!(lines("from=1999-01-01&to=9998-12-31").await, all);
    assert_eq!(lines("to=1999-01-01").await, 0);
    assert_eq!(lines("from=9998-12-31").await, 0);
    let today = keyward_engine::Clock::now(&*house.clock).to_string();
    let today = &today[..10];
    assert_eq!(lines(&format!("from={today}&to={today}")).await, all);
}

#[tokio::test]
async fn filters_that_cannot_be_are_named_at_their_fields() {
    let house = House::start().await;
    for (language, day, nobody) in [
        ("en", "Give a day", "There is no user"),
        ("fr", "Indiquez un jour", "Aucun utilisateur"),
    ] {
        let admin = house.admin(language).await;
        let page = admin.get("/admin/audit?from=2026-02-30&to=never&user=x").await;
        assert_eq!(page.status, 422);
        assert!(page.fault("from").unwrap().starts_with(day) && page.fault("to").unwrap().starts_with(day));
        assert_eq!(page.value("from"), Some("2026-02-30"));
        assert_eq!(page.summary(), ["from", "to"]);
        let page = admin.get("/admin/audit?user=nobody%40example.com").await;
        assert_eq!(page.status, 422);
        assert!(page.fault("user").unwrap().starts_with(nobody));
        assert_eq!(admin.get("/admin/audit?cursor=zzz").await.status, 422);
        assert_eq!(admin.get("/admin/audit.csv?from=never").await.status, 422);
        assert_eq!(
            admin
                .get("/admin/audit.csv?user=nobody%40example.com")
                .await
                .status,
            404
        );
    }
}

#[tokio::test]
async fn a7_the_export_is_a_file_whose_cells_are_no_formulas() {
    let house = House::start().await;
    let admin = house.admin("en").await;
    // The address of whoever tries something, and the name of what is made, end up in the log.
    let draft = UserDraft {
        email: "=cmd|'/c!a0@example.com".to_owned(),
        ..UserDraft::default()
    };
    let (user, ..) = house.engine.invite_user(&Actor::OPERATOR, &draft).await.unwrap();
    let actor = Actor {
        who: Who::User {
            id: user.user.id,
            role: Role::Member,
            key: None,
        },
        address: None,
    };
    house
        .engine
        .create_site(&actor, "denied", None)
        .await
        .map(drop)
        .unwrap_err();
    house
        .engine
        .create_site(&Actor::OPERATOR, "-1", None)
        .await
        .map(drop)
        .unwrap();
    let answer = admin.get("/admin/audit.csv").await;
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("text/csv; charset=utf-8; header=present")
    );
    assert_eq!(
        answer.header("content-disposition"),
        Some("attachment; filename=\"keyward-audit.csv\"")
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(
        answer.body.contains(",'=cmd|'/c!a0@example.com,"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains(",site,'-1,"), "{}", answer.body);
    for cell in answer.body.split([',', '\n']) {
        let cell = cell.trim_start_matches('"');
        assert!(!cell.starts_with(['=', '@', '+', '\t']), "{cell}");
    }
}

#[tokio::test]
async fn the_export_holds_every_line_of_the_filter() {
    let house = House::start().await;
    for number in 0..450 {
        let name = format!("site-{number}");
        house
            .engine
            .create_site(&Actor::OPERATOR, &name, None)
            .await
            .unwrap();
    }
    let admin = house.admin("en").await;
    let sites = admin
        .get("/admin/audit.csv?action=site.create&cursor=ignored")
        .await;
    assert_eq!(sites.body.matches("site.create").count(), 450);
    assert_eq!(sites.body.lines().count(), 451);
    for number in 0..450 {
        assert!(sites.body.contains(&format!(",site-{number},")), "{number}");
    }
    let page = admin.get("/admin/audit?action=site.create").await;
    assert!(page.body.contains("href=\"/admin/audit.csv?action=site.create\""));
    let next = page.body.split("rel=\"next\"").next().unwrap();
    let next = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
    let next = admin.get(&next.replace("&#38;", "&")).await;
    assert_eq!(next.body.matches("data-label=\"When\"").count(), 25);
}
