//! A running console, and people who look at it: raw HTTP, one connection a request.

use keyward_console::{About, Console, Settings};
use keyward_domain::{Prefix, SecretFormat, Template, UseCase, UseCaseCatalogue, UseCaseName};
use keyward_engine::{Actor, Clock, Engine, ManualClock, OnStale, SignIn, UserDraft, Visitor};
use keyward_store::{SqliteOptions, SqliteStore};
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const PASSWORD: &str = "a long and rare password 7";

pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) console: Console,
    pub(crate) admin_id: String,
    pub(crate) member_id: String,
    pub(crate) admin_session: String,
    pub(crate) member_session: String,
    _folder: tempfile::TempDir,
}

/// Somebody at a browser.
#[derive(Clone)]
pub(crate) struct Browser {
    address: SocketAddr,
    /// Cookies as they are sent.
    pub(crate) cookies: String,
    pub(crate) language: &'static str,
    /// What the forms carry.
    pub(crate) token: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut named = fields.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value)
    }

    /// The message at a field.
    pub(crate) fn fault(&self, field: &str) -> Option<&str> {
        let start = format!("id=\"{field}-fault\">");
        self.body.split_once(&start)?.1.split('<').next()
    }

    /// The value of the first hidden or typed field of a name.
    pub(crate) fn value(&self, field: &str) -> Option<&str> {
        let named = format!("name=\"{field}\"");
        let tag = self.body.split('<').find(|tag| tag.contains(&named))?;
        tag.split_once("value=\"")?.1.split('"').next()
    }
}

pub(crate) fn visitor() -> Visitor {
    Visitor {
        address: Some([127, 0, 0, 1].into()),
        agent: "test".into(),
    }
}

async fn engine(folder: &std::path::Path, clock: Arc<ManualClock>) -> Arc<Engine> {
    let options = SqliteOptions {
        path: folder.join("keyward.db"),
        create: true,
        migrate: true,
        read_only: false,
    };
    let store = SqliteStore::open(&options).await.unwrap();
    let use_case = |name: &str, title: &str, routes| UseCase {
        name: UseCaseName::new(name).unwrap(),
        title: title.into(),
        routes,
    };
    let reading = keyward_domain::RoutePattern {
        methods: vec!["GET".into(), "HEAD".into()],
        path: Template::parse("/api/{site}/reports/**").unwrap(),
    };
    let settings = keyward_engine::Settings {
        format: SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new()),
        catalogue: UseCaseCatalogue::new(vec![
            use_case("rest-api", "The <b>REST</b> API", None),
            use_case("reports", "Reports", Some(vec![reading])),
            use_case("calls", UseCase::REST_API_TITLE, None),
        ])
        .unwrap(),
        max_staleness: Duration::from_secs(3600),
        on_stale: OnStale::Serve,
    };
    let engine = Arc::new(Engine::new(Arc::new(store), clock, settings));
    engine.load().await.unwrap();
    engine
}

