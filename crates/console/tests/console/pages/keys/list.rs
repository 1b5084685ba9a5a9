//! The list: search, filters, orders, pages, and who sees what.

use super::{ESCAPED, NASTY, key, path, people, site};
use crate::pages::{Answer, House};
use keyward_domain::Timestamp;
use keyward_engine::{Actor, ExpiryDraft, LimitDraft, RestrictionDraft};

fn position(answer: &Answer, text: &str) -> usize {
    answer.body.find(text).unwrap_or_else(|| panic!("no {text}"))
}

#[tokio::test]
async fn an_empty_list_says_what_to_do_and_an_empty_result_how_to_see_more() {
    let house = House::start().await;
    for (language, none, nothing) in [
        ("en", "No API keys yet", "No key fits"),
        (
            "fr",
            "Aucune clé d’API pour l’instant",
            "Aucune clé ne correspond",
        ),
    ] {
        for browser in people(&house, language).await {
            let answer = browser.get("/integrations/keys").await;
            assert_eq!(answer.status, 200);
            assert!(answer.body.contains(none) && answer.body.contains("href=\"/integrations/keys/new\""));
            let answer = browser.get("/integrations/keys?q=nowhere").await;
            assert!(answer.body.contains(nothing) && !answer.body.contains(none));
        }
    }
}

#[tokio::test]
async fn a7_a_name_is_shown_as_text_and_the_secret_and_fingerprint_never() {
    let house = House::start().await;
    let (id, secret) = key(&house, "member@example.com", |draft| draft.name = NASTY.into()).await;
    let key = super::view(&house, &id).await.key;
    let hint = key.hint.as_str();
    let fingerprint = key.fingerprint.as_bytes().iter();
    let fingerprint: String = fingerprint.map(|byte| format!("{byte:02x}")).collect();
    for browser in people(&house, "en").await {
        let answer = browser.get("/integrations/keys").await;
        assert!(answer.body.contains(ESCAPED) && !answer.body.contains("<script>alert"));
        assert!(answer.body.contains(hint) && !answer.body.contains(&secret));
        assert!(!answer.body.to_lowercase().contains(&fingerprint));
        assert!(answer.body.contains(&path(&id)));
    }
}

#[tokio::test]
async fn a2_members_see_their_own_keys_whatever_they_filter_by() {
    let house = House::start().await;
    key(&house, "admin@example.com", |draft| {
        draft.name = "of the admin".into();
    })
    .await;
    key(&house, "member@example.com", |draft| {
        draft.name = "of the member".into();
    })
    .await;
    let [admin, member] = people(&house, "en").await;
    let all = admin.get("/integrations/keys").await;
    assert!(all.body.contains("of the admin") && all.body.contains("of the member"));
    for query in [
        "",
        "?status=any",
        "?q=of",
        "?q=admin@",
        "?owner=admin@example.com",
        "?sort=name&page=7",
    ] {
        let answer = member.get(&format!("/integrations/keys{query}")).await;
        assert!(!answer.body.contains("of the admin"), "{query}");
    }
    // Somebody else is, to a member, the same as nobody.
    let other = member.get("/integrations/keys?owner=admin@example.com").await;
    let nobody = member.get("/integrations/keys?owner=nobody@example.com").await;
    assert_eq!((other.status, nobody.status), (422, 422));
    assert_eq!(
        other.body.replace("admin@example.com", "X"),
        nobody.body.replace("nobody@example.com", "X")
    );
}

