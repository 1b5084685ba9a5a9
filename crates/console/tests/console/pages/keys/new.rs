//! Making a key: once, with the secret shown once, and every fault at its field.

use super::{ESCAPED, NASTY, path, site, view};
use crate::pages::{Answer, Browser, House};
use keyward_engine::{Actor, KeyFilter};

const NEW: &str = "/integrations/keys/new";

/// What the form holds when it is opened, with some fields filled in otherwise.
async fn filled<'f>(browser: &Browser, edits: &[(&'f str, &'f str)]) -> Vec<(&'f str, String)> {
    let claim = browser.get(NEW).await.value("claim").unwrap().to_owned();
    let mut fields = vec![("claim", claim)];
    let usual = [
        ("name", "nightly"),
        ("use-case", "rest-api"),
        ("expiry", "90"),
        ("sites-rule", "any"),
        ("addresses-rule", "any"),
    ];
    let is_edited = |name: &str| edits.iter().any(|(edited, _)| *edited == name);
    fields.retain(|(name, _)| !is_edited(name));
    fields.extend(
        usual
            .into_iter()
            .filter(|(name, _)| !is_edited(name))
            .map(|(name, text)| (name, text.to_owned())),
    );
    fields.extend(edits.iter().map(|(name, text)| (*name, (*text).to_owned())));
    fields
}

async fn sent(browser: &Browser, fields: &[(&str, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
    browser.post(NEW, &fields).await
}

pub(crate) async fn created(browser: &Browser, edits: &[(&str, &str)]) -> Answer {
    sent(browser, &filled(browser, edits).await).await
}

fn secret(answer: &Answer) -> String {
    let after = answer.body.split("id=\"secret\"").nth(1).unwrap();
    after.split(['>', '<']).nth(1).unwrap().to_owned()
}

/// The id of the key that an answer leads to.
fn id(answer: &Answer) -> String {
    let after = answer.body.split("href=\"/integrations/keys/0").nth(1).unwrap();
    format!("0{}", after.split('"').next().unwrap())
}

pub(super) async fn count(house: &House) -> u64 {
    let all = KeyFilter {
        status: Some("any".into()),
        ..KeyFilter::default()
    };
    house.engine.count_keys(&Actor::OPERATOR, &all).await.unwrap()
}

#[tokio::test]
async fn c1_k5_the_secret_is_in_the_answer_to_the_form_and_nowhere_else() {
    let house = House::start().await;
    for (language, once) in [("en", "shown this one time"), ("fr", "affiché que cette fois")] {
        let member = house.member(language).await;
        let fields = filled(&member, &[("name", NASTY)]).await;
        let answer = sent(&member, &fields).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(
            (answer.header("location"), answer.header("content-encoding")),
            (None, None)
        );
        assert_eq!(answer.header("set-cookie"), None);
        assert!(answer.body.contains(once) && answer.body.contains(ESCAPED));
        let (secret, id) = (secret(&answer), id(&answer));
        assert!(secret.starts_with("kw_") && !answer.head.contains(&secret));
        let view = view(&house, &id).await;
        assert_eq!(
            (view.key.name.as_str(), view.owner_email.as_str()),
            (NASTY, "member@example.com")
        );
        assert_eq!(view.key.expires_at, Some(house.clock_now().plus_days(90)));
        // A reload, a second tab, the way back, the key's pages, the history.
        let again = sent(&member, &fields).await;
        assert_eq!(again.status, 200);
        assert!(again.body.contains(&path(&id)) && !again.body.contains(&secret));
        for page in [
            NEW.into(),
            "/integrations/keys".into(),
            path(&id),
            format!("{}/edit", path(&id)),
        ] {
            assert!(!member.get(&page).await.body.contains(&secret), "{page}");
        }
    }
    assert_eq!(count(&house).await, 2);
}

#[tokio::test]
async fn a_form_that_is_sent_again_makes_no_second_key_even_later_or_at_once() {
    let house = House::start().await;
    let member = house.member("en").await;
    let fields = filled(&member, &[]).await;
    let answers = futures(&member, &fields).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 201)));
    house.clock.advance(3_600_000);
    assert_eq!(sent(&member, &fields).await.status, 200);
    assert_eq!(count(&house).await, 1);
    // The same claim for another wish is no repetition: it is asked about, and then goes through.
    let mut other = fields.clone();
    other[1].1 = "another".into();
    let asked = sent(&member, &other).await;
    assert_eq!(asked.status, 422);
    assert_eq!(asked.value("name"), Some("another"));
    assert!(asked.body.contains("has made a key already"));
    other[0].1 = asked.value("claim").unwrap().to_owned();
    assert_eq!(sent(&member, &other).await.status, 201);
    assert_eq!(count(&house).await, 2);
}

async fn futures(browser: &Browser, fields: &[(&str, String)]) -> Vec<Answer> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let browser = browser.clone();
        let fields: Vec<(String, String)> = fields
            .iter()
            .map(|(name, text)| ((*name).to_owned(), text.clone()))
            .collect();
        tasks.spawn(async move {
            let fields: Vec<(&str, &str)> = fields
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str()))
                .collect();
            browser.post(NEW, &fields).await
        });
    }
    tasks.join_all().await
}

