//! Cookies: reading those of a request, writing ours. Over TLS each has the `__Host-` prefix, so that no other host and no
//! plain connection can set it (RFC 6265bis §4.1.3.2). Browsers keep the cookies of all ports and paths of a host together, so
//! each name ends in what tells this console from another one there.

use http::{HeaderMap, HeaderValue, header};

/// Whose cookies they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Jar {
    /// Whether they go over TLS alone.
    secure: bool,
    /// What their names end in.
    mark: String,
}

impl Jar {
    /// That of the console at an address, as people see it: the port where it is not the usual one, and the path.
    pub(crate) fn of(secure: bool, authority: &str, path: &str) -> Self {
        let (_, port) = authority.rsplit_once(':').unwrap_or_default();
        let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let usual = if secure { "443" } else { "80" };
        let port = Some(port).filter(|port| is_number && *port != usual);
        let parts = port
            .into_iter()
            .chain(path.split('/').filter(|part| !part.is_empty()));
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        let mark = parts.fold(String::new(), |mark, part| {
            let part: String = part.chars().filter(|c| plain(*c)).collect();
            format!("{mark}-{part}")
        });
        Self { secure, mark }
    }
}

/// A cookie of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cookie {
    /// Who is signed in.
    Session,
    /// A sign-in that waits for its second factor.
    Pending,
    /// A sign-in at a provider that has begun.
    Flow,
    /// The page that somebody asked for who has to sign in first.
    Destination,
    /// A browser from which its user has signed in before.
    Device,
    /// The language that was chosen.
    Language,
    /// The theme that was chosen: `light` or `dark`.
    Theme,
    /// The zone of the person's clock, told by a script.
    Zone,
    /// What to say on the next page: the id of a text.
    Flash,
}

