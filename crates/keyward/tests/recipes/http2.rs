//! Clients that speak HTTP/2 over TLS: the proxy makes HTTP/1.1 of it for the upstream, and what it asks Keyward about is that.

use crate::proxy::{OWN, Proxy};
use crate::world::World;
use keyward_testkit::{Certificate, H2Client, H2Outcome, KeySpec, OWNER, RawH2, Recorded};
use std::fmt;
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::task::JoinSet;

/// A body in which a request hides.
const HIDDEN: &[u8] = b"GET /api/1/hidden HTTP/1.1\r\n\r\n";

/// A world whose proxy speaks TLS, and the certificate to trust.
struct Secure {
    world: World,
    certificate: Certificate,
    _folder: TempDir,
}

impl Secure {
    async fn start(proxy: Proxy) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let certificate = Certificate::create(folder.path());
        Self {
            world: World::start_over_tls(proxy, &certificate).await,
            certificate,
            _folder: folder,
        }
    }

    async fn client(&self) -> H2Client {
        H2Client::connect_tls(self.world.door(), "localhost", &self.certificate).await
    }

    /// Sends each of these requests on a connection of its own, all at once.
    async fn say_all(&self, requests: &[Request]) -> Vec<H2Outcome> {
        self.world.upstream.clear();
        let mut asked = JoinSet::new();
        for (number, request) in requests.iter().cloned().enumerate() {
            let (door, certificate) = (self.world.door(), self.certificate.clone());
            asked.spawn(async move { (number, request.say(door, &certificate).await) });
        }
        let mut outcomes = asked.join_all().await;
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }

    /// What cannot be meant in one way only is refused, by Keyward or by the proxy, and nothing reaches the upstream.
    async fn refused(&self, requests: &[Request]) {
        let outcomes = self.say_all(requests).await;
        let proxy = self.world.proxy;
        for (request, outcome) in requests.iter().zip(outcomes) {
            let is_refused = match outcome {
                H2Outcome::Status(status) => matches!(status, 403 | 421) || OWN.contains(&status),
                H2Outcome::Reset(_) | H2Outcome::GoAway(_) | H2Outcome::Closed => true,
            };
            assert!(is_refused, "{proxy:?} {request:?}: {outcome:?}");
        }
        assert_eq!(self.world.upstream.count(), 0, "{proxy:?}: {:?}", self.heads());
    }

    /// What the upstream got.
    fn heads(&self) -> Vec<String> {
        let text = |got: &Recorded| got.head.escape_ascii().to_string();
        self.world.upstream.requests().iter().map(text).collect()
    }
}

/// A request as its fields and its body say it, whether the rules allow that or not.
#[derive(Clone)]
struct Request {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
    body: Option<&'static [u8]>,
}

impl Request {
    fn new(method: &str, target: impl AsRef<[u8]>, key: &str) -> Self {
        let request = Self {
            fields: Vec::new(),
            body: None,
        };
        request
            .with(":method", method)
            .with(":scheme", "https")
            .with(":authority", "localhost")
            .with(":path", target)
            .with("x-api-key", key)
    }

