//! Who sees what.

use crate::pages::{Browser, House};
use keyward_engine::{Actor, AuditFilter, AuditOutcome};

/// The paths of the area and their methods, read off its router, so that none is forgotten here.
fn routes() -> Vec<(String, bool, bool)> {
    let source = include_str!("../../../../src/web/pages/admin.rs").replace(char::is_whitespace, "");
    let routes: Vec<_> = source
        .split(".route(\"")
        .skip(1)
        .map(|route| {
            let (path, methods) = route.split_once('"').unwrap();
            let methods = methods.split(".route(").next().unwrap();
            (
                path.to_owned(),
                methods.contains("get("),
                methods.contains("post("),
            )
        })
        .collect();
    assert!(routes.len() >= 17, "{routes:?}");
    routes
}

fn filled(path: &str, user: &str) -> String {
    path.replace("{id}", user).replace("{name}", "123")
}

async fn house() -> House {
    let house = House::start().await;
    house
        .engine
        .create_site(&Actor::OPERATOR, "123", None)
        .await
        .unwrap();
    house
}

#[tokio::test]
async fn a1_no_page_of_the_administration_is_there_for_a_member() {
    let house = house().await;
    let member = house.member("en").await;
    let nowhere = member.get("/admin/users/no-such-user/at-all").await;
    for (path, reads, _) in routes() {
        for user in [&house.member_id, &house.admin_id] {
            let path = filled(&path, user);
            if reads && path != "/admin" {
                let answer = member.get(&path).await;
                assert_eq!(answer.status, 404, "GET {path}");
                assert!(!answer.body.contains("example.com"), "{}", answer.body);
            }
        }
    }
    assert_eq!(nowhere.status, 404);
}

#[tokio::test]
async fn a1_a11_no_change_of_the_administration_is_a_members_and_each_try_is_noted() {
    let house = house().await;
    let member = house.member("en").await;
    let fields = [
        ("email", "x@example.com"),
        ("name", "x"),
        ("role", "admin"),
        ("reach", "all"),
        ("revision", "1"),
        ("typed", "admin@example.com"),
    ];
    let (users, sites) = everything(&house).await;
    let mut tries = 0;
    for (path, _, writes) in routes() {
        let path = filled(&path, &house.admin_id);
        if writes {
            let answer = member.post(&path, &fields).await;
            assert_eq!(answer.status, 404, "POST {path}");
            tries += 1;
            assert_eq!(denied(&house).await, tries, "POST {path}");
        }
    }
    assert!(tries >= 9, "{tries}");
    assert_eq!(everything(&house).await, (users, sites));
}

/// What was sent in place of a name may be a secret, and one database takes no NUL.
#[tokio::test]
async fn k1_a11_what_a_member_sends_in_place_of_a_name_is_noted_without_it() {
    let house = house().await;
    let member = house.member("en").await;
    let secret = &house.admin_session;
    let mut tries = 0;
    for (path, _, writes) in routes() {
        if !writes {
            continue;
        }
        for sent in [secret.as_str(), "%00", "a%00b@x.de"] {
            let path = path.replace("{id}", sent).replace("{name}", sent);
            let answer = member.post(&path, &[("name", "x"), ("revision", "1")]).await;
            assert_eq!(answer.status, 404, "POST {path}");
            tries += 1;
            assert_eq!(denied(&house).await, tries, "POST {path}");
        }
    }
    let all = AuditFilter {
        user: Some(house.member_id.clone()),
        limit: Some(200),
        ..AuditFilter::default()
    };
    let page = house.engine.list_audit(&Actor::OPERATOR, &all).await.unwrap();
    let named = page.items.iter().filter(|view| {
        matches!(view.event.outcome, AuditOutcome::Denied(_)) && !view.event.target_id.is_empty()
    });
    assert_eq!(named.count(), 0);
}

async fn denied(house: &House) -> usize {
    let filter = AuditFilter {
        user: Some(house.member_id.clone()),
        limit: Some(200),
        ..AuditFilter::default()
    };
    let page = house.engine.list_audit(&Actor::OPERATOR, &filter).await.unwrap();
    let is_denied = |outcome: &AuditOutcome| matches!(outcome, AuditOutcome::Denied(_));
    page.items
        .iter()
        .filter(|view| is_denied(&view.event.outcome))
        .count()
}

async fn everything(house: &House) -> (String, String) {
    let users = house
        .engine
        .list_users(&Actor::OPERATOR, &keyward_engine::UserFilter::default())
        .await;
    let sites = house.engine.list_sites(&Actor::OPERATOR).await;
    (format!("{:?}", users.unwrap().items), format!("{sites:?}"))
}

#[tokio::test]
async fn a1_a_stranger_is_sent_to_sign_in_from_everywhere() {
    let house = house().await;
    let mut ended = house.stranger();
    ended.keep("keyward-session", "kw_0000000000000000000000000000000000000000");
    for stranger in [house.stranger(), ended] {
        for (path, reads, writes) in routes() {
            let path = filled(&path, &house.member_id);
            if reads {
                to_sign_in(&stranger, "GET", &path).await;
            }
            if writes {
                to_sign_in(&stranger, "POST", &path).await;
            }
        }
    }
}

async fn to_sign_in(stranger: &Browser, method: &str, path: &str) {
    let answer = match method {
        "GET" => stranger.get(path).await,
        _ => stranger.post(path, &[]).await,
    };
    assert_eq!(answer.status, 303, "{method} {path}");
    assert_eq!(answer.header("location"), Some("/sign-in"), "{method} {path}");
    assert!(!answer.body.contains("example.com"));
}

#[tokio::test]
async fn c4_no_change_is_taken_without_the_token_of_the_session() {
    let house = house().await;
    let mut admin = house.admin("en").await;
    admin.token = "0".repeat(32);
    let before = everything(&house).await;
    for (path, _, writes) in routes() {
        if writes {
            let path = filled(&path, &house.member_id);
            let answer = admin.post(&path, &[("typed", "member@example.com")]).await;
            assert_eq!(answer.status, 403, "POST {path}");
        }
    }
    assert_eq!(everything(&house).await, before);
}

#[tokio::test]
async fn every_page_is_there_in_both_languages_without_a_text_missing() {
    let house = house().await;
    for language in ["en", "fr"] {
        let admin = house.admin(language).await;
        for (path, reads, _) in routes() {
            if !reads || path == "/admin" {
                continue;
            }
            let path = filled(&path, &house.member_id);
            let answer = admin.get(&path).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(answer.body.len() < 100 << 10, "{path}: {}", answer.body.len());
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
            if path.ends_with(".csv") {
                continue;
            }
            assert!(
                answer.body.contains(&format!("<html lang=\"{language}\"")),
                "{path}"
            );
            // A text that is missing shows its id.
            for id in [">admin-", "\"admin-fault", " flash-", ">nav-"] {
                assert!(!answer.body.contains(id), "{path}: a text is missing");
            }
            assert_eq!(answer.body.matches("<h1").count(), 1, "{path}");
            assert!(!answer.body.contains(" style="), "{path}");
        }
    }
}
