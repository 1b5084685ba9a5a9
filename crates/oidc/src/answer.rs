//! What a provider sends a browser back with.

use crate::fault::Fault;
use crate::flow::Flow;
use crate::settings::Issuer;
use url::form_urlencoded;

/// The longest value that is looked at.
const MOST: usize = 4096;

/// The query of the address that a provider sends a browser back to (RFC 6749, section 4.1.2). A parameter that is there
/// twice makes all of it unreadable.
#[derive(Default)]
pub struct Answer {
    code: Option<String>,
    state: Option<String>,
    issuer: Option<String>,
    error: Option<String>,
}

impl Answer {
    /// Reads a query; `None` when it could be read in two ways.
    pub fn read(query: &str) -> Option<Self> {
        let mut answer = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match &*name {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.issuer,
                "error" => &mut answer.error,
                _ => continue,
            };
            if place.is_some() || value.len() > MOST {
                return None;
            }
            *place = Some(value.into_owned());
        }
        Some(answer)
    }

    /// Whether this answers a sign-in.
    pub fn belongs_to(&self, flow: &Flow) -> bool {
        flow.is_answered_by(self.state.as_deref().unwrap_or_default())
    }

    /// The code, if this is the answer to a sign-in and comes from the issuer (RFC 9207).
    pub(crate) fn code(&self, flow: &Flow, issuer: &Issuer, must_name_issuer: bool) -> Result<&str, Fault> {
        if !self.belongs_to(flow) {
            return Err(Fault::refused("it answers another sign-in"));
        }
        match &self.issuer {
            Some(named) if named == issuer.as_str() => {}
            None if !must_name_issuer => {}
            _ => return Err(Fault::refused("it does not come from the issuer")),
        }
        if let Some(error) = &self.error {
            return Err(Fault::Declined(known(error)));
        }
        match self.code.as_deref() {
            Some(code) if !code.is_empty() => Ok(code),
            _ => Err(Fault::refused("there is no code")),
        }
    }
}

/// The code of an error, if it is one of those that there are (RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section
/// 3.1.2.6): whatever else a query holds goes nowhere.
fn known(error: &str) -> &'static str {
    const CODES: [&str; 11] = [
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_response_type",
    ];
    let found = CODES.into_iter().find(|code| *code == error);
    found.unwrap_or("another code")
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyward_domain::Timestamp;

    fn flow() -> Flow {
        let kept = "0.aaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbb.cccccccccccccccccccc";
        Flow::read(kept, Timestamp::from_millis(0)).unwrap()
    }

    #[test]
    fn a_code_is_taken_from_an_answer_to_this_sign_in_of_this_issuer_alone() {
        let issuer = Issuer::new("https://sso.example.com").unwrap();
        let state = "state=aaaaaaaaaaaaaaaaaaaa";
        let own = "iss=https%3A%2F%2Fsso.example.com";
        let table = [
            (format!("code=c&{state}"), false, Ok("c")),
            (format!("code=c&{state}&more=x"), false, Ok("c")),
            (format!("code=c&{state}&{own}"), true, Ok("c")),
            (format!("code=c&{state}"), true, Err("issuer")),
            (
                format!("code=c&{state}&iss=https%3A%2F%2Fevil.example"),
                false,
                Err("issuer"),
            ),
            (format!("code=c&{state}&iss="), false, Err("issuer")),
            ("code=c".into(), false, Err("another")),
            ("code=c&state=".into(), false, Err("another")),
            ("code=c&state=bbbbbbbbbbbbbbbbbbbb".into(), false, Err("another")),
            (state.into(), false, Err("no code")),
            (format!("code=&{state}"), false, Err("no code")),
            (
                format!("error=access_denied&{state}"),
                false,
                Err("access_denied"),
            ),
            ("error=access_denied".into(), false, Err("another sign-in")),
            (format!("error=kw_secret&{state}"), false, Err("another code")),
        ];
        for (query, must_name, wanted) in table {
            let answer = Answer::read(&query).unwrap();
            let code = answer.code(&flow(), &issuer, must_name);
            match (code, wanted) {
                (Ok(code), Ok(wanted)) => assert_eq!(code, wanted, "{query}"),
                (Err(fault), Err(word)) => assert!(fault.to_string().contains(word), "{query}: {fault}"),
                (code, _) => panic!("{query}: {code:?}"),
            }
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_no_answer() {
        for query in [
            "code=a&code=b",
            "state=a&state=a",
            "error=a&error=",
            "iss=a&iss=b",
        ] {
            assert!(Answer::read(query).is_none(), "{query}");
        }
        assert!(Answer::read(&format!("code={}", "a".repeat(5000))).is_none());
        assert!(Answer::read("").is_some());
    }
}
