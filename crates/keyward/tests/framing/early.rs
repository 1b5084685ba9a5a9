//! F8 on every port: what an answer that comes before its request's body says about its connection, and what then happens. A
//! client that is not told of the end sends its next request there, and loses it.

use crate::world::World;
use keyward_testkit::{EchoUpstream, H2Outcome, KeySpec, OWNER, RawClient, RawH2};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

const BODY: &str = "k=v&k=v";
/// How a body comes.
const BODIES: [Body; 5] = [
    Body::None,
    Body::Length,
    Body::LengthAfterTheAnswer,
    Body::Chunked,
    Body::ChunkedAfterTheAnswer,
];

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Body {
    None,
    Length,
    LengthAfterTheAnswer,
    Chunked,
    ChunkedAfterTheAnswer,
}

impl Body {
    fn field(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Length | Self::LengthAfterTheAnswer => format!("Content-Length: {}\r\n", BODY.len()),
            Self::Chunked | Self::ChunkedAfterTheAnswer => "Transfer-Encoding: chunked\r\n".into(),
        }
    }

    fn bytes(self) -> String {
        match self {
            Self::None => String::new(),
            Self::Length | Self::LengthAfterTheAnswer => BODY.into(),
            Self::Chunked | Self::ChunkedAfterTheAnswer => "4\r\nk=v&\r\n3\r\nk=v\r\n0\r\n\r\n".into(),
        }
    }

    fn comes_late(self) -> bool {
        matches!(self, Self::LengthAfterTheAnswer | Self::ChunkedAfterTheAnswer)
    }
}

/// A request that is answered before its body is read, and the answer's status.
struct Early {
    port: SocketAddr,
    method: &'static str,
    target: String,
    fields: String,
    status: u16,
}

impl Early {
    fn head(&self, version: &str, body: Body) -> String {
        format!(
            "{} {} HTTP/{version}\r\nHost: localhost\r\n{}{}\r\n",
            self.method,
            self.target,
            self.fields,
            body.field()
        )
    }

    /// Asks, and asks again if the answer leaves the connection open.
    async fn holds(&self, version: &str, body: Body) {
        let what = format!(
            "{} {} {} HTTP/{version} {body:?}",
            self.port, self.method, self.target
        );
        let mut client = RawClient::connect(self.port).await;
        client.send(self.head(version, body)).await;
        if !body.comes_late() {
            // It may be refused by its head alone.
            drop(client.try_send(body.bytes()).await);
        }
        let answer = client.try_read_response(self.method).await;
        let answer = answer.unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(answer.status, self.status, "{what}: {}", answer.text());
        let said = answer.header("connection").map(str::to_ascii_lowercase);
        let goes_on = match said.as_deref() {
            Some("close") => false,
            Some("keep-alive") => true,
            said => {
                assert_eq!(said, None, "{what}");
                version == "1.1"
            }
        };
        if !goes_on {
            assert!(
                client.is_closed_within(Duration::from_secs(40)).await,
                "{what}: said, not done"
            );
            return;
        }
        let late = if body.comes_late() {
            body.bytes()
        } else {
            String::new()
        };
        client
            .send(format!("{late}{}", self.head("1.1", Body::None)))
            .await;
        let answer = client.try_read_response(self.method).await;
        let answer = answer.unwrap_or_else(|e| panic!("{what}: the next request: {e}"));
        assert_eq!(answer.status, self.status, "{what}: the next request");
    }
}

fn early(port: SocketAddr, method: &'static str, target: &str, fields: &str, status: u16) -> Early {
    Early {
        port,
        method,
        target: target.into(),
        fields: fields.into(),
        status,
    }
}