impl Cookie {
    const fn name(self) -> &'static str {
        match self {
            Self::Session => "keyward-session",
            Self::Pending => "keyward-pending",
            Self::Flow => "keyward-flow",
            Self::Destination => "keyward-destination",
            Self::Device => "keyward-device",
            Self::Language => "keyward-language",
            Self::Theme => "keyward-theme",
            Self::Zone => "keyward-zone",
            Self::Flash => "keyward-flash",
        }
    }

    /// Seconds that a browser keeps it; `None` is until it is closed.
    const fn age(self) -> Option<u32> {
        match self {
            Self::Session | Self::Pending | Self::Flash => None,
            Self::Flow | Self::Destination => Some(600),
            Self::Device | Self::Language | Self::Theme | Self::Zone => Some(365 * 24 * 3600),
        }
    }

    fn full_name(self, jar: &Jar) -> String {
        match (self, jar.secure) {
            // The zone is written by a script, which knows neither prefix nor mark. It is that of the person's clock, whatever
            // console they look at.
            (Self::Zone, _) => self.name().to_owned(),
            (_, true) => format!("__Host-{}{}", self.name(), jar.mark),
            (_, false) => format!("{}{}", self.name(), jar.mark),
        }
    }

    /// Its value in a request. A cookie that is there twice is not there: somebody planted one.
    pub(crate) fn read<'h>(self, headers: &'h HeaderMap, jar: &Jar) -> Option<&'h str> {
        let name = self.full_name(jar);
        let pairs = headers.get_all(header::COOKIE).iter();
        let mut values = pairs
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split("; "))
            .filter_map(|pair| pair.split_once('='))
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value);
        let value = values.next()?;
        if values.next().is_some() {
            None
        } else {
            Some(value)
        }
    }

    /// Sets it. `value` is made of characters that need no quoting, or nothing is set.
    pub(crate) fn set(self, value: &str, headers: &mut HeaderMap, jar: &Jar) {
        let age = self
            .age()
            .map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
        self.write(value, &age, headers, jar);
    }

    /// Whether an answer sets it.
    pub(crate) fn is_set(self, headers: &HeaderMap, jar: &Jar) -> bool {
        let start = format!("{}=", self.full_name(jar));
        let given = |value: &HeaderValue| {
            let rest = value.as_bytes().strip_prefix(start.as_bytes());
            rest.is_some_and(|rest| !rest.starts_with(b";"))
        };
        headers.get_all(header::SET_COOKIE).iter().any(given)
    }

    /// Takes it away.
    pub(crate) fn clear(self, headers: &mut HeaderMap, jar: &Jar) {
        self.write("", "; Max-Age=0", headers, jar);
    }

    fn write(self, value: &str, age: &str, headers: &mut HeaderMap, jar: &Jar) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./~?=&+%".contains(&byte);
        if !value.bytes().all(plain) {
            return;
        }
        let name = self.full_name(jar);
        let secure = if jar.secure { "; Secure" } else { "" };
        let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{age}");
        if let Ok(mut value) = HeaderValue::from_str(&text) {
            value.set_sensitive(true);
            headers.append(header::SET_COOKIE, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(cookie: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(cookie))])
    }

    fn jar(secure: bool) -> Jar {
        Jar::of(secure, "keys.example.com", "")
    }

    #[test]
    fn two_consoles_of_one_host_have_cookies_of_their_own() {
        for (secure, authority, path, mark) in [
            (false, "127.0.0.1:8081", "", "-8081"),
            (false, "127.0.0.1:80", "", ""),
            (false, "127.0.0.1", "", ""),
            (false, "[::1]", "", ""),
            (false, "[::1]:8081", "", "-8081"),
            (false, "localhost:443", "", "-443"),
            (true, "keys.example.com", "", ""),
            (true, "keys.example.com:443", "", ""),
            (true, "keys.example.com:8443", "", "-8443"),
            (true, "example.com", "/keyward", "-keyward"),
            (true, "example.com:8443", "/a/b", "-8443-a-b"),
            (true, "example.com", "/a;b", "-ab"),
        ] {
            let jar = Jar::of(secure, authority, path);
            assert_eq!(jar.mark, mark, "{authority} {path}");
            for cookie in [
                Cookie::Session,
                Cookie::Device,
                Cookie::Flow,
                Cookie::Theme,
                Cookie::Flash,
            ] {
                assert!(cookie.full_name(&jar).ends_with(mark));
            }
        }
    }

    #[test]
    fn c2_cookies_over_tls_are_bound_to_this_host() {
        let mut headers = HeaderMap::new();
        Cookie::Session.set("abc_1", &mut headers, &jar(true));
        assert_eq!(
            headers[header::SET_COOKIE],
            "__Host-keyward-session=abc_1; Path=/; HttpOnly; SameSite=Strict; Secure"
        );
        let mut headers = HeaderMap::new();
        Cookie::Language.set("fr", &mut headers, &jar(false));
        assert_eq!(
            headers[header::SET_COOKIE],
            "keyward-language=fr; Path=/; HttpOnly; SameSite=Strict; Max-Age=31536000"
        );
    }

    #[test]
    fn c3_a_planted_cookie_is_none() {
        assert_eq!(
            Cookie::Session.read(&sent("a=b; keyward-session=x"), &jar(false)),
            Some("x")
        );
        assert_eq!(
            Cookie::Session.read(&sent("keyward-session=x; keyward-session=y"), &jar(false)),
            None
        );
        // Over TLS only the name that no other host can set counts.
        assert_eq!(Cookie::Session.read(&sent("keyward-session=x"), &jar(true)), None);
        assert_eq!(
            Cookie::Session.read(&sent("__Host-keyward-session=x"), &jar(true)),
            Some("x")
        );
    }

    #[test]
    fn a_value_cannot_add_attributes() {
        let mut headers = HeaderMap::new();
        Cookie::Language.set("fr; Domain=example.com", &mut headers, &jar(false));
        assert!(headers.is_empty());
    }
}
