//! The management API and the shortcuts that make users, sites and keys.

use super::{CliOutput, Keyward};
use crate::{RawClient, request};
use serde_json::{Value, json};

/// An answer of the management API.
#[derive(Clone, Debug)]
pub struct ApiAnswer {
    /// Status code.
    pub status: u16,
    /// Names as sent and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body; null when there is none or it is no JSON.
    pub json: Value,
}

/// A key that was made.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Id.
    pub id: String,
    /// What a client sends in `X-API-KEY`.
    pub secret: String,
    /// The whole answer.
    pub json: Value,
}

/// A key to make; what is `None` is left to Keyward.
#[derive(Clone, Debug, Default)]
pub struct KeySpec {
    /// Id or e-mail of the owner.
    pub owner: String,
    /// Name.
    pub name: String,
    /// Use case.
    pub use_case: Option<String>,
    /// Sites; empty is no site.
    pub sites: Option<Vec<String>>,
    /// Client addresses as CIDR; empty is no address.
    pub addresses: Option<Vec<String>>,
    /// Requests per minute.
    pub limit: Option<u64>,
    /// End of validity, RFC 3339.
    pub expires_at: Option<String>,
    /// Description.
    pub description: Option<String>,
}

impl KeySpec {
    /// A key without restrictions.
    pub fn new(owner: &str, name: &str) -> Self {
        Self {
            owner: owner.to_owned(),
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// For this use case.
    #[must_use]
    pub fn use_case(self, use_case: &str) -> Self {
        Self {
            use_case: Some(use_case.to_owned()),
            ..self
        }
    }

    /// For these sites only.
    #[must_use]
    pub fn sites(self, sites: &[&str]) -> Self {
        Self {
            sites: Some(owned(sites)),
            ..self
        }
    }

    /// For these client addresses only.
    #[must_use]
    pub fn addresses(self, addresses: &[&str]) -> Self {
        Self {
            addresses: Some(owned(addresses)),
            ..self
        }
    }

    /// For so many requests per minute.
    #[must_use]
    pub fn limit(self, limit: u64) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// Valid until this instant, RFC 3339.
    #[must_use]
    pub fn expires_at(self, instant: &str) -> Self {
        Self {
            expires_at: Some(instant.to_owned()),
            ..self
        }
    }

    /// With this description.
    #[must_use]
    pub fn description(self, text: &str) -> Self {
        Self {
            description: Some(text.to_owned()),
            ..self
        }
    }

    fn to_json(&self) -> Value {
        let only = |list: &Option<Vec<String>>| list.as_ref().map(|list| json!({ "only": list }));
        let fields = json!({
            "owner": self.owner,
            "name": self.name,
            "use_case": self.use_case,
            "sites": only(&self.sites),
            "addresses": only(&self.addresses),
            "limit": self.limit.map(|limit| json!({ "per_minute": limit })),
            "expires_at": self.expires_at.as_ref().map(|at| json!({ "at": at })),
            "description": self.description,
        });
        without_nulls(fields)
    }

    fn to_arguments(&self) -> Vec<String> {
        let mut arguments = owned(&[
            "keys",
            "create",
            "--owner",
            &self.owner,
            "--name",
            &self.name,
            "--json",
        ]);
        let limit = self.limit.map(|limit| limit.to_string());
        let single = [
            ("--use-case", &self.use_case),
            ("--limit", &limit),
            ("--expires-at", &self.expires_at),
            ("--description", &self.description),
        ];
        for (option, value) in single {
            if let Some(value) = value {
                arguments.extend([option.to_owned(), value.clone()]);
            }
        }
        for (option, none, values) in [
            ("--site", "--no-sites", &self.sites),
            ("--address", "--no-addresses", &self.addresses),
        ] {
            match values.as_deref() {
                None => {}
                Some([]) => arguments.push(none.to_owned()),
                Some(values) => arguments.extend(values.iter().flat_map(|v| [option.to_owned(), v.clone()])),
            }
        }
        arguments
    }
}

impl Keyward {
    /// The secret of the admin's management key that the testkit made.
    pub fn management_secret(&self) -> &str {
        &self
            .management
            .as_ref()
            .expect("there is no management key")
            .secret
    }

    /// Calls the management API as the testkit's admin; `body` null sends none.
    pub async fn api(&self, method: &str, path: &str, body: &Value) -> ApiAnswer {
        self.api_as(self.management_secret(), method, path, body).await
    }

    /// Calls the management API with this key.
    pub async fn api_as(&self, secret: &str, method: &str, path: &str, body: &Value) -> ApiAnswer {
        let mut headers = vec![("X-API-KEY", secret), ("Connection", "close")];
        let mut text = String::new();
        if !body.is_null() {
            headers.push(("Content-Type", "application/json"));
            text = body.to_string();
        }
        let mut client = match &self.console_certificate {
            Some(certificate) => RawClient::connect_tls(self.console, "localhost", certificate, &[]).await,
            None => RawClient::connect(self.console).await,
        };
        client.send(request(method, path, &headers, text)).await;
        let answer = client.read_response_to(method).await;
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        assert!(
            !json.as_ref().is_some_and(holds_null),
            "null in the answer to {method} {path}: {json:?}"
        );
        let json = json.unwrap_or_default();
        ApiAnswer {
            status: answer.status,
            headers: answer.headers,
            json,
        }
    }

    /// Calls the management API, which must answer 2xx, and returns the body.
    pub async fn api_ok(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.api(method, path, body).await;
        assert!(
            (200..300).contains(&answer.status),
            "{method} {path} {body}: {answer:#?}; log:\n{}",
            self.log()
        );
        answer.json
    }

    /// Makes a user without site restriction; returns the id. Role: `admin` or `member`.
    pub async fn user(&self, email: &str, role: &str) -> String {
        self.make_user(email, role, None).await
    }

    /// Makes a user whose keys reach these sites at most; returns the id.
    pub async fn user_of_sites(&self, email: &str, role: &str, sites: &[&str]) -> String {
        self.make_user(email, role, Some(sites)).await
    }

    async fn make_user(&self, email: &str, role: &str, sites: Option<&[&str]>) -> String {
        let made = if self.is_running() {
            let sites = sites.map(|sites| json!({ "only": sites }));
            let body = json!({ "email": email, "name": email, "role": role, "sites": sites });
            self.api_ok("POST", "/v1/users", &without_nulls(body)).await
        } else {
            let mut arguments = vec![
                "users", "create", email, "--name", email, "--role", role, "--json",
            ];
            arguments.extend(sites.unwrap_or_default().iter().flat_map(|site| ["--site", site]));
            self.cli_ok(&arguments).await.json()
        };
        text_of(&made, "id")
    }

    /// Makes a site.
    pub async fn site(&self, name: &str) {
        if self.is_running() {
            self.api_ok("POST", "/v1/sites", &json!({ "name": name })).await;
        } else {
            self.cli_ok(&["sites", "create", name, "--json"]).await;
        }
    }

    /// Makes a key.
    pub async fn key(&self, key: KeySpec) -> Issued {
        if self.is_running() {
            return issued(self.api_ok("POST", "/v1/keys", &key.to_json()).await);
        }
        let issued = self.key_by_cli(&key).await;
        issued.unwrap_or_else(|output| panic!("{key:?}: {output:#?}"))
    }

    /// Makes a management key for a user.
    pub async fn management_key(&self, email: &str) -> Issued {
        self.key(KeySpec::new(email, "management").use_case("management"))
            .await
    }

    /// Makes a key with the CLI, whether the server runs or not.
    pub(crate) async fn key_by_cli(&self, key: &KeySpec) -> Result<Issued, CliOutput> {
        let arguments = key.to_arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = self.cli(&arguments).await;
        if output.status.success() {
            Ok(issued(output.json()))
        } else {
            Err(output)
        }
    }
}

impl ApiAnswer {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        crate::wire::values(&self.headers, name).first().copied()
    }
}

fn issued(json: Value) -> Issued {
    Issued {
        id: text_of(&json, "id"),
        secret: text_of(&json, "secret"),
        json,
    }
}

fn text_of(json: &Value, field: &str) -> String {
    json[field]
        .as_str()
        .unwrap_or_else(|| panic!("no text {field:?} in {json}"))
        .to_owned()
}

/// Whether null stands anywhere in a value. The management API has none: what there is none of is left out.
fn holds_null(json: &Value) -> bool {
    match json {
        Value::Null => true,
        Value::Array(items) => items.iter().any(holds_null),
        Value::Object(fields) => fields.values().any(holds_null),
        _ => false,
    }
}

fn without_nulls(mut fields: Value) -> Value {
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    fields
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}
