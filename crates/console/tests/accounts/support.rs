//! A running console, and browsers: raw HTTP, one connection a request, with a jar of cookies.

use keyward_console::{Console, PublicUrl, Settings};
use keyward_domain::{Prefix, SecretFormat, UseCase, UseCaseCatalogue, UseCaseName};
use keyward_engine::{Actor, Clock, Engine, ManualClock, OnStale, SignIn, UserDraft, Visitor};
use keyward_listener::TlsFiles;
use keyward_store::{SqliteOptions, SqliteStore};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const PASSWORD: &str = "a long and rare password 7";
pub(crate) const OTHER: &str = "quite another long password 8";
pub(crate) const ADA: &str = "ada@example.com";
pub(crate) const LANGUAGES: [&str; 2] = ["en", "fr"];

pub(crate) struct House {
    pub(crate) engine: Arc<Engine>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) console: Console,
    /// What the names of its cookies end in.
    mark: Option<String>,
    _folder: tempfile::TempDir,
}

/// How the console of a test is reached.
#[derive(Default)]
pub(crate) struct Reached {
    pub(crate) public_url: Option<&'static str>,
    pub(crate) tls: Option<TlsFiles>,
    pub(crate) trusted_proxies: &'static [&'static str],
    pub(crate) provider: Option<keyward_oidc::Settings>,
}

async fn engine(folder: &Path, clock: Arc<ManualClock>) -> Arc<Engine> {
    let options = SqliteOptions {
        path: folder.join("keyward.db"),
        create: true,
        migrate: true,
        read_only: false,
    };
    let store = SqliteStore::open(&options).await.unwrap();
    let rest = UseCase {
        name: UseCaseName::new("rest-api").unwrap(),
        title: "The REST API".into(),
        routes: None,
    };
    let settings = keyward_engine::Settings {
        format: SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new()),
        catalogue: UseCaseCatalogue::new(vec![rest]).unwrap(),
        max_staleness: Duration::from_secs(3600),
        on_stale: OnStale::Serve,
    };
    let engine = Arc::new(Engine::new(Arc::new(store), clock, settings));
    engine.load().await.unwrap();
    engine
}

impl House {
    /// Without anybody.
    pub(crate) async fn empty() -> Self {
        Self::reached(Reached::default()).await
    }

    pub(crate) async fn reached(reached: Reached) -> Self {
        let house = Self::try_reached(reached).await;
        house.unwrap_or_else(|fault| panic!("{fault}"))
    }

    /// Why such a console does not start, if it does not.
    pub(crate) async fn try_reached(reached: Reached) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(keyward_engine::SystemClock.now()));
        let engine = engine(folder.path(), Arc::clone(&clock)).await;
        let settings = Settings {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: reached.tls,
            public_url: reached.public_url.map(|url| PublicUrl::new(url).unwrap()),
            trusted_proxies: reached
                .trusted_proxies
                .iter()
                .map(|net| net.parse().unwrap())
                .collect(),
            access_log: true,
            gateway_url: "https://api.example.com".into(),
            provider: reached.provider,
            about: keyward_console::About::default(),
        };
        let path = reached
            .public_url
            .map(|url| url.split('/').skip(3).map(|part| format!("-{part}")).collect());
        let console = Console::start(&engine, settings).await;
        Ok(Self {
            mark: path,
            console: console.map_err(|fault| fault.to_string())?,
            engine,
            clock,
            _folder: folder,
        })
    }

    /// With Ada, an administrator with a password.
    pub(crate) async fn with_ada() -> Self {
        let house = Self::empty().await;
        house.move_ada_in().await;
        house
    }

    pub(crate) async fn move_ada_in(&self) {
        let token = self.engine.issue_setup_token().await.unwrap();
        let visitor = Visitor::default();
        let set_up = self
            .engine
            .set_up(token.reveal(), ADA, Some("Ada"), PASSWORD, &visitor);
        set_up.await.unwrap();
    }

    /// The path of an invitation.
    pub(crate) async fn invite(&self, email: &str) -> String {
        let draft = UserDraft {
            email: email.into(),
            name: Some("Grace".into()),
            ..UserDraft::default()
        };
        let (_, token, _) = self.engine.invite_user(&Actor::OPERATOR, &draft).await.unwrap();
        format!("/link/{}", token.reveal())
    }

    /// The path of a link by which somebody chooses another password.
    pub(crate) async fn reset(&self, email: &str) -> String {
        let (token, _) = self
            .engine
            .issue_reset_link(&Actor::OPERATOR, email, None)
            .await
            .unwrap();
        format!("/link/{}", token.reveal())
    }

    /// Whether a token opens a session.
    pub(crate) async fn is_alive(&self, token: &str) -> bool {
        let found = self.engine.find_session(token, &Visitor::default()).await;
        found.unwrap().is_some()
    }

    /// Whether a password lets somebody in.
    pub(crate) async fn lets_in(&self, email: &str, password: &str) -> bool {
        let visitor = Visitor::default();
        let outcome = self.engine.sign_in(email, password, &visitor, None).await;
        matches!(outcome, Ok(SignIn::Done(_)))
    }

    pub(crate) fn browser(&self, language: &'static str) -> Browser {
        Browser {
            address: self.console.address(),
            host: self.console.address().to_string(),
            language,
            origin: Some(format!("http://{}", self.console.address())),
            cookies: BTreeMap::new(),
            mark: match &self.mark {
                Some(mark) => mark.clone(),
                None => format!("-{}", self.console.address().port()),
            },
        }
    }

    /// A browser in which Ada is signed in.
    pub(crate) async fn ada(&self, language: &'static str) -> Browser {
        let mut browser = self.browser(language);
        let answer = browser.sign_in(ADA, PASSWORD).await;
        assert_eq!(answer.location(), Some("/integrations/keys"), "{answer:?}");
        browser
    }

    /// Lets time pass.
    pub(crate) fn wait(&self, seconds: i64) {
        self.clock.advance(seconds * 1000);
    }
}

