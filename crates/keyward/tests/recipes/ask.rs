//! One request as a client writes it, and what came of it.

use keyward_testkit::{RawClient, RawResponse};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A request; the target and the values are any bytes.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: String,
    target: Vec<u8>,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// Status; 0 is a connection that was closed without an answer of HTTP/1.1.
    pub(crate) status: u16,
    /// `code` of the problem document; empty when the body is none.
    pub(crate) code: String,
    pub(crate) answer: RawResponse,
}

impl Ask {
    pub(crate) fn new(method: &str, target: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            target: target.as_ref().to_vec(),
            fields: vec![("Host".to_owned(), b"localhost".to_vec())],
            body: Vec::new(),
        }
    }

    pub(crate) fn get(target: impl AsRef<[u8]>) -> Self {
        Self::new("GET", target)
    }

    pub(crate) fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn key(self, secret: &str) -> Self {
        self.with("X-API-KEY", secret)
    }

    /// With a body of this length.
    pub(crate) fn body(self, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref().to_vec();
        let length = body.len().to_string();
        Self { body, ..self }.with("Content-Length", length)
    }

    /// With this body in two chunks.
    pub(crate) fn chunked(self, body: &str) -> Self {
        let (one, two) = body.split_at(body.len() / 2);
        let body = format!(
            "{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n",
            one.len(),
            two.len()
        );
        self.coded(&body)
    }

    /// With this body, which is in chunks already.
    pub(crate) fn coded(self, body: &str) -> Self {
        let body = body.as_bytes().to_vec();
        Self { body, ..self }.with("Transfer-Encoding", "chunked")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = [self.method.as_bytes(), b" ", &self.target, b" HTTP/1.1\r\n"].concat();
        for (name, value) in &self.fields {
            bytes.extend_from_slice(&[name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// For messages.
    pub(crate) fn text(&self) -> String {
        self.bytes().escape_ascii().to_string()
    }

    /// Sends it on a connection of its own.
    pub(crate) async fn say(&self, address: SocketAddr) -> Said {
        self.say_from(1, address).await
    }

    /// Sends it from 127.0.0.`last`.
    pub(crate) async fn say_from(&self, last: u8, address: SocketAddr) -> Said {
        let local = IpAddr::from(Ipv4Addr::new(127, 0, 0, last));
        let mut client = RawClient::connect_from(local, address).await;
        // Who refuses may close before it has taken every byte.
        drop(client.try_send(self.bytes()).await);
        let answer = client.try_read_response(&self.method).await.unwrap_or_default();
        Said {
            status: answer.status,
            code: answer.code(),
            answer,
        }
    }
}