impl House {
    /// With an administrator and a member, both signed in.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(keyward_engine::SystemClock.now()));
        let engine = engine(folder.path(), Arc::clone(&clock)).await;
        let token = engine.issue_setup_token().await.unwrap();
        let admin = engine
            .set_up(
                token.reveal(),
                "admin@example.com",
                Some("Ada"),
                PASSWORD,
                &visitor(),
            )
            .await
            .unwrap();
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            public_url: None,
            trusted_proxies: Vec::new(),
            access_log: true,
            gateway_url: "https://api.example.com".into(),
            provider: None,
            about: About {
                version: "1.2.3-test".into(),
                node: "node-of-the-test".into(),
                store: "SQLite, /somewhere".into(),
            },
        };
        let console = Console::start(&engine, settings).await.unwrap();
        let mut house = Self {
            admin_id: admin.session.user.id.to_string(),
            admin_session: admin.token.reveal().to_owned(),
            member_id: String::new(),
            member_session: String::new(),
            engine,
            clock,
            console,
            _folder: folder,
        };
        (house.member_id, house.member_session) = house.join("member@example.com", "Grace").await;
        house
    }

    /// Makes a member, signed in; gives their id and their session.
    pub(crate) async fn join(&self, email: &str, name: &str) -> (String, String) {
        let draft = UserDraft {
            email: email.into(),
            name: Some(name.into()),
            ..UserDraft::default()
        };
        let (view, link, _) = self.engine.invite_user(&Actor::OPERATOR, &draft).await.unwrap();
        let redeemed = self.engine.redeem_link(link.reveal(), PASSWORD, &visitor()).await;
        match redeemed {
            Ok(SignIn::Done(signed_in)) => (view.user.id.to_string(), signed_in.token.reveal().to_owned()),
            _ => panic!("the invitation of {email} is not good"),
        }
    }

    pub(crate) fn stranger(&self) -> Browser {
        Browser {
            address: self.console.address(),
            cookies: String::new(),
            language: "en",
            token: String::new(),
        }
    }

    /// A browser with a session; it has read the token of its forms.
    pub(crate) async fn browser(&self, session: &str, language: &'static str) -> Browser {
        let mut browser = self.stranger();
        browser.cookies = format!("keyward-session={session}");
        browser.language = language;
        // Every page of somebody who is signed in has the form that signs out.
        for page in ["/admin/users", "/account", "/integrations/keys"] {
            if let Some(token) = browser.get(page).await.value("token") {
                browser.token = token.to_owned();
                return browser;
            }
        }
        // Without such a page the token is what the console makes of the session.
        browser.token = token_of(session);
        browser
    }

    pub(crate) async fn admin(&self, language: &'static str) -> Browser {
        self.browser(&self.admin_session, language).await
    }

    pub(crate) async fn member(&self, language: &'static str) -> Browser {
        self.browser(&self.member_session, language).await
    }
}

fn token_of(session: &str) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::new()
        .chain_update("form\0")
        .chain_update(session)
        .finalize();
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Browser {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, "").await
    }

    /// Sends a form of a page of this session.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut body = format!("token={}", self.token);
        for (name, value) in fields {
            let _ = write!(body, "&{name}={}", encoded(value));
        }
        self.send("POST", path, &body).await
    }

    /// Each with what tells the consoles of one host apart, but for the zone, which is the same for all.
    fn marked_cookies(&self) -> String {
        let port = self.address.port();
        let marked = self.cookies.split("; ").map(|pair| match pair.split_once('=') {
            Some((name, value)) if name != "keyward-zone" => format!("{name}-{port}={value}"),
            _ => pair.to_owned(),
        });
        marked.collect::<Vec<_>>().join("; ")
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> Answer {
        let (host, language) = (self.address, self.language);
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept: text/html\r\nAccept-Language: {language}\r\n"
        );
        if !self.cookies.is_empty() {
            let _ = write!(text, "Cookie: {}\r\n", self.marked_cookies());
        }
        if method != "GET" {
            let _ = write!(
                text,
                "Origin: http://{host}\r\nSec-Fetch-Site: same-origin\r\n\
                 Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
                body.len()
            );
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream
            .write_all(format!("{text}\r\n{body}").as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        read(&answer)
    }
}

fn read(bytes: &[u8]) -> Answer {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("no answer: {text}"));
    let answer = Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_owned(),
        body: body.to_owned(),
    };
    if answer.header("transfer-encoding") == Some("chunked") {
        return Answer {
            body: unchunked(body),
            ..answer
        };
    }
    answer
}

fn unchunked(mut rest: &str) -> String {
    let mut whole = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return whole;
        }
        whole += &after[..length];
        rest = &after[length + 2..];
    }
    panic!("the answer breaks off")
}

pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

impl House {
    pub(crate) fn clock_now(&self) -> keyward_domain::Timestamp {
        self.clock.now()
    }
}
