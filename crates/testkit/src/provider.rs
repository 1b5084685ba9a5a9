//! A provider of OpenID Connect: a server of its own that signs its tokens, checks its client, the code and PKCE, and can be
//! told to misbehave.

mod answers;
mod keys;

use crate::RawClient;
use answers::Asked;
use http_body_util::BodyExt;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use keys::Keys;
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// What a provider does otherwise than it should, or otherwise than most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each name says it")]
pub enum Trick {
    None,
    // The description.
    OtherDescription,
    HugeDescription,
    MovedDescription,
    BrokenDescription,
    TokensElsewhere,
    SecretInBody,
    // The answer that the browser carries.
    Declines,
    NoIssuerInAnswer,
    OtherIssuerInAnswer,
    // The trade of the code.
    RefusesCodes,
    HugeTokens,
    BrokenTokens,
    NoIdToken,
    // The claims.
    OtherNonce,
    NoNonce,
    OtherAudience,
    MoreAudiences,
    OtherParty,
    OtherIssuer,
    Expired,
    MadeEarlier,
    MadeALittleEarlier,
    MadeALittleLater,
    MadeLater,
    NoSubject,
    UnverifiedEmail,
    EmailOfUnknownState,
    EmailInUserInfo,
    UserInfoOfAnother,
    // The signature.
    Es256,
    Unsigned,
    PublicKeyAsSecret,
    SharedSecret,
    ForeignKey,
    OtherSignature,
    /// It takes connections and never answers.
    Silent,
}

/// A running provider.
pub struct OidcProvider {
    address: SocketAddr,
    inside: Arc<Mutex<Inside>>,
    server: JoinHandle<()>,
}

struct Inside {
    issuer: String,
    /// The path under which all its addresses lie.
    folder: String,
    client: String,
    secret: Option<String>,
    subject: String,
    email: String,
    trick: Trick,
    /// The seconds since 1970 that its clock shows; it goes on when it is told to.
    now: i64,
    keys: Keys,
    other_keys: Keys,
    codes: HashMap<String, Granted>,
    asked: HashMap<String, usize>,
}

/// What a code was given for.
struct Granted {
    nonce: String,
    challenge: String,
    redirect: String,
    is_used: bool,
}

impl OidcProvider {
    /// Starts one for a client `keyward`, with this secret or without any, whose clock shows so many seconds since 1970.
    pub async fn start(secret: Option<&str>, now: i64) -> Self {
        Self::start_in("", secret, now).await
    }

    /// Starts one whose addresses, its issuer's too, lie under a path, as those of providers with many tenants do.
    pub async fn start_in(folder: &str, secret: Option<&str>, now: i64) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inside = Arc::new(Mutex::new(Inside {
            // Another site than 127.0.0.1, as a provider is to a browser.
            issuer: format!("http://localhost:{}{folder}", address.port()),
            folder: folder.into(),
            client: "keyward".into(),
            secret: secret.map(str::to_owned),
            subject: "subject-1".into(),
            email: "ada@example.com".into(),
            trick: Trick::None,
            now,
            keys: Keys::make("first"),
            other_keys: Keys::make("second"),
            codes: HashMap::new(),
            asked: HashMap::new(),
        }));
        let server = tokio::spawn(serve(listener, Arc::clone(&inside)));
        Self {
            address,
            inside,
            server,
        }
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        self.inside().issuer.clone()
    }

    /// From now on it vouches for this person.
    pub fn vouch_for(&self, subject: &str, email: &str) {
        let mut inside = self.inside();
        (inside.subject, inside.email) = (subject.into(), email.into());
    }

    /// From now on it does this.
    pub fn play(&self, trick: Trick) {
        self.inside().trick = trick;
    }

    /// It signs with other keys from now on, and names only those.
    pub fn rotate_keys(&self) {
        let mut inside = self.inside();
        let inside = &mut *inside;
        std::mem::swap(&mut inside.keys, &mut inside.other_keys);
    }

    /// Its clock shows so many seconds since 1970 now.
    pub fn set_clock(&self, now: i64) {
        self.inside().now = now;
    }

    /// Its clock goes on by so many seconds.
    pub fn wait(&self, seconds: i64) {
        self.inside().now += seconds;
    }

    /// How often an address was asked for.
    pub fn asked(&self, path: &str) -> usize {
        self.inside().asked.get(path).copied().unwrap_or_default()
    }

    /// Does what a person does who is sent here and says yes: the address that the browser is sent back to.
    pub async fn say_yes(&self, sent_to: &str) -> Url {
        let sent_to = Url::parse(sent_to).unwrap_or_else(|e| panic!("{sent_to}: {e}"));
        assert_eq!(
            (sent_to.port(), sent_to.path()),
            (Some(self.address.port()), "/authorize")
        );
        let target = format!("/authorize/yes?{}", sent_to.query().unwrap_or_default());
        let mut client = RawClient::connect(self.address).await;
        client.send(crate::request("GET", &target, &[], "")).await;
        let answer = client.read_response().await;
        let back = answer.header("location").unwrap_or_else(|| panic!("{answer:?}"));
        Url::parse(back).expect("an address")
    }

    /// Goes away: its port is closed.
    pub async fn stop(self) {
        self.server.abort();
        let _ = self.server.await;
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap()
    }
}

async fn serve(listener: TcpListener, inside: Arc<Mutex<Inside>>) {
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        tokio::spawn(connection(stream, Arc::clone(&inside)));
    }
}

async fn connection(stream: TcpStream, inside: Arc<Mutex<Inside>>) {
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let inside = Arc::clone(&inside);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map(|body| body.to_bytes().to_vec());
            let asked = Asked {
                path: parts.uri.path().to_owned(),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                headers: parts.headers,
                body: body.unwrap_or_default(),
            };
            if inside.lock().unwrap().trick == Trick::Silent {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(inside.lock().unwrap().answer(&asked))
        }
    });
    // A client that goes away in the middle is no concern of a provider's.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
