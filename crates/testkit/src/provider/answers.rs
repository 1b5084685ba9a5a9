//! What a provider answers at each of its addresses.

use super::keys::base64;
use super::{Granted, Inside, Trick};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};
use http_body_util::Full;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use url::Url;
use url::form_urlencoded::parse;

pub(super) type Answer = Response<Full<Bytes>>;

/// A request, read.
pub(super) struct Asked {
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

fn answer(status: StatusCode, kind: &str, body: impl Into<Bytes>) -> Answer {
    let answer = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, kind);
    answer.body(Full::new(body.into())).expect("an answer")
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

fn redirect(to: &str) -> Answer {
    let mut answer = answer(StatusCode::FOUND, "text/plain", "");
    answer
        .headers_mut()
        .insert(header::LOCATION, to.parse().expect("an address"));
    answer
}

fn fields(text: &[u8]) -> HashMap<String, String> {
    parse(text).into_owned().collect()
}

impl Inside {
    pub(super) fn answer(&mut self, asked: &Asked) -> Answer {
        let path = asked.path.strip_prefix(&self.folder).unwrap_or_default();
        *self.asked.entry(path.to_owned()).or_default() += 1;
        match path {
            "/.well-known/openid-configuration" => self.description(),
            "/keys" => json_answer(StatusCode::OK, &json!({ "keys": self.keys.public() })),
            "/authorize" => page(&asked.query),
            "/authorize/yes" => self.grant(&asked.query),
            "/token" => self.trade(asked),
            "/userinfo" => self.user_info(asked),
            _ => answer(StatusCode::NOT_FOUND, "text/plain", "nothing"),
        }
    }