/// Somebody at a browser.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    address: SocketAddr,
    /// The host that it asks for.
    pub(crate) host: String,
    language: &'static str,
    pub(crate) origin: Option<String>,
    /// By their names, without what tells the consoles of one host apart.
    pub(crate) cookies: BTreeMap<String, String>,
    mark: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn location(&self) -> Option<&str> {
        self.headers("location").next()
    }

    /// What is said at a field.
    pub(crate) fn fault(&self, field: &str) -> Option<&str> {
        let start = format!("id=\"{field}-fault\">");
        self.body.split_once(&start)?.1.split('<').next()
    }

    /// The value of the first field of a name.
    pub(crate) fn value(&self, field: &str) -> Option<&str> {
        let named = format!("name=\"{field}\"");
        let tag = self.body.split('<').find(|tag| tag.contains(&named))?;
        tag.split_once("value=\"")?.1.split('"').next()
    }

    /// The text between two marks.
    pub(crate) fn between(&self, start: &str, end: &str) -> Option<&str> {
        let (text, _) = self.body.split_once(start)?.1.split_once(end)?;
        Some(text)
    }

    pub(crate) fn assert_says(&self, text: &str) {
        assert!(self.body.contains(text), "no `{text}` in {self:?}");
    }
}

impl Browser {
    pub(crate) fn session(&self) -> String {
        let named = |name: &str| self.cookies.get(name).cloned();
        named("keyward-session")
            .or_else(|| named("__Host-keyward-session"))
            .unwrap_or_default()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], &[]).await
    }

    /// Sends a form as it stands on an open page.
    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("POST", path, &[], fields).await
    }

    /// Sends a form of somebody who is signed in, with the token of `page`.
    pub(crate) async fn submit(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(page).await;
        let token = page.value("token").unwrap().to_owned();
        let mut all = vec![("token", token.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    pub(crate) async fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.post("/sign-in", &[("email", email), ("password", password)])
            .await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Answer {
        let request = self.request(method, path, headers, fields);
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        self.take(&bytes)
    }

    pub(crate) fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> String {
        let (host, language) = (&self.host, self.language);
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAccept-Language: {language}\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n"
        );
        if !self.cookies.is_empty() {
            let mark = &self.mark;
            let pairs = self
                .cookies
                .iter()
                .map(|(name, value)| format!("{name}{mark}={value}"));
            let _ = write!(text, "Cookie: {}\r\n", pairs.collect::<Vec<_>>().join("; "));
        }
        for (name, value) in headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if method == "GET" {
            return text + "\r\n";
        }
        if let Some(origin) = &self.origin {
            let _ = write!(text, "Origin: {origin}\r\n");
        }
        let pairs = fields
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&");
        let _ = write!(
            text,
            "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        text
    }

    /// Reads an answer and keeps its cookies.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Answer {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text
            .split_once("\r\n\r\n")
            .unwrap_or_else(|| panic!("no answer: {text}"));
        let answer = Answer {
            status: head[9..12].parse().unwrap(),
            head: head.to_owned(),
            body: body.to_owned(),
        };
        for cookie in answer.headers("set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let name = name
                .strip_suffix(&self.mark)
                .unwrap_or_else(|| panic!("{cookie} is of another console"));
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                let value = rest.split(';').next().unwrap().to_owned();
                self.cookies.insert(name.to_owned(), value);
            }
        }
        answer
    }
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "%{byte:02X}");
        all
    })
}
