//! Users: invite, edit, enable, disable, delete.

use crate::support::{Answer, Browser, House, visitor};
use keyward_domain::{Role, UserStatus};
use keyward_engine::{Actor, UserView};

const NASTY: &str = "<script>alert(1)</script>\"'&";
const ESCAPED: &str = "&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#39;&#38;";

async fn user(house: &House, id: &str) -> UserView {
    house.engine.get_user(&Actor::OPERATOR, id).await.unwrap()
}

async fn edited(house: &House, admin: &Browser, fields: &[(&str, &str)]) -> Answer {
    let path = format!("/admin/users/{}", house.member_id);
    let revision = user(house, &house.member_id).await.user.revision.0.to_string();
    let mut all = vec![("revision", revision.as_str())];
    all.extend_from_slice(fields);
    admin.post(&path, &all).await
}

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
    for page in ["", "/disable", "/delete", "/link", "/factor"] {
        bodies.push(admin.get(&format!("/admin/users/{id}{page}")).await.body);
    }
    bodies.push(admin.get("/admin/users").await.body);
    bodies.push(admin.get("/admin/audit").await.body);
    for body in bodies {
        assert!(!body.contains("<script>alert"), "{body}");
        assert!(body.contains(ESCAPED), "{body}");
    }
    let query = format!("/admin/users?q={}", crate::support::encoded(NASTY));
    assert!(admin.get(&query).await.body.contains(ESCAPED));
}

#[tokio::test]
async fn k7_a_name_cannot_turn_the_sentence_round_that_it_stands_in() {
    let house = House::start().await;
    let (id, _) = house.join("rtl@example.com", "\u{202e}evil").await;
    let admin = house.admin("en").await;
    for page in ["disable", "delete", "link", "factor"] {
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

#[tokio::test]
async fn a_user_is_edited_from_the_state_that_was_seen() {
    for (language, said, stale) in [
        ("en", "The user is saved", "Somebody else has changed"),
        (
            "fr",
            "L’utilisateur est enregistré",
            "Quelqu’un d’autre a modifié",
        ),
    ] {
        let house = House::start().await;
        house
            .engine
            .create_site(&Actor::OPERATOR, "123", None)
            .await
            .unwrap();
        let mut admin = house.admin(language).await;
        let path = format!("/admin/users/{}", house.member_id);
        let seen = admin.get(&path).await;
        let revision = seen.value("revision").unwrap().to_owned();
        let fields = [
            ("revision", revision.as_str()),
            ("name", "Grace H."),
            ("role", "admin"),
            ("reach", "listed"),
            ("sites", "123"),
        ];
        let answer = admin.post(&path, &fields).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(path.as_str()))
        );
        let view = user(&house, &house.member_id).await;
        assert_eq!(
            (view.user.name.as_str(), view.user.role),
            ("Grace H.", Role::Admin)
        );
        assert_eq!(view.sites.map(|sites| sites.len()), Some(1));
        admin.cookies += "; keyward-flash=flash-admin-user-saved";
        assert!(admin.get(&path).await.body.contains(said));

        // The same form again comes from a state that is no more.
        let fields = [
            ("revision", revision.as_str()),
            ("name", "Mine"),
            ("role", "member"),
            ("reach", "all"),
        ];
        let answer = admin.post(&path, &fields).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(stale));
        assert_eq!(answer.value("name"), Some("Mine"));
        assert_eq!(
            user(&house, &house.member_id).await.user.name.as_str(),
            "Grace H."
        );
        // Whoever saves again has seen what is there now.
        let now = answer.value("revision").unwrap().to_owned();
        let fields = [
            ("revision", now.as_str()),
            ("name", "Mine"),
            ("role", "member"),
            ("reach", "all"),
        ];
        assert_eq!(admin.post(&path, &fields).await.status, 303);
        assert_eq!(user(&house, &house.member_id).await.user.name.as_str(), "Mine");
    }
}

