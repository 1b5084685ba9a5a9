//! Requests with a key, and what is made of their answers.

use crate::{Keyward, RawClient, RawResponse, exchange, request};
use serde_json::Value;

/// The bytes of a GET with a key.
pub fn get(target: &str, secret: &str) -> Vec<u8> {
    request("GET", target, &[("X-API-KEY", secret)], "")
}

/// The `code` of a problem document; empty when the body is none.
pub fn problem_code(body: &[u8]) -> String {
    let document: Value = serde_json::from_slice(body).unwrap_or_default();
    document["code"].as_str().unwrap_or_default().to_owned()
}

/// `200`, or the status and the code of a problem document: `401 key_disabled`; a document without code has `-` in its place.
pub fn verdict(answer: &RawResponse) -> String {
    if answer.status == 200 {
        return "200".to_owned();
    }
    let code = answer.code();
    format!("{} {}", answer.status, if code.is_empty() { "-" } else { &code })
}

/// A header field's name as a reader sees it who takes every other sign than letters and digits for a hyphen, in lower case.
pub fn folded(name: &str) -> String {
    let fold = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    name.chars().map(fold).collect()
}

impl RawResponse {
    /// The `code` of a problem document; empty when the body is none.
    pub fn code(&self) -> String {
        problem_code(&self.body)
    }

    /// A number in a header.
    pub fn number(&self, header: &str) -> i64 {
        self.header(header)
            .unwrap_or_else(|| panic!("no {header}: {} {}", verdict(self), self.text()))
            .parse()
            .unwrap_or_else(|e| panic!("{header}: {e}: {self:?}"))
    }
}

impl Keyward {
    /// `GET /api/1/x` with a key, at the gateway, on a connection of its own.
    pub async fn ask(&self, secret: &str) -> RawResponse {
        exchange(self.gateway(), get("/api/1/x", secret)).await
    }

    /// What [`verdict`] tells of that.
    pub async fn verdict(&self, secret: &str) -> String {
        verdict(&self.ask(secret).await)
    }

    /// What `/readyz` answers, whatever its status.
    pub async fn readyz(&self) -> RawResponse {
        let asked = request("GET", "/readyz", &[("Connection", "close")], "");
        exchange(self.ops(), asked).await
    }
}

impl RawClient {
    /// `GET /api/1/x` with a key, on this connection.
    pub async fn ask(&mut self, secret: &str) -> RawResponse {
        self.send(get("/api/1/x", secret)).await;
        self.read_response().await
    }

    /// What [`verdict`] tells of that.
    pub async fn verdict(&mut self, secret: &str) -> String {
        verdict(&self.ask(secret).await)
    }
}