#[tokio::test]
async fn filters_find_what_they_say_and_stay_filled_in() {
    let house = House::start().await;
    site(&house, "123").await;
    key(&house, "member@example.com", |draft| {
        draft.name = "plain".into();
        draft.description = Some("nightly export".into());
    })
    .await;
    let (off, _) = key(&house, "admin@example.com", |draft| {
        draft.name = "narrow".into();
        draft.sites = RestrictionDraft::Only(vec!["123".into()]);
        draft.use_case = Some("reports".into());
        draft.expires_at = ExpiryDraft::At(house.clock_now().plus_days(10).to_string());
    })
    .await;
    house
        .engine
        .disable_key(&Actor::OPERATOR, &off, None)
        .await
        .unwrap();
    let (gone, _) = key(&house, "admin@example.com", |draft| draft.name = "removed".into()).await;
    house
        .engine
        .delete_key(&Actor::OPERATOR, &gone, None)
        .await
        .unwrap();
    let admin = house.admin("en").await;
    for (query, found) in [
        ("", &["plain", "narrow"][..]),
        ("q=NIGHTLY", &["plain"]),
        ("q=member%40", &["plain"]),
        ("status=disabled", &["narrow"]),
        ("status=active", &["plain"]),
        ("status=deleted", &["removed"]),
        ("status=any", &["plain", "narrow", "removed"]),
        ("use_case=reports", &["narrow"]),
        ("site=123", &["narrow"]),
        ("owner=member@example.com", &["plain"]),
        ("owner=MEMBER", &["plain"]),
        ("owner=gr%C3%A2ce", &["plain"]),
        ("q=n%C3%AEghtly", &["plain"]),
        ("mark=no_expiry", &["plain"]),
        ("q=plain&status=disabled", &[]),
        ("q=&status=&site=", &["plain", "narrow"]),
        ("sort=evil&page=-3&%zz", &["plain", "narrow"]),
    ] {
        let answer = admin.get(&format!("/integrations/keys?{query}")).await;
        assert_eq!(answer.status, 200, "{query}");
        for name in ["plain", "narrow", "removed"] {
            let shown = answer.body.contains(&format!(">{name}</a>"));
            assert_eq!(shown, found.contains(&name), "{query}: {name}");
        }
    }
    let answer = admin.get("/integrations/keys?q=x%22y&status=disabled").await;
    assert_eq!(answer.value("q"), Some("x&#34;y"));
    assert!(answer.body.contains("<option value=\"disabled\" selected>"));
    let deleted = admin.get("/integrations/keys?status=deleted").await;
    assert!(
        deleted
            .body
            .contains(&format!("action=\"{}/restore\"", path(&gone)))
    );
}

#[tokio::test]
async fn columns_order_the_list_and_say_so() {
    let house = House::start().await;
    for (name, days) in [("beta", 9), ("alpha", 30), ("gamma", 2)] {
        let at = house.clock_now().plus_days(days).to_string();
        key(&house, "member@example.com", |draft| {
            draft.name = name.into();
            draft.expires_at = ExpiryDraft::At(at);
        })
        .await;
    }
    let member = house.member("en").await;
    for (sort, order, said) in [
        ("", ["gamma", "alpha", "beta"], "descending"),
        ("created", ["beta", "alpha", "gamma"], "ascending"),
        ("name", ["alpha", "beta", "gamma"], "ascending"),
        ("-name", ["gamma", "beta", "alpha"], "descending"),
        ("expires", ["gamma", "beta", "alpha"], "ascending"),
    ] {
        let answer = member.get(&format!("/integrations/keys?sort={sort}")).await;
        let places = order.map(|name| position(&answer, &format!(">{name}</a>")));
        assert!(places.is_sorted(), "{sort}: {places:?}");
        assert!(answer.body.contains(&format!("aria-sort=\"{said}\"")), "{sort}");
        assert_eq!(answer.body.matches("aria-sort=").count(), 1);
    }
}

#[tokio::test]
async fn a_long_list_has_pages_of_fifty_under_a_hundred_kibibytes() {
    let house = House::start().await;
    let until = Timestamp::from_millis(house.clock_now().millis())
        .plus_days(20)
        .to_string();
    for number in 0..123 {
        key(&house, "admin@example.com", |draft| {
            draft.name = format!("key number {number:03} of a program with a rather long name <&>");
            draft.addresses = RestrictionDraft::Only(vec![
                "2001:db8:1234:5678::/64".into(),
                "192.0.2.0/24".into(),
                "::1".into(),
            ]);
            draft.expires_at = ExpiryDraft::At(until.clone());
            draft.limit = LimitDraft::PerMinute(1000);
        })
        .await;
    }
    let admin = house.admin("fr").await;
    let first = admin.get("/integrations/keys?q=program").await;
    assert!(first.body.contains("1–50 sur 123"), "{}", first.body);
    assert!(first.body.contains("key number 122") && !first.body.contains("key number 072"));
    assert!(
        first
            .body
            .contains("rel=\"next\" href=\"/integrations/keys?q=program&#38;page=2\"")
    );
    assert!(!first.body.contains("rel=\"prev\""));
    assert!(first.body.len() < 100 << 10, "{}", first.body.len());
    let last = admin.get("/integrations/keys?q=program&page=3").await;
    assert!(last.body.contains("101–123 sur 123") && !last.body.contains("rel=\"next\""));
    // Beyond the end is the end.
    let beyond = admin.get("/integrations/keys?q=program&page=99").await;
    assert!(beyond.body.contains("101–123 sur 123"));
}
