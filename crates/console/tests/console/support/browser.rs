//! Somebody at a browser: raw HTTP, one connection a request, with a jar of cookies.

use super::Answer;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Says in which zone somebody is; the only cookie that is the same for all consoles of one host.
const ZONE: &str = "keyward-zone";

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

impl Browser {
    /// Before the console at this address, the names of whose cookies end in `mark`.
    pub(crate) fn at(address: SocketAddr, mark: String, language: &'static str) -> Self {
        Self {
            address,
            host: address.to_string(),
            language,
            origin: Some(format!("http://{address}")),
            cookies: BTreeMap::new(),
            mark,
        }
    }

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
        let answer = self.send_once(method, path, headers, fields).await;
        self.keep_cookies(&answer);
        answer
    }

    /// The same, but keeps no cookie of the answer.
    pub(crate) async fn send_once(
        &self,
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
        Answer::read(&bytes)
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
            let pairs = self.cookies.iter().map(|(name, value)| match name.as_str() {
                ZONE => format!("{name}={value}"),
                _ => format!("{name}{}={value}", self.mark),
            });
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

    /// Keeps the cookies of an answer.
    pub(crate) fn keep_cookies(&mut self, answer: &Answer) {
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
    }
}

/// A text with every byte percent-encoded.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        let _ = write!(all, "%{byte:02X}");
        all
    })
}