    fn description(&self) -> Answer {
        let issuer = &self.issuer;
        let named = if self.trick == Trick::OtherDescription {
            "http://localhost:1"
        } else {
            issuer
        };
        let tokens = if self.trick == Trick::TokensElsewhere {
            "http://keyward.invalid/token".to_owned()
        } else {
            format!("{issuer}/token")
        };
        let mut body = json!({
            "issuer": named,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": tokens,
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": true,
        });
        if self.trick == Trick::SecretInBody {
            body["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
        }
        match self.trick {
            Trick::HugeDescription => {
                body["service_documentation"] = json!("x".repeat(300_000));
                json_answer(StatusCode::OK, &body)
            }
            Trick::MovedDescription => redirect(&format!("{issuer}/elsewhere")),
            Trick::BrokenDescription => answer(StatusCode::OK, "application/json", "{"),
            _ => json_answer(StatusCode::OK, &body),
        }
    }

    /// Sends the browser back, with a code or with a no.
    fn grant(&mut self, query: &str) -> Answer {
        let asked = fields(query.as_bytes());
        let get = |name: &str| asked.get(name).cloned().unwrap_or_default();
        assert_eq!(get("code_challenge_method"), "S256", "{asked:?}");
        assert_eq!(
            (get("response_type"), get("client_id")),
            ("code".into(), self.client.clone())
        );
        assert!(
            get("scope").split(' ').any(|scope| scope == "openid"),
            "{asked:?}"
        );
        let mut back = Url::parse(&get("redirect_uri")).expect("a redirect URI");
        let mut pairs = back.query_pairs_mut();
        pairs.append_pair("state", &get("state"));
        match self.trick {
            Trick::NoIssuerInAnswer => {}
            Trick::OtherIssuerInAnswer => drop(pairs.append_pair("iss", "https://evil.example")),
            _ => drop(pairs.append_pair("iss", &self.issuer)),
        }
        if self.trick == Trick::Declines {
            pairs.append_pair("error", "access_denied");
            pairs.append_pair("error_description", "<b>you may not</b>");
        } else {
            let code = format!("code-{}", self.codes.len());
            pairs.append_pair("code", &code);
            let granted = Granted {
                nonce: get("nonce"),
                challenge: get("code_challenge"),
                redirect: get("redirect_uri"),
                is_used: false,
            };
            self.codes.insert(code, granted);
        }
        drop(pairs);
        redirect(back.as_str())
    }

    fn trade(&mut self, asked: &Asked) -> Answer {
        let form = fields(&asked.body);
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let no = |why: &str| json_answer(StatusCode::BAD_REQUEST, &json!({ "error": why }));
        if !self.knows_client(&asked.headers, get("client_id"), get("client_secret")) {
            return no("invalid_client");
        }
        let Some(granted) = self.codes.get_mut(get("code")) else {
            return no("invalid_grant");
        };
        let challenge = base64(Sha256::digest(get("code_verifier")));
        let is_right = challenge == granted.challenge && get("redirect_uri") == granted.redirect;
        if !is_right || granted.is_used || get("grant_type") != "authorization_code" {
            return no("invalid_grant");
        }
        granted.is_used = true;
        let nonce = granted.nonce.clone();
        let token = self.token(&nonce);
        match self.trick {
            Trick::RefusesCodes => no("invalid_grant"),
            Trick::HugeTokens => answer(StatusCode::OK, "application/json", "x".repeat(300_000)),
            Trick::BrokenTokens => answer(StatusCode::OK, "application/json", "{\"access_token\":"),
            Trick::NoIdToken => json_answer(
                StatusCode::OK,
                &json!({ "access_token": "access", "token_type": "Bearer" }),
            ),
            _ => json_answer(
                StatusCode::OK,
                &json!({ "access_token": "access", "token_type": "Bearer", "expires_in": 60, "id_token": token }),
            ),
        }
    }

    fn knows_client(&self, headers: &HeaderMap, id: &str, secret: &str) -> bool {
        let Some(wanted) = &self.secret else {
            return id == self.client && !headers.contains_key(header::AUTHORIZATION);
        };
        if self.trick == Trick::SecretInBody {
            return id == self.client && secret == wanted;
        }
        let pair = BASE64_STANDARD.encode(format!("{}:{wanted}", self.client));
        let sent = headers.get(header::AUTHORIZATION);
        sent.is_some_and(|sent| sent.as_bytes() == format!("Basic {pair}").as_bytes())
    }

    fn token(&self, nonce: &str) -> String {
        let now = self.now;
        let mut claims = json!({
            "iss": self.issuer, "sub": self.subject, "aud": self.client, "nonce": nonce,
            "iat": now, "exp": now + 300, "email": self.email, "email_verified": true,
        });
        match self.trick {
            Trick::OtherNonce => claims["nonce"] = json!("another"),
            Trick::NoNonce => drop(claims.as_object_mut().expect("claims").remove("nonce")),
            Trick::OtherAudience => claims["aud"] = json!("another"),
            Trick::MoreAudiences => claims["aud"] = json!([self.client, "another"]),
            Trick::OtherParty => claims["azp"] = json!("another"),
            Trick::OtherIssuer => claims["iss"] = json!("https://evil.example"),
            Trick::Expired => claims["exp"] = json!(now - 1),
            Trick::MadeEarlier => claims["iat"] = json!(now - 310),
            Trick::MadeALittleEarlier => claims["iat"] = json!(now - 290),
            Trick::MadeALittleLater => claims["iat"] = json!(now + 290),
            Trick::MadeLater => claims["iat"] = json!(now + 310),
            Trick::NoSubject => claims["sub"] = json!(""),
            Trick::UnverifiedEmail => claims["email_verified"] = json!(false),
            Trick::EmailOfUnknownState => {
                drop(claims.as_object_mut().expect("claims").remove("email_verified"));
            }
            Trick::EmailInUserInfo | Trick::UserInfoOfAnother => {
                drop(claims.as_object_mut().expect("claims").remove("email"));
            }
            _ => {}
        }
        self.signed(&claims)
    }

    fn signed(&self, claims: &Value) -> String {
        let secret = self.secret.as_deref().unwrap_or_default();
        match self.trick {
            Trick::Es256 => self.keys.es256(claims),
            Trick::Unsigned => format!("{}.", self.keys.unsigned("none", "rsa", claims)),
            Trick::PublicKeyAsSecret => self.keys.hs256(self.keys.public_bytes(), claims),
            Trick::SharedSecret => self.keys.hs256(secret.as_bytes(), claims),
            Trick::ForeignKey => self.other_keys.rs256(claims),
            Trick::OtherSignature => {
                let mut token = self.keys.rs256(&json!({}));
                let signature = token.split_off(token.rfind('.').expect("a signature"));
                self.keys.unsigned("RS256", "rsa", claims) + &signature
            }
            _ => self.keys.rs256(claims),
        }
    }

    fn user_info(&self, asked: &Asked) -> Answer {
        let sent = asked.headers.get(header::AUTHORIZATION);
        assert_eq!(sent.map(http::HeaderValue::as_bytes), Some(&b"Bearer access"[..]));
        let subject = if self.trick == Trick::UserInfoOfAnother {
            "another"
        } else {
            &self.subject
        };
        // Some providers write it as a text.
        let body = json!({ "sub": subject, "email": self.email, "email_verified": "true" });
        json_answer(StatusCode::OK, &body)
    }
}

/// What people meet there.
fn page(query: &str) -> Answer {
    let fields: String = parse(query.as_bytes())
        .map(|(name, value)| format!("<input type=hidden name=\"{name}\" value=\"{value}\">"))
        .collect();
    let html = format!(
        "<!doctype html><html lang=en><title>Provider</title><h1>Provider</h1>\
         <form action=authorize/yes>{fields}<button id=yes>It is me</button></form>"
    );
    answer(StatusCode::OK, "text/html; charset=utf-8", html)
}
