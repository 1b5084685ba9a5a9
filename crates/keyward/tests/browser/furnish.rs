//! A house that people live in: users, sites, keys of every state, and requests.

use crate::pages::{ADA, POLL, status_at_gateway};
use keyward_testkit::{Keyward, WAIT_TIMEOUT};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const SITES: [&str; 5] = ["123", "456", "lyon", "berlin", "porto"];
/// Somebody whom the provider of identities knows too.
pub(crate) const GRACE: &str = "grace@example.com";
const PEOPLE: [(&str, &str); 3] = [
    (GRACE, "Grace Hopper"),
    ("alan@example.com", "Alan Turing"),
    ("katherine@example.com", "Katherine Johnson"),
];

/// What the walk goes to.
pub(crate) struct Furnished {
    pub(crate) busy: String,
    pub(crate) disabled: String,
    pub(crate) deleted: String,
    pub(crate) expired: String,
    /// On, and refused all the same, for its owner is disabled.
    pub(crate) refused: String,
    /// The id of [`GRACE`].
    pub(crate) grace: String,
    /// Somebody who has not followed their invitation.
    pub(crate) invited: String,
    /// The path of that invitation.
    pub(crate) invitation: String,
}

struct Keys<'a> {
    keyward: &'a Keyward,
    secret: String,
}

/// Furnishes, as the administrator does with a management key.
pub(crate) async fn furnish(keyward: &Keyward) -> Furnished {
    let arguments = ["keys", "create", "--owner", ADA, "--name", "Deployment", "--json"];
    let arguments = [
        &arguments[..],
        &["--use-case", "management", "--expires-at", "2031-01-01T00:00:00Z"],
    ]
    .concat();
    let made = keyward.cli_ok(&arguments).await.json();
    let keys = Keys {
        keyward,
        secret: text(&made, "secret"),
    };
    keys.are_known().await;
    for site in SITES {
        keys.post("/v1/sites", json!({ "name": site })).await;
    }
    let [grace, _, invited] = keys.people().await;
    let link = keyward.cli_ok(&["users", "link", PEOPLE[2].0]).await.stdout;
    let link = link.split_whitespace().find(|word| word.contains("/link/"));
    let invitation = link
        .unwrap()
        .find("/link/")
        .map(|at| link.unwrap()[at..].to_owned());
    let busy = keys.of_every_state().await;
    Furnished {
        grace,
        invited,
        invitation: invitation.unwrap(),
        ..busy
    }
}

impl Keys<'_> {
    /// What the command line has made is in force about a second later.
    async fn are_known(&self) {
        let end = Instant::now() + WAIT_TIMEOUT;
        while self
            .keyward
            .api_as(&self.secret, "GET", "/v1/me", &Value::Null)
            .await
            .status
            != 200
        {
            assert!(Instant::now() < end, "the management key never works");
            sleep(POLL).await;
        }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let answer = self.keyward.api_as(&self.secret, "POST", path, &body).await;
        assert!(
            (200..300).contains(&answer.status),
            "POST {path} {body}: {answer:#?}"
        );
        answer.json
    }

    /// The ids of those who move in.
    async fn people(&self) -> [String; 3] {
        let mut ids = PEOPLE.map(|_| String::new());
        for ((email, name), id) in PEOPLE.iter().zip(&mut ids) {
            let somebody = json!({ "email": email, "name": name, "role": "member" });
            *id = text(&self.post("/v1/users", somebody).await, "id");
        }
        ids
    }

    async fn key(&self, owner: &str, name: &str, more: Value) -> Value {
        let mut body = json!({ "owner": owner, "name": name, "use_case": "rest-api" });
        let (fields, more) = (body.as_object_mut().unwrap(), more.as_object().unwrap().clone());
        fields.extend(more);
        self.post("/v1/keys", body).await
    }

    async fn of_every_state(&self) -> Furnished {
        let [grace, alan, katherine] = PEOPLE.map(|(email, _)| email);
        let shop = json!({ "sites": { "only": ["lyon", "porto"] }, "addresses": { "only": ["127.0.0.0/8", "2001:db8::/48"] }, "limit": { "per_minute": 40 },
            "expires_at": { "at": "2031-06-30T00:00:00Z" }, "description": "Orders and stock of the web shop.\nRun by the shop team." });
        let busy = self.key(ADA, "Web shop", shop).await;
        let (soon, at_once) = (later(11 * 24 * 3600), later(2));
        let expired = self
            .key(
                alan,
                "Trade fair 2026",
                json!({ "expires_at": { "at": at_once } }),
            )
            .await;
        self.key(
            grace,
            "Billing export",
            json!({ "use_case": "reports", "sites": { "only": ["123"] }, "limit": { "per_minute": 60 } }),
        )
        .await;
        self.key(
            grace,
            "Warehouse scanner",
            json!({ "addresses": { "only": ["198.51.100.7"] }, "limit": { "per_minute": 1200 } }),
        )
        .await;
        self.key(
            alan,
            "Nightly backup",
            json!({ "expires_at": { "at": soon }, "addresses": { "only": ["203.0.113.0/24"] } }),
        )
        .await;
        self.key(
            alan,
            "Partner portal",
            json!({ "sites": { "only": ["berlin", "456"] } }),
        )
        .await;
        self.key(
            katherine,
            "Monthly report of all the sites for the board and the auditors",
            json!({ "use_case": "reports" }),
        )
        .await;
        self.key(
            ADA,
            "Caisse n° 4, Besançon",
            json!({ "expires_at": { "at": "2030-01-31T00:00:00Z" } }),
        )
        .await;
        self.key(ADA, "<script>alert(1)</script>", json!({})).await;
        let disabled = self
            .key(
                grace,
                "Mobile app, version 1",
                json!({ "limit": { "per_minute": 6000 } }),
            )
            .await;
        let deleted = self.key(katherine, "Old importer", json!({})).await;
        let refused = self.of_somebody_disabled().await;
        self.use_it(&busy).await;
        let (disabled, deleted) = (text(&disabled, "id"), text(&deleted, "id"));
        self.post(&format!("/v1/keys/{disabled}/disable"), Value::Null)
            .await;
        let path = format!("/v1/keys/{deleted}");
        assert_eq!(
            self.keyward
                .api_as(&self.secret, "DELETE", &path, &Value::Null)
                .await
                .status
                / 100,
            2
        );
        Furnished {
            busy: text(&busy, "id"),
            disabled,
            deleted,
            expired: text(&expired, "id"),
            refused,
            grace: String::new(),
            invited: String::new(),
            invitation: String::new(),
        }
    }

    async fn of_somebody_disabled(&self) -> String {
        let charles = json!({ "email": "charles@example.com", "name": "Charles Babbage", "role": "member" });
        let charles = self.post("/v1/users", charles).await;
        let key = self.key("charles@example.com", "Label printer", json!({})).await;
        let path = format!("/v1/users/{}/disable", text(&charles, "id"));
        self.post(&path, Value::Null).await;
        text(&key, "id")
    }

    /// Some requests are granted, some go to another site, some are over the limit.
    async fn use_it(&self, key: &Value) {
        let secret = text(key, "secret");
        for place in 0..60 {
            let site = if place % 6 == 5 { "123" } else { "lyon" };
            status_at_gateway(self.keyward, &format!("/api/{site}/orders/{place}"), &secret).await;
        }
    }
}

fn text(json: &Value, field: &str) -> String {
    json[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {json}"))
        .to_owned()
}

/// An instant so many seconds from now.
fn later(seconds: i64) -> String {
    (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds)).to_string()
}