#[tokio::test]
async fn calls_are_ready_to_paste_with_the_gateways_address_and_a_site_of_the_key() {
    let house = House::start().await;
    site(&house, "55").await;
    site(&house, "77").await;
    let admin = house.admin("en").await;
    let listed = [("use-case", "reports"), ("sites-rule", "listed"), ("sites", "77")];
    let answer = created(&admin, &listed).await;
    let secret = secret(&answer);
    let url = "https://api.example.com/api/77/reports/resource";
    assert_eq!(answer.body.matches(url).count(), 6, "{}", answer.body);
    // In the field, and once in each call.
    assert_eq!(answer.body.matches(&secret).count(), 7);
    for language in [">curl<", ">C#<", ">Python<", ">JavaScript<", ">PHP<", ">Go<"] {
        assert!(answer.body.contains(language), "{language}");
    }
    let answer = created(&admin, &[]).await;
    assert!(answer.body.contains("https://api.example.com/api/55/resource"));
    // A key that manages Keyward calls Keyward.
    let answer = created(&admin, &[("use-case", "management")]).await;
    assert!(
        answer
            .body
            .contains(&format!("http://{}/v1/me", house.console.address()))
    );
    assert!(!answer.body.contains("api.example.com"));
}

#[tokio::test]
async fn what_was_chosen_is_what_the_key_is() {
    let house = House::start().await;
    site(&house, "1").await;
    site(&house, "2").await;
    let admin = house.admin("en").await;
    let edits = [
        ("name", "  export  "),
        ("description", "first\r\nsecond"),
        ("owner", "Member@Example.com"),
        ("use-case", "reports"),
        ("expiry", "never"),
        ("sites-rule", "listed"),
        ("sites", "1"),
        ("sites", "2"),
        ("addresses-rule", "listed"),
        ("addresses", " 192.0.2.0/24 \r\n\r\n2001:db8::1"),
        ("limit", "60"),
    ];
    let view = view(&house, &id(&created(&admin, &edits).await)).await;
    let key = &view.key;
    assert_eq!(
        (key.name.as_str(), key.description.as_str()),
        ("export", "first\nsecond")
    );
    assert_eq!(
        (view.owner_email.as_str(), key.use_case.as_str()),
        ("member@example.com", "reports")
    );
    assert_eq!(
        (
            key.expires_at,
            key.limit.map(keyward_domain::RateLimit::per_minute)
        ),
        (None, Some(60))
    );
    let names: Vec<String> = view.sites.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["1", "2"]);
    let nets: Vec<String> = key
        .addresses
        .nets()
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(nets, ["192.0.2.0/24", "2001:db8::1/128"]);
}

#[tokio::test]
async fn a_date_is_a_day_of_the_persons_zone() {
    let house = House::start().await;
    let mut member = house.member("en").await;
    member.keep("keyward-zone", "America/New_York");
    let answer = created(&member, &[("expiry", "date"), ("expiry-date", "2100-07-01")]).await;
    let view = view(&house, &id(&answer)).await;
    assert_eq!(view.key.expires_at.unwrap().to_string(), "2100-07-01T04:00:00Z");
}

#[tokio::test]
async fn many_sites_are_named_line_by_line_and_the_page_stays_small() {
    let house = House::start().await;
    for number in 0..70 {
        site(&house, &format!("a-site-with-a-name-{number}")).await;
    }
    let admin = house.admin("fr").await;
    let form = admin.get(NEW).await;
    assert!(form.body.contains("name=\"site-names\"") && !form.body.contains("name=\"sites\""));
    let names = "a-site-with-a-name-5\r\n\r\na-site-with-a-name-69";
    let answer = created(&admin, &[("sites-rule", "listed"), ("site-names", names)]).await;
    let id = id(&answer);
    assert_eq!(view(&house, &id).await.sites.map(|sites| sites.len()), Some(2));
    let form = admin.get(&format!("{}/edit", path(&id))).await;
    assert!(
        form.body
            .contains(">a-site-with-a-name-5\na-site-with-a-name-69</textarea>")
    );
}

#[tokio::test]
async fn a1_a_member_makes_keys_for_themselves_alone() {
    let house = House::start().await;
    let member = house.member("en").await;
    let form = member.get(NEW).await;
    assert!(form.value("owner").is_none());
    let answer = created(&member, &[("owner", "admin@example.com")]).await;
    assert_eq!(answer.status, 403);
    assert_eq!(count(&house).await, 0);
}

#[tokio::test]
async fn cards_say_what_each_use_case_opens_and_that_it_is_final() {
    let house = House::start().await;
    for (language, texts) in [
        (
            "en",
            [
                "GET, HEAD /api/{site}/reports/**",
                "cannot be changed later",
                "everything in Keyward",
            ],
        ),
        (
            "fr",
            [
                "GET, HEAD /api/{site}/reports/**",
                "ne pourra pas être modifié",
                "Gère Keyward",
            ],
        ),
    ] {
        let member = house.member(language).await;
        let form = member.get(NEW).await;
        for text in texts {
            assert!(form.body.contains(text), "{text}");
        }
        assert!(form.body.contains("The &#60;b&#62;REST&#60;/b&#62; API"));
        // Where this person is, to be typed or added.
        assert!(form.body.contains("data-add=\"127.0.0.1\""));
    }
}
