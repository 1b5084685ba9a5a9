//! Traefik's dialect, replayed: its program cannot be had where these tests run. What its `forwardAuth` sends (version 3, with
//! `trustForwardHeader: false`) is written here byte for byte after its source, and so is what it does with the answer, by
//! the lists of `deploy/recipes/traefik/dynamic.yaml`. That Traefik itself does so, no test here shows.

use crate::proxy::recipe;
use crate::world::{CONFIG, CORS, ORIGIN};
use keyward_testkit::{KeySpec, OWNER, RawResponse, exchange, folded};
use regex::Regex;
use std::fs;

/// Traefik's upstream is never asked: what would go there is what `then` returns. The key is for site 1 only.
struct World(keyward_testkit::World);

/// A request at Traefik's door.
#[derive(Clone)]
struct Client {
    method: &'static str,
    target: String,
    peer: &'static str,
    /// In Go's spelling of names.
    fields: Vec<(String, String)>,
}

/// What Traefik does next.
enum Then {
    /// The client gets this answer.
    Answers(RawResponse),
    /// The upstream gets the request with these fields.
    Forwards(Vec<(String, String)>),
}

/// The lists of the recipe.
struct Lists {
    names: Vec<String>,
    pattern: Regex,
}

impl World {
    async fn start(config: &str) -> Self {
        let world = keyward_testkit::World::builder()
            .config(CONFIG)
            .config(config)
            .key(KeySpec::new(OWNER, "K1").sites(&["1"]));
        Self(world.start().await)
    }

    fn get(&self, target: &str) -> Client {
        Client::new("GET", target).with("X-Api-Key", &self.0.key.secret)
    }

    async fn ask(&self, client: &Client) -> RawResponse {
        let authz = self.0.keyward.authz();
        exchange(authz, client.question(&authz.to_string())).await
    }

    async fn then(&self, client: &Client) -> Then {
        let answer = self.ask(client).await;
        if !(200..300).contains(&answer.status) {
            return Then::Answers(answer);
        }
        Then::Forwards(Lists::read().laid_over(client, &answer))
    }
}