#[tokio::test]
async fn errors_of_an_edit_stand_at_their_fields_and_change_nothing() {
    let house = House::start().await;
    let admin = house.admin("fr").await;
    let before = user(&house, &house.member_id).await;
    let fields = [
        ("name", " "),
        ("role", "queen"),
        ("reach", "listed"),
        ("sites", "nowhere"),
    ];
    let answer = edited(&house, &admin, &fields).await;
    assert_eq!(answer.status, 422);
    assert!(answer.fault("name").unwrap().starts_with("Indiquez un nom"));
    assert!(answer.fault("role").unwrap().starts_with("Choisissez l’un"));
    assert!(
        answer
            .fault("sites")
            .unwrap()
            .starts_with("Choisissez tous les sites")
    );
    assert_eq!(answer.summary(), ["name", "role", "sites"]);
    // A form without a revision has seen nothing.
    let path = format!("/admin/users/{}", house.member_id);
    let fields = [("name", "x"), ("role", "member"), ("reach", "all")];
    assert_eq!(admin.post(&path, &fields).await.status, 422);
    assert_eq!(user(&house, &house.member_id).await.user, before.user);

    // No choice of sites is not the choice of every site.
    let answer = edited(&house, &admin, &[("name", "x"), ("role", "member")]).await;
    assert_eq!(answer.status, 422);
    assert!(answer.fault("sites").is_some());

    let path = format!("/admin/users/{}", house.admin_id);
    let revision = user(&house, &house.admin_id).await.user.revision.0.to_string();
    let fields = [
        ("revision", revision.as_str()),
        ("name", "Ada"),
        ("role", "member"),
        ("reach", "all"),
    ];
    let answer = admin.post(&path, &fields).await;
    assert_eq!(answer.status, 422);
    assert!(answer.fault("role").unwrap().contains("dernier administrateur"));
}

#[tokio::test]
async fn r7_who_is_disabled_is_signed_out_until_they_are_enabled() {
    for (language, what, said) in [
        ("en", "What happens", "flash-admin-user-disabled"),
        ("fr", "Ce qui va se passer", "flash-admin-user-disabled"),
    ] {
        let house = House::start().await;
        let admin = house.admin(language).await;
        let path = format!("/admin/users/{}", house.member_id);
        let question = admin.get(&format!("{path}/disable")).await;
        assert!(question.body.contains(what) && question.body.contains("401"));
        let answer = admin.post(&format!("{path}/disable"), &[]).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(path.as_str()))
        );
        assert!(answer.head.contains(said));
        assert_eq!(
            user(&house, &house.member_id).await.user.status,
            UserStatus::Disabled
        );
        let member = house.member(language).await;
        assert_eq!(
            member.get("/integrations").await.header("location"),
            Some("/sign-in")
        );
        let answer = admin.post(&format!("{path}/enable"), &[]).await;
        assert_eq!(answer.status, 303);
        assert!(user(&house, &house.member_id).await.user.is_valid());
    }
}

#[tokio::test]
async fn the_last_administrator_is_neither_disabled_nor_deleted() {
    let house = House::start().await;
    for (language, text) in [
        ("en", "last active administrator"),
        ("fr", "dernier administrateur actif"),
    ] {
        let admin = house.admin(language).await;
        let path = format!("/admin/users/{}", house.admin_id);
        for (action, fields) in [
            ("disable", vec![]),
            ("delete", vec![("typed", "admin@example.com")]),
        ] {
            let answer = admin.post(&format!("{path}/{action}"), &fields).await;
            assert_eq!(answer.status, 422, "{action}");
            assert!(answer.body.contains(text), "{action}");
        }
    }
    assert!(user(&house, &house.admin_id).await.user.is_valid());
}

#[tokio::test]
async fn a_user_is_deleted_once_their_address_is_typed() {
    for (language, wrong) in [("en", "That is not the e-mail"), ("fr", "Ce n’est pas l’adresse")] {
        let house = House::start().await;
        let admin = house.admin(language).await;
        let path = format!("/admin/users/{}", house.member_id);
        let answer = admin
            .post(&format!("{path}/delete"), &[("typed", "other@example.com")])
            .await;
        assert_eq!(answer.status, 422);
        assert!(answer.fault("typed").unwrap().starts_with(wrong));
        assert_eq!(answer.value("typed"), Some("other@example.com"));
        assert!(user(&house, &house.member_id).await.user.is_valid());

        let answer = admin
            .post(&format!("{path}/delete"), &[("typed", " Member@example.com")])
            .await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some("/admin/users"))
        );
        assert!(
            !admin
                .get("/admin/users")
                .await
                .body
                .contains("member@example.com")
        );
        assert!(
            admin
                .get("/admin/users?deleted=1")
                .await
                .body
                .contains("member@example.com")
        );
        // What is left of them can be looked at, and no more.
        let page = admin.get(&path).await;
        assert_eq!(page.status, 200);
        assert!(!page.body.contains(&format!("action=\"{path}\"")));
    }
}

