//! One request, spoken in each of the ways that the gateway understands, and what came of it.

use crate::asked::Dialect;
use crate::envoy;
use keyward_testkit::{H2Outcome, RawH2, RawResponse, World, problem_code};
use std::net::IpAddr;
use std::time::Duration;

/// How a request is spoken: to the gateway, or by a proxy that asks about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    Http1,
    Http2,
    Asked(Dialect),
    /// Envoy, over gRPC.
    Envoy,
}

impl Way {
    /// Whether a request can be told in this way.
    pub(crate) fn can_tell(self, ask: &Ask) -> bool {
        match self {
            Self::Http1 | Self::Http2 => true,
            Self::Asked(dialect) => dialect.can_tell(ask),
            Self::Envoy => envoy::can_tell(ask),
        }
    }
}

/// A request; the target and the values are any bytes.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) target: Vec<u8>,
    pub(crate) host: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    /// Where it comes from, when a proxy tells of it.
    pub(crate) peer: IpAddr,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Status; 0 is a reset stream or a closed HTTP/2 connection.
    pub(crate) status: u16,
    /// `code` of the problem document; empty when the body is none.
    pub(crate) code: String,
    /// Header fields; HTTP/1.1 only.
    pub(crate) head: Option<RawResponse>,
}

/// Where requests go.
#[derive(Clone, Copy)]
pub(crate) struct Door<'a>(pub(crate) &'a World);

impl Ask {
    pub(crate) fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            host: "localhost".to_owned(),
            fields: Vec::new(),
            peer: IpAddr::from([127, 0, 0, 1]),
        }
    }

    pub(crate) fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn host(self, host: &str) -> Self {
        let host = host.to_owned();
        Self { host, ..self }
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn key(self, secret: &str) -> Self {
        self.with("X-API-KEY", secret)
    }

    /// The bytes of HTTP/1.1.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.method.clone().into_bytes();
        bytes.push(b' ');
        bytes.extend_from_slice(&self.target);
        bytes.extend_from_slice(format!(" HTTP/1.1\r\nHost: {}\r\n", self.host).as_bytes());
        for (name, value) in &self.fields {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

impl Door<'_> {
    pub(crate) async fn connect_h2(self) -> RawH2 {
        self.0.connect_h2().await
    }

    /// Sends a request on a connection of its own.
    pub(crate) async fn say(self, way: Way, ask: &Ask) -> Said {
        match way {
            Way::Http1 => self.say_http1(ask).await,
            Way::Http2 => self.say_http2(ask).await,
            Way::Asked(dialect) => dialect.say(self.0.keyward.authz(), ask).await,
            Way::Envoy => envoy::say(self.0.keyward.authz(), ask).await,
        }
    }

    async fn say_http1(self, ask: &Ask) -> Said {
        let mut client = self.0.connect().await;
        // A gateway may refuse and close before it has taken every byte.
        drop(client.try_send(ask.bytes()).await);
        let answer = client.try_read_response(&ask.method).await;
        let answer = answer.unwrap_or_else(|e| panic!("{e}; request: {}", ask.text()));
        let closes = answer.header("connection") == Some("close");
        assert!(
            closes || answer.status != 400,
            "a 400 must say that it closes: {answer:?}; request: {}",
            ask.text()
        );
        if closes {
            assert!(
                client.is_closed_within(Duration::from_secs(40)).await,
                "still open after `Connection: close`; request: {}",
                ask.text()
            );
        }
        Said {
            status: answer.status,
            code: answer.code(),
            head: Some(answer),
        }
    }

    async fn say_http2(self, ask: &Ask) -> Said {
        let mut h2 = self.connect_h2().await;
        let scheme = if self.0.certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let pseudo = [
            (":method", ask.method.as_bytes()),
            (":scheme", scheme.as_bytes()),
            (":authority", ask.host.as_bytes()),
            (":path", &ask.target),
        ];
        let fields = ask
            .fields
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        let all: Vec<(String, Vec<u8>)> = pseudo
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
            .chain(fields)
            .collect();
        h2.headers(1, &all, true).await;
        let (status, body) = match h2.outcome(1).await {
            H2Outcome::Status(status) if ask.method == "HEAD" || status == 204 => (status, Vec::new()),
            H2Outcome::Status(status) => (status, h2.body(1).await.unwrap_or_default()),
            H2Outcome::Reset(_) | H2Outcome::GoAway(_) | H2Outcome::Closed => (0, Vec::new()),
        };
        Said {
            status,
            code: problem_code(&body),
            head: None,
        }
    }
}

impl Said {
    /// Status and code, for tables.
    pub(crate) fn word(&self) -> (u16, &str) {
        (self.status, &self.code)
    }
}