    fn with(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.fields
            .push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    async fn say(&self, door: SocketAddr, certificate: &Certificate) -> H2Outcome {
        let mut client = RawH2::connect_tls(door, "localhost", certificate).await;
        client.headers(1, &self.fields, self.body.is_none()).await;
        if let Some(body) = self.body {
            client.data(1, body, true).await;
        }
        client.outcome(1).await
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.fields {
            write!(f, "{}: {}; ", name.escape_ascii(), value.escape_ascii())?;
        }
        Ok(())
    }
}

fn names_the_caller(world: &World, got: &Recorded) {
    assert_eq!(got.header("x-keyward-key-id"), [world.k1.id.as_str()]);
    assert_eq!(got.header("x-keyward-site"), ["1"], "{:?}", world.proxy);
    assert_eq!(
        got.folded_lines(|name| name.starts_with("x-keyward-")).len(),
        5,
        "{:?} {got:?}",
        world.proxy
    );
    assert!(
        got.folded_lines(|name| name.starts_with("x-api-key")).is_empty(),
        "{:?}",
        world.proxy
    );
}

pub(crate) async fn over_http2_a_granted_request_goes_on_and_the_client_is_told(proxy: Proxy) {
    let secure = Secure::start(proxy).await;
    let world = &secure.world;
    let mut client = secure.client().await;
    for (method, target, body) in [
        ("GET", "/api/1/x?a=1&b=%2F", ""),
        ("POST", "/api/1/x", "hello"),
        ("PUT", "/api/1/a;b=c/%C3%A9", "hello world"),
        ("DELETE", "/api/1", ""),
    ] {
        world.upstream.clear();
        let fields = [
            ("x-api-key", world.k1.secret.as_str()),
            ("x-keyward-site", "forged"),
        ];
        let answer = client.send(method, target, &fields, body).await;
        assert_eq!(answer.status, 200, "{proxy:?} {method} {target}: {answer:?}");
        let got = world.upstream.wait_for(1).await.remove(0);
        assert_eq!(
            got.request_line(),
            format!("{method} {target} HTTP/1.1"),
            "{proxy:?}"
        );
        assert_eq!(got.body, body.as_bytes(), "{proxy:?}");
        let host = world.door().to_string();
        assert_eq!(got.header("host"), [host.as_str()], "{proxy:?}");
        assert_eq!(got.header("x-forwarded-proto"), ["https"], "{proxy:?}");
        assert_eq!(got.header("x-forwarded-for"), ["127.0.0.1"], "{proxy:?}");
        names_the_caller(world, &got);
    }
    let limited = world.key(KeySpec::new(OWNER, "limited").limit(1000)).await.secret;
    let fields = [("x-api-key", limited.as_str())];
    let answer = client.send("GET", "/api/1/x", &fields, "").await;
    assert_eq!(answer.header("x-ratelimit-limit"), Some("1000"), "{proxy:?}");
    assert!(answer.header("x-ratelimit-remaining").is_some(), "{proxy:?}");
}

pub(crate) async fn over_http2_a_refusal_has_its_true_status_and_document(proxy: Proxy) {
    let secure = Secure::start(proxy).await;
    let world = &secure.world;
    let one = world.key(KeySpec::new(OWNER, "one").limit(1)).await.secret;
    let k1 = world.k1.secret.as_str();
    let mut client = secure.client().await;
    // The first may be the last of a minute.
    while client
        .send("GET", "/api/1/x", &[("x-api-key", &one)], "")
        .await
        .status
        == 200
    {}
    for (method, target, key, status, code) in [
        ("GET", "/api/1/x", "", 401, "key_missing"),
        ("GET", "/api/1/x", "bogus", 401, "key_invalid"),
        ("POST", "/api/2/x", k1, 403, "site_forbidden"),
        ("GET", "/nowhere", k1, 404, "no_route"),
        ("POST", "/swagger", k1, 404, "no_route"),
        ("GET", "/api/1/x", &one, 429, "rate_limited"),
    ] {
        // A minute may begin in between: what it lets pass once, it does not let pass again.
        let answer = loop {
            world.upstream.clear();
            let fields: &[(&str, &str)] = if key.is_empty() {
                &[]
            } else {
                &[("x-api-key", key)]
            };
            let answer = client.send(method, target, fields, "").await;
            if status != 429 || answer.status != 200 {
                break answer;
            }
        };
        assert_eq!(answer.status, status, "{proxy:?} {target} {answer:?}");
        assert_eq!(answer.json()["code"], code, "{proxy:?} {target}");
        assert_eq!(world.upstream.count(), 0, "{proxy:?} {target}");
        assert_eq!(answer.header("retry-after").is_some(), status == 429, "{proxy:?}");
        assert_eq!(
            answer.header("www-authenticate").is_some(),
            status == 401,
            "{proxy:?}"
        );
    }
}

pub(crate) async fn p_rows_over_http2_what_can_be_read_in_two_ways_is_refused(proxy: Proxy) {
    let secure = Secure::start(proxy).await;
    let k1 = secure.world.k1.secret.as_str();
    let targets: &[&[u8]] = &[
        b"",
        b"api/1/x",
        b"/api/1/../2/x",
        b"/api/1/%2e%2e/2/x",
        b"/api/1/..%2f2/x",
        b"/api//1/x",
        b"//api/1/x",
        b"/api/1\\x",
        b"/api/1/x#/../../2",
        b"/api/1/x HTTP/1.1",
        b"/api/1/x\r\nx-keyward-site: 2",
        b"/api/1/x\n",
        b"/api/1/x\0",
        b"/api/1/\xc0\xae\xc0\xae/2/x",
        b"/api/1/..\xff/2",
        b"/api/1/\xc3\xa9",
        b"/swagger/..\xff/api/2/x",
        b"http://localhost/api/1/x",
        b"*",
    ];
    let methods = [
        "get",
        "Options",
        "GET /api/1/y HTTP/1.1\r\nX:",
        "GET ",
        "CONNECT",
        "",
    ];
    let twice = [
        (":path", "/api/1/x"),
        (":method", "GET"),
        (":authority", "localhost"),
        ("x-api-key", k1),
    ];
    let mut requests: Vec<Request> = targets
        .iter()
        .map(|target| Request::new("GET", target, k1))
        .collect();
    requests.extend(methods.map(|method| Request::new(method, "/api/2/x", k1)));
    requests.extend(twice.map(|(name, value)| {
        let mut request = Request::new("GET", "/api/1/x", k1);
        request.fields.insert(4, (name.into(), value.into()));
        request
    }));
    secure.refused(&requests).await;
}

/// What is malformed is refused, or goes on as the one request that was judged.
pub(crate) async fn h9_over_http2_what_is_malformed_smuggles_nothing(proxy: Proxy) {
    let secure = Secure::start(proxy).await;
    let k1 = secure.world.k1.secret.as_str();
    let smuggled: &[(&[u8], &[u8])] = &[
        (b"x-kept", b"a\r\nx-keyward-site: forged"),
        (b"x-kept", b"a\nx-keyward-site: forged"),
        (b"x-kept", b"a\r\n\r\nGET /forged HTTP/1.1\r\n\r\n"),
        (b"x-kept", b"a\rforged"),
        (b"x-kept", b"a\0forged"),
        (b"x-kept\r\nx-keyward-site: forged", b"a"),
        (b"x-kept: a\r\nx-keyward-site", b"forged"),
        (b"x-keyward-site ", b"forged"),
        (b"x-keyward-site:", b"forged"),
        (b"X-Keyward-Site", b"forged"),
        (b"x_keyward_site", b"forged"),
        (b"x.keyward.site", b"forged"),
        (b"", b"forged"),
        (b":forged", b"forged"),
        (b":path", b"/forged"),
        (b":authority", b"forged"),
        (b"host", b"forged"),
        (b"connection", b"x-keyward-site, x-keyward-key-id"),
        (b"connection", b"close"),
        (b"proxy-connection", b"x-keyward-site"),
        (b"keep-alive", b"forged"),
        (b"upgrade", b"forged"),
        (b"te", b"forged"),
        (b"transfer-encoding", b"chunked"),
        (b"content-length", b"5"),
    ];
    let numbered = |(number, (name, value)): (usize, &(&[u8], &[u8]))| {
        Request::new("GET", format!("/api/1/{number}"), k1).with(name, value)
    };
    let requests: Vec<Request> = smuggled.iter().enumerate().map(numbered).collect();
    let outcomes = secure.say_all(&requests).await;
    let granted = outcomes
        .iter()
        .filter(|outcome| **outcome == H2Outcome::Status(200))
        .count();
    let seen = secure.world.upstream.requests();
    assert_eq!(seen.len(), granted, "{proxy:?} {outcomes:?} {:?}", secure.heads());
    for got in seen {
        let number: usize = got.target()["/api/1/".len()..].parse().expect("a number of ours");
        assert_eq!(
            outcomes[number],
            H2Outcome::Status(200),
            "{proxy:?} {:?}",
            requests[number]
        );
        let text = String::from_utf8_lossy(&got.head).into_owned();
        assert!(!text.contains("forged") && got.body_len == 0, "{proxy:?} {text}");
        names_the_caller(&secure.world, &got);
    }
    // A length that is not that of the body.
    let requests = ["0", "5", "1000", "0x1", "+31", "31, 31"].map(|length| Request {
        body: Some(HIDDEN),
        ..Request::new("POST", "/api/1/x", k1).with("content-length", length)
    });
    let outcomes = secure.say_all(&requests).await;
    let seen = secure.world.upstream.requests();
    // Some take them for nothing: then what comes behind is left behind.
    let mut whole = seen.iter().filter(|got| got.complete);
    let (heads, targets) = (secure.heads(), seen.iter().map(Recorded::target));
    assert!(
        whole.all(|got| got.body_len == 0),
        "{proxy:?} {outcomes:?} {heads:?}"
    );
    assert!(targets.eq(vec!["/api/1/x"; seen.len()]), "{proxy:?} {heads:?}");
}

pub(crate) async fn m2_over_http2_a_preflight_carries_nothing(proxy: Proxy) {
    let secure = Secure::start(proxy).await;
    let ask = || Request::new("OPTIONS", "/api/1/%C3%A9;a=b?x=%2F", &secure.world.k1.secret);
    for ask in [ask(), ask().with("content-length", HIDDEN.len().to_string())] {
        let ask = Request {
            body: Some(HIDDEN),
            ..ask
        };
        let outcomes = secure.say_all(&[ask]).await;
        let seen = secure.world.upstream.requests();
        let bodies: u64 = seen.iter().map(|got| got.body_len).sum();
        assert_eq!(bodies, 0, "{proxy:?}: {outcomes:?} {:?}", secure.heads());
    }
    assert_eq!(
        secure.say_all(&[ask()]).await,
        [H2Outcome::Status(200)],
        "{proxy:?}"
    );
    let got = secure.world.upstream.wait_for(1).await.remove(0);
    assert_eq!(
        got.request_line(),
        "OPTIONS /api/1/%C3%A9;a=b?x=%2F HTTP/1.1",
        "{proxy:?}"
    );
    assert!(
        got.header("x-api-key").is_empty() && got.body_len == 0,
        "{proxy:?} {:?}",
        secure.heads()
    );
}