#[tokio::test]
async fn a_link_for_a_new_password_is_shown_once() {
    let house = House::start().await;
    for (language, title) in [
        ("en", "A link for \u{2068}Grace\u{2069}"),
        ("fr", "Un lien pour \u{2068}Grace\u{2069}"),
    ] {
        let admin = house.admin(language).await;
        let answer = admin
            .post(&format!("/admin/users/{}/link", house.member_id), &[])
            .await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(title));
        let token = answer
            .body
            .split("/link/")
            .find_map(|rest| rest.split('<').next().filter(|t| t.starts_with("reset_")));
        let found = house.engine.find_link(token.unwrap()).await.unwrap().unwrap();
        assert_eq!(found.user.id.to_string(), house.member_id);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
}

#[tokio::test]
async fn a_second_factor_is_reset_where_there_is_one() {
    let house = House::start().await;
    let path = format!("/admin/users/{}/factor", house.member_id);
    for (language, none) in [
        ("en", "has no second factor"),
        ("fr", "n’a pas de second facteur"),
    ] {
        let admin = house.admin(language).await;
        let answer = admin.post(&path, &[]).await;
        assert_eq!(answer.status, 422);
        assert!(answer.body.contains(none));
    }
    let member = house
        .engine
        .find_session(&house.member_session, &visitor())
        .await
        .unwrap()
        .unwrap();
    let factor = house.engine.begin_second_factor(&member).await.unwrap();
    let totp = totp_rs::Totp::from_url(&factor.uri).unwrap();
    let now = keyward_engine::Clock::now(&*house.clock).seconds();
    let code = totp.generate(u64::try_from(now).unwrap()).to_string();
    let confirmed = house
        .engine
        .confirm_second_factor(&member, &code, &visitor())
        .await;
    let Ok((member, _)) = confirmed else {
        panic!("the code is not taken")
    };

    let admin = house.admin("en").await;
    let answer = admin.post(&path, &[]).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let again = house
        .engine
        .find_session(member.token.reveal(), &visitor())
        .await
        .unwrap();
    assert!(again.is_none(), "sessions of before go on");
}

#[tokio::test]
async fn who_gives_up_administration_is_led_out_of_it() {
    let house = House::start().await;
    let admin = house.admin("en").await;
    assert_eq!(
        edited(
            &house,
            &admin,
            &[("name", "G"), ("role", "admin"), ("reach", "all")]
        )
        .await
        .status,
        303
    );
    let path = format!("/admin/users/{}", house.admin_id);
    let revision = user(&house, &house.admin_id).await.user.revision.0.to_string();
    let fields = [
        ("revision", revision.as_str()),
        ("name", "Ada"),
        ("role", "member"),
        ("reach", "all"),
    ];
    let answer = admin.post(&path, &fields).await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/")));
    // Another role is another session; and the new one sees nothing here.
    assert_eq!(admin.get(&path).await.header("location"), Some("/sign-in"));
}

#[tokio::test]
async fn users_are_found_and_come_page_by_page() {
    let house = House::start().await;
    for number in 0..60 {
        house
            .join(&format!("u{number}@example.com"), &format!("User {number:02}"))
            .await;
    }
    let admin = house.admin("en").await;
    let first = admin.get("/admin/users").await;
    assert_eq!(first.body.matches("<tr>").count(), 51);
    let next = first.body.split("rel=\"next\"").next().unwrap();
    let next = next.rsplit("href=\"").next().unwrap().split('"').next().unwrap();
    let second = admin.get(&next.replace("&#38;", "&")).await;
    assert_eq!(second.body.matches("<tr>").count(), 13);
    assert!(second.body.contains("First page"));
    let found = admin.get("/admin/users?q=User+07").await;
    assert_eq!(found.body.matches("<tr>").count(), 2);
    assert!(
        admin
            .get("/admin/users?q=nobody-at-all")
            .await
            .body
            .contains("Nobody found")
    );
    assert_eq!(admin.get("/admin/users?cursor=zzz").await.status, 422);
    assert_eq!(admin.get("/admin/users/no-such-user").await.status, 404);
}
