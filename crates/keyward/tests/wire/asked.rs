//! A request that a proxy asks about, told in each dialect as that proxy tells it.

use crate::spoken::{Ask, Said};
use keyward_testkit::{RawClient, RawResponse};
use std::net::SocketAddr;

/// How a proxy asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Dialect {
    Nginx,
    ForwardAuth,
    ExtAuthz,
}

/// All of them.
pub(crate) const DIALECTS: [Dialect; 3] = [Dialect::Nginx, Dialect::ForwardAuth, Dialect::ExtAuthz];

impl Dialect {
    /// The fields in which this proxy tells method, target, host and address: a client's own are replaced.
    fn own_fields(self) -> &'static [&'static str] {
        match self {
            Self::Nginx => &[
                "x-original-method",
                "x-original-uri",
                "x-original-host",
                "x-original-address",
            ],
            Self::ForwardAuth => &["x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"],
            Self::ExtAuthz => &[],
        }
    }

    /// Whether this dialect can tell of a request: blanks around a value are no part of it. Pages of the gateway's own are
    /// not asked about, either.
    pub(crate) fn can_tell(self, ask: &Ask) -> bool {
        if ask.target == b"/keyward/self" {
            return false;
        }
        let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
        self == Self::ExtAuthz || !(blank(ask.target.first()) || blank(ask.target.last()))
    }

    /// The question, as bytes of HTTP/1.1.
    pub(crate) fn bytes(self, ask: &Ask) -> Vec<u8> {
        let line = |name: &str, value: &[u8]| [name.as_bytes(), b": ", value, b"\r\n"].concat();
        let peer = ask.peer.to_string();
        let mut told = match self {
            Self::Nginx => [
                b"GET /authz/nginx HTTP/1.1\r\nHost: keyward\r\n".to_vec(),
                line("X-Original-Method", ask.method.as_bytes()),
                line("X-Original-URI", &ask.target),
                line("X-Original-Host", ask.host.as_bytes()),
                line("X-Original-Address", peer.as_bytes()),
            ]
            .concat(),
            Self::ForwardAuth => [
                b"GET /authz/forward-auth HTTP/1.1\r\nHost: keyward\r\n".to_vec(),
                line("X-Forwarded-Method", ask.method.as_bytes()),
                line("X-Forwarded-Uri", &ask.target),
                line("X-Forwarded-Host", ask.host.as_bytes()),
            ]
            .concat(),
            Self::ExtAuthz => [
                format!("{} /authz/ext-authz", ask.method).as_bytes(),
                &ask.target,
                b" HTTP/1.1\r\n",
                &line("Host", ask.host.as_bytes()),
            ]
            .concat(),
        };
        for (name, value) in &ask.fields {
            if !self.own_fields().contains(&&*name.to_ascii_lowercase()) {
                told.extend(line(name, value));
            }
        }
        if self != Self::Nginx {
            told.extend(line("X-Forwarded-For", peer.as_bytes()));
        }
        told.extend_from_slice(b"\r\n");
        told
    }

    /// The method of the question itself.
    pub(crate) fn method(self, ask: &Ask) -> &str {
        match self {
            Self::Nginx | Self::ForwardAuth => "GET",
            Self::ExtAuthz => &ask.method,
        }
    }

    /// Asks on a connection of its own, and tells what the client would get.
    pub(crate) async fn say(self, authz: SocketAddr, ask: &Ask) -> Said {
        let answer = self.answer(authz, self.bytes(ask), self.method(ask)).await;
        let code = match ask.method.as_str() {
            "HEAD" => String::new(),
            _ => answer.code(),
        };
        Said {
            status: self.true_status(&answer),
            code,
            head: Some(answer),
        }
    }

    /// The answer to a question, which every proxy must be able to take.
    pub(crate) async fn answer(self, authz: SocketAddr, question: Vec<u8>, method: &str) -> RawResponse {
        let mut client = RawClient::connect(authz).await;
        drop(client.try_send(&question).await);
        let text = String::from_utf8_lossy(&question).into_owned();
        let answer = client.try_read_response(method).await;
        let answer = answer.unwrap_or_else(|e| panic!("{e}; question: {text}"));
        assert!(answer.head.len() + answer.body.len() < 4096, "{answer:?}");
        let lengths = answer.header_all("content-length").len();
        assert!(lengths == 1 || answer.status == 204, "{answer:?}");
        answer
    }

    /// The status that the client would get.
    pub(crate) fn true_status(self, answer: &RawResponse) -> u16 {
        match (self, answer.header("x-keyward-status")) {
            (Self::Nginx, Some(status)) => {
                let expected = match status {
                    "200" => 200,
                    "401" => 401,
                    _ => 403,
                };
                assert_eq!(answer.status, expected, "{answer:?}");
                let body = answer.header("x-keyward-body").unwrap_or_default();
                assert_eq!(body.as_bytes(), answer.body, "{answer:?}");
                status.parse().unwrap()
            }
            // The reader of heads refuses what is no question at all.
            (Self::Nginx, None) => {
                assert!(!matches!(answer.status, 200..300), "{answer:?}");
                answer.status
            }
            _ => answer.status,
        }
    }
}