impl Client {
    fn new(method: &'static str, target: &str) -> Self {
        let agent = ("User-Agent".to_owned(), "curl/8.5.0".to_owned());
        Self {
            method,
            target: target.to_owned(),
            peer: "192.0.2.7",
            fields: vec![agent, ("Accept".to_owned(), "*/*".to_owned())],
        }
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The fields as Traefik's door has left them: those of proxies are its own.
    fn at_the_door(&self) -> Vec<(String, String)> {
        let dropped = |name: &str| {
            let name = name.to_ascii_lowercase();
            let own = [
                "for",
                "host",
                "port",
                "proto",
                "server",
                "uri",
                "method",
                "prefix",
                "tls-client-cert",
            ];
            name == "x-real-ip" || own.iter().any(|end| name == format!("x-forwarded-{end}"))
        };
        let mut fields: Vec<(String, String)> = self.fields.clone();
        fields.retain(|(name, _)| !dropped(name));
        for (name, value) in [
            ("X-Forwarded-Host", "api.example.com"),
            ("X-Forwarded-Port", "80"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-Server", "traefik"),
            ("X-Real-Ip", self.peer),
        ] {
            fields.push((name.to_owned(), value.to_owned()));
        }
        fields
    }

    /// What `forwardAuth` sends: names in Go's order, the agent before them.
    fn question(&self, authz: &str) -> Vec<u8> {
        let hop = [
            "connection",
            "keep-alive",
            "te",
            "trailers",
            "transfer-encoding",
            "upgrade",
        ];
        let mut fields = self.at_the_door();
        let listed = listed_in_connection(&fields);
        fields.retain(|(name, _)| {
            let name = name.to_ascii_lowercase();
            name != "user-agent" && !hop.contains(&name.as_str()) && !listed.contains(&name)
        });
        for (name, value) in [
            ("X-Forwarded-For", self.peer),
            ("X-Forwarded-Method", self.method),
            ("X-Forwarded-Uri", &self.target),
        ] {
            fields.push((name.to_owned(), value.to_owned()));
        }
        // Values of one name stay in their order.
        fields.sort_by(|one, other| one.0.cmp(&other.0));
        let mut text =
            format!("GET /authz/forward-auth HTTP/1.1\r\nHost: {authz}\r\nUser-Agent: curl/8.5.0\r\n");
        for (name, value) in fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("Accept-Encoding: gzip\r\n\r\n");
        text.into_bytes()
    }
}

fn listed_in_connection(fields: &[(String, String)]) -> Vec<String> {
    fields
        .iter()
        .filter(|(name, _)| name == "Connection")
        .flat_map(|(_, value)| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect()
}

impl Lists {
    fn read() -> Self {
        let text = fs::read_to_string(recipe("traefik/dynamic.yaml")).unwrap();
        let of = |key: &str| -> String {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(key));
            line.unwrap_or_else(|| panic!("{key} in {text}"))
                .trim()
                .to_owned()
        };
        assert_eq!(of("trustForwardHeader:"), "false");
        let names = of("authResponseHeaders:");
        let names = names.trim_matches(['[', ']']).split(',');
        Self {
            names: names.map(|name| name.trim().to_owned()).collect(),
            pattern: Regex::new(&of("authResponseHeadersRegex:")).unwrap(),
        }
    }

    fn names(&self, name: &str) -> bool {
        self.names.iter().any(|listed| listed.eq_ignore_ascii_case(name)) || self.pattern.is_match(name)
    }

    /// The request's fields: those of the lists are taken away, and those of the answer put in their place. Then Go's proxy
    /// takes away what `Connection` lists.
    fn laid_over(&self, client: &Client, answer: &RawResponse) -> Vec<(String, String)> {
        let mut fields = client.at_the_door();
        fields.retain(|(name, _)| !self.names(name));
        fields.extend(
            answer
                .headers
                .iter()
                .filter(|(name, _)| self.names(name))
                .cloned(),
        );
        let listed = listed_in_connection(&fields);
        fields.retain(|(name, _)| !listed.contains(&name.to_ascii_lowercase()));
        fields
    }
}

/// The values of every field that folds to a name.
fn values(fields: &[(String, String)], begins: &str) -> Vec<String> {
    let of = fields.iter().filter(|(name, _)| folded(name).starts_with(begins));
    of.map(|(_, value)| value.clone()).collect()
}

#[tokio::test]
async fn what_traefik_sends_is_understood_byte_for_byte() {
    let world = World::start("").await;
    let authz = world.0.keyward.authz();
    let secret = &world.0.key.secret;
    let wanted = format!(
        "GET /authz/forward-auth HTTP/1.1\r\nHost: {authz}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
         X-Api-Key: {secret}\r\nX-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Host: api.example.com\r\n\
         X-Forwarded-Method: GET\r\nX-Forwarded-Port: 80\r\nX-Forwarded-Proto: http\r\n\
         X-Forwarded-Server: traefik\r\nX-Forwarded-Uri: /api/1/x?a=1\r\nX-Real-Ip: 192.0.2.7\r\n\
         Accept-Encoding: gzip\r\n\r\n"
    );
    let client = world.get("/api/1/x?a=1");
    let sent = String::from_utf8(client.question(&authz.to_string())).unwrap();
    assert_eq!(sent, wanted);
    let answer = exchange(authz, wanted).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("x-keyward-key-id"), Some(world.0.key.id.as_str()));
    assert_eq!((answer.body_len, answer.header("content-length")), (0, Some("0")));
}

#[tokio::test]
async fn refusals_reach_the_client_as_they_are() {
    let world = World::start("").await;
    let nowhere = world
        .0
        .keyward
        .key(KeySpec::new(OWNER, "k").addresses(&["127.0.0.5"]))
        .await;
    let with = |key: &str| Client::new("GET", "/api/1/x").with("X-Api-Key", key);
    for (client, status, code) in [
        (Client::new("GET", "/api/1/x"), 401, "key_missing"),
        (with("bogus"), 401, "key_invalid"),
        (
            world.get("/api/1/x").with("X-Api-Key", "other"),
            401,
            "key_malformed",
        ),
        (
            world.get("/api/1/x").with("Connection", "X-Api-Key"),
            401,
            "key_missing",
        ),
        (world.get("/api/2/x"), 403, "site_forbidden"),
        (with(&nowhere.secret), 403, "ip_forbidden"),
        (
            with(&nowhere.secret).with("X-Forwarded-For", "127.0.0.5"),
            403,
            "ip_forbidden",
        ),
        (world.get("/nowhere"), 404, "no_route"),
        (world.get("/api/1/../2"), 400, "bad_path"),
        (Client::new("GET", "/swagger/..;/api/2"), 400, "bad_path"),
        (Client::new("GET", "/swaggerx"), 404, "no_route"),
        (Client::new("POST", "/swagger"), 404, "no_route"),
    ] {
        let Then::Answers(answer) = world.then(&client).await else {
            panic!("{} {} passed", client.method, client.target);
        };
        assert_eq!((answer.status, answer.code().as_str()), (status, code));
        let form = answer.header("content-type");
        assert_eq!(form, Some("application/problem+json"));
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
    }
}

#[tokio::test]
async fn h4_h6_the_upstream_would_get_one_value_of_each_identity_field_and_no_key() {
    let world = World::start("").await;
    let limited = world
        .0
        .keyward
        .key(KeySpec::new(OWNER, "l").limit(1000))
        .await
        .secret;
    let mut client = Client::new("GET", "/api/1/x").with("X-Api-Key", &limited);
    for name in [
        "X-Keyward-Key-Id",
        "X_keyward_key_id",
        "X.keyward.site",
        "X-Keyward-Role",
        "X_api_key",
        "X.api.key",
        "X-Ratelimit-Limit",
        "X-Original-Url",
        "X-Rewrite-Url",
        "X-Http-Method-Override",
        "X-Method-Override",
        "True-Client-Ip",
        "Forwarded",
        "X-Host",
        "X-Forwarded-For",
        "X-Forwarded-Uri",
        "X_forwarded_uri",
        "X_forwarded_for",
        "X.forwarded.host",
        "X-Forwarded-User",
        "X-Forwarded-Email",
        "X_real_ip",
        "X-Realip",
        "Real-Ip",
        "Forwarded-For",
        "Cf-Connecting-Ip",
        "X-Forward-For",
        "X-Forwarder-For",
        "X-Remote-Addr",
        "X-Original-Ip",
        "X-Proxyuser-Ip",
        "X-Appengine-User-Ip",
        "X-Http-Host",
        "X-Rewrite-Path",
        "X-Http-Path-Override",
        "Proxy",
        "X_site",
        "Content_length",
    ] {
        client = client.with(name, "forged");
    }
    client = client.with("Connection", "X-Keyward-Site, X-Forwarded-For");
    let Then::Forwards(fields) = world.then(&client).await else {
        panic!("refused");
    };
    assert!(!fields.iter().any(|(_, value)| value == "forged"), "{fields:?}");
    assert!(values(&fields, "x-api-key").is_empty(), "{fields:?}");
    assert_eq!(values(&fields, "x-keyward-").len(), 5, "{fields:?}");
    assert_eq!(values(&fields, "x-keyward-site"), ["1"]);
    // Traefik has no way to put these on the answer; the upstream may.
    assert_eq!(values(&fields, "x-ratelimit-limit"), ["1000"], "{fields:?}");
    let client = Client::new("GET", "/swagger").with("X-Api-Key", &limited);
    let Then::Forwards(fields) = world.then(&client.with("X-Keyward-Key-Id", "forged")).await else {
        panic!("refused");
    };
    assert_eq!(values(&fields, "x-keyward-").len(), 1, "{fields:?}");
    assert!(values(&fields, "x-api-key").is_empty(), "{fields:?}");
}

#[tokio::test]
async fn m1_a_preflight_that_keyward_answers_goes_on_all_the_same() {
    let world = World::start(CORS).await;
    let client = Client::new("OPTIONS", "/api/1/x")
        .with("Origin", ORIGIN)
        .with("Access-Control-Request-Method", "GET");
    assert_eq!(world.ask(&client).await.status, 204);
    // Any 2xx is a pass for Traefik: its README says to leave preflights to Traefik's own middleware.
    let Then::Forwards(fields) = world.then(&client.with("X-Keyward-Key-Id", "forged")).await else {
        panic!("refused");
    };
    assert!(!fields.iter().any(|(_, value)| value == "forged"), "{fields:?}");
}
