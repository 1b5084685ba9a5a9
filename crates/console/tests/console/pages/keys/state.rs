//! Enable, disable, delete, restore: with plain words first, and never by accident.

use super::{key, path, view};
use crate::pages::House;
use keyward_domain::RESTORE_DAYS;
use keyward_engine::Actor;

#[tokio::test]
async fn a_key_is_disabled_after_plain_words_and_enabled_again() {
    let house = House::start().await;
    for (language, words, done) in [
        (
            "en",
            "enable the key again at any time",
            "The key is disabled; new requests",
        ),
        (
            "fr",
            "réactiver la clé à tout moment",
            "La clé est désactivée\u{a0}; les nouvelles",
        ),
    ] {
        let (id, _) = key(&house, "member@example.com", |_| {}).await;
        let mut member = house.member(language).await;
        let page = member.get(&format!("{}/disable", path(&id))).await;
        assert!(page.status == 200 && page.body.contains(words), "{}", page.body);
        assert_eq!(view(&house, &id).await.state, "active");
        let answer = member.post(&format!("{}/disable", path(&id)), &[]).await;
        assert_eq!(
            (answer.status, answer.header("location")),
            (303, Some(path(&id).as_str()))
        );
        assert_eq!(view(&house, &id).await.state, "disabled");
        member.keep("keyward-flash", "flash-key-disabled");
        let shown = member.get(&path(&id)).await;
        assert!(shown.body.contains(done) && shown.body.contains(&format!("{}/enable", path(&id))));
        let answer = member.post(&format!("{}/enable", path(&id)), &[]).await;
        assert_eq!(answer.status, 303);
        assert_eq!(view(&house, &id).await.state, "active");
    }
}

#[tokio::test]
async fn a_key_is_deleted_by_its_name_and_restored_from_the_list() {
    let house = House::start().await;
    for (language, fault) in [("en", "That is not the name"), ("fr", "Ce n’est pas le nom")] {
        let (id, _) = key(&house, "member@example.com", |draft| {
            draft.name = "to be \"deleted\"".into();
        })
        .await;
        let member = house.member(language).await;
        let delete = format!("{}/delete", path(&id));
        assert_eq!(member.get(&delete).await.status, 200);
        for wrong in ["", "to be", "TO BE \"DELETED\""] {
            let answer = member.post(&delete, &[("name", wrong)]).await;
            assert_eq!(answer.status, 422);
            assert!(answer.fault("name").unwrap().starts_with(fault));
        }
        assert_eq!(view(&house, &id).await.state, "active");
        let answer = member.post(&delete, &[("name", " to be \"deleted\" ")]).await;
        assert_eq!(answer.status, 303);
        assert_eq!(view(&house, &id).await.state, "deleted");
        assert!(!member.get("/integrations/keys").await.body.contains(&path(&id)));
        let shown = member.get(&path(&id)).await;
        assert!(shown.body.contains(&format!("{}/restore", path(&id))));
        assert!(!shown.body.contains(&format!("{}/edit", path(&id))));
        // What a deleted key does not allow leads back to it.
        for step in ["edit", "disable", "delete"] {
            let answer = member.get(&format!("{}/{step}", path(&id))).await;
            assert_eq!(
                (answer.status, answer.header("location")),
                (303, Some(path(&id).as_str()))
            );
        }
        let answer = member.post(&format!("{}/enable", path(&id)), &[]).await;
        assert!(
            answer
                .header("set-cookie")
                .unwrap()
                .contains("flash-key-conflict")
        );
        assert_eq!(view(&house, &id).await.state, "deleted");
        let answer = member.post(&format!("{}/restore", path(&id)), &[]).await;
        assert!(
            answer
                .header("set-cookie")
                .unwrap()
                .contains("flash-key-restored")
        );
        assert_eq!(view(&house, &id).await.state, "active");
    }
}

#[tokio::test]
async fn a_long_name_without_a_blank_stands_where_it_is_broken() {
    let house = House::start().await;
    let name = "n".repeat(64);
    let (id, _) = key(&house, "member@example.com", |draft| draft.name.clone_from(&name)).await;
    let member = house.member("en").await;
    for step in ["edit", "disable", "delete"] {
        let page = member.get(&format!("{}/{step}", path(&id))).await;
        let tags = page.body.split('<').filter(|tag| tag.contains(&name));
        for tag in tags.filter(|tag| !tag.starts_with("input")) {
            assert!(tag.contains("class=\"key-"), "{step}: {tag}");
        }
    }
}

#[tokio::test]
async fn a10_a_key_is_not_restored_after_thirty_days() {
    let house = House::start().await;
    let (id, _) = key(&house, "member@example.com", |_| {}).await;
    house
        .engine
        .delete_key(&Actor::OPERATOR, &id, None)
        .await
        .unwrap();
    house.clock.advance(RESTORE_DAYS * 86_400_000);
    let (_, session) = house.join("late@example.com", "Late").await;
    let late = house.browser(&session, "en").await;
    assert_eq!(
        late.post(&format!("{}/restore", path(&id)), &[]).await.status,
        404
    );
    assert_eq!(view(&house, &id).await.state, "deleted");
}