/// A world with an upstream that is not there, a preflight rule, and a port for proxies.
async fn start() -> (World, EchoUpstream, Vec<Early>) {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let upstream = EchoUpstream::start().await;
    let config = format!(
        "[gateway]\nupstreams = [{{ name = \"default\", url = \"http://{}\" }}, {{ name = \"gone\", url = \"http://{nobody}\" }}]\n\
         routes = [{{ path = \"/api/{{site}}/**\" }}, {{ path = \"/gone/{{site}}/**\", upstream = \"gone\" }}]\n\
         [gateway.cors]\norigins = [\"https://app.example.com\"]\n[authz]\nproxies = [\"127.0.0.1\"]\n",
        upstream.address()
    );
    let world = World::start(&config).await;
    let (gateway, authz) = (world.keyward.gateway(), world.keyward.authz());
    let (console, ops) = (world.keyward.console(), world.keyward.ops());
    let key = format!("X-API-KEY: {}\r\n", world.secret());
    let one = format!("X-API-KEY: {}\r\n", world.k1);
    let manager = format!("X-API-KEY: {}\r\n", world.keyward.management_secret());
    let text = format!("{manager}Content-Type: text/plain\r\n");
    let asks = "Origin: https://app.example.com\r\nAccess-Control-Request-Method: GET\r\n";
    let nginx = |target: &str| {
        format!(
            "X-Original-Method: GET\r\nX-Original-URI: {target}\r\nX-Original-Host: localhost\r\n\
             X-Original-Address: 192.0.2.7\r\n"
        )
    };
    let rows = vec![
        early(gateway, "POST", "/api/1/x", "", 401),
        early(gateway, "POST", "/api/1/x", "X-API-KEY: kw_nonsense\r\n", 401),
        early(gateway, "POST", "/api/2/x", &one, 403),
        early(gateway, "POST", "/nowhere", &key, 404),
        early(gateway, "POST", "/api/1/../x", &key, 400),
        early(gateway, "TRACE", "/api/1/x", &key, 405),
        early(gateway, "OPTIONS", "/api/1/x", asks, 204),
        early(gateway, "GET", "/keyward/self", "", 401),
        early(gateway, "POST", "/gone/1/x", &key, 502),
        early(
            gateway,
            "PUT",
            &format!("/api/1/{}", "x".repeat(17_000)),
            &key,
            414,
        ),
        early(gateway, "PUT", "/api/1/x", &"A: b\r\n".repeat(101), 431),
        early(
            gateway,
            "POST",
            "/api/1/x",
            &format!("{key}Connection: X-API-KEY\r\n"),
            400,
        ),
        early(authz, "POST", "/nowhere", "", 404),
        early(authz, "POST", "/authz/nginx", &nginx("/api/1/x"), 401),
        early(authz, "POST", "/authz/nginx", "", 403),
        early(authz, "POST", "/authz/forward-auth", "", 400),
        early(console, "POST", "/v1/keys", "", 401),
        early(console, "POST", "/v1/nowhere", &manager, 404),
        early(console, "POST", "/v1/keys", &text, 415),
        early(console, "PUT", "/v1/keys", &manager, 405),
        early(
            console,
            "POST",
            "/v1/keys",
            &format!("{manager}Host: other\r\n"),
            400,
        ),
        early(
            console,
            "POST",
            "/sign-in",
            "Origin: https://elsewhere.example\r\n",
            403,
        ),
        early(ops, "POST", "/healthz", "", 405),
        early(ops, "POST", "/nowhere", "", 404),
    ];
    (world, upstream, rows)
}

#[tokio::test]
async fn f8_an_early_answer_says_what_becomes_of_its_connection() {
    let (world, _upstream, rows) = start().await;
    for row in &rows {
        for body in BODIES {
            row.holds("1.1", body).await;
        }
        for body in [Body::None, Body::Length, Body::LengthAfterTheAnswer] {
            row.holds("1.0", body).await;
        }
    }
    // One that is used up, and one body that is longer than anybody reads.
    let spent = world
        .keyward
        .key(KeySpec::new(OWNER, "spent").limit(1))
        .await
        .secret;
    let spent = format!("X-API-KEY: {spent}\r\n");
    let limited = early(world.keyward.gateway(), "POST", "/api/1/x", &spent, 429);
    for body in BODIES.into_iter().filter(|body| *body != Body::None) {
        for _ in 0..3 {
            let mut client = RawClient::connect(limited.port).await;
            client.send(limited.head("1.1", Body::None)).await;
            client.read_response().await;
        }
        limited.holds("1.1", body).await;
    }
    for (port, target) in [
        (world.keyward.gateway(), "/nowhere"),
        (world.keyward.console(), "/v1/nowhere"),
    ] {
        let mut client = RawClient::connect(port).await;
        let head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3000000\r\n\r\n");
        client.send(head).await;
        let answer = client.read_response().await;
        assert_eq!(answer.header("connection"), Some("close"), "{target}: {answer:?}");
        assert!(client.is_closed_within(Duration::from_secs(40)).await, "{target}");
    }
}

#[tokio::test]
async fn f8_over_http2_an_early_answer_ends_its_stream_alone() {
    let (world, _upstream, _) = start().await;
    for (port, target) in [
        (world.keyward.gateway(), "/nowhere"),
        (world.keyward.gateway(), "/api/1/x"),
        (world.keyward.gateway(), "/gone/1/x"),
        (world.keyward.authz(), "/nowhere"),
        (world.keyward.console(), "/v1/nowhere"),
        (world.keyward.ops(), "/nowhere"),
    ] {
        let mut h2 = RawH2::connect(port).await;
        for stream in [1, 3, 5] {
            let fields = [
                (":method", "POST"),
                (":scheme", "http"),
                (":authority", "localhost"),
                (":path", target),
                ("x-api-key", world.secret()),
            ];
            h2.headers(stream, &fields, false).await;
            let late = stream == 3;
            if !late {
                h2.data(stream, BODY, true).await;
            }
            let outcome = h2.outcome(stream).await;
            assert!(
                matches!(outcome, H2Outcome::Status(_)),
                "{port} {target}: {outcome:?}"
            );
            if late {
                h2.data(stream, BODY, true).await;
            }
        }
    }
}
