//! Host templates: `{site}.example.com`. A host name is compared whole, so that no other name stands for a site.

use std::fmt;

/// A host template: exactly one label is `{site}`, all others are literal, and one at least follows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostTemplate {
    /// In lower case, up to the site, its dot included.
    before: Box<str>,
    /// In lower case, from the dot behind the site.
    after: Box<str>,
}

/// Why a text is no host template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HostTemplateFault {
    /// No label, or more than one, is `{site}`.
    #[error("a host template holds `{{site}}` once, as a whole label: write it as {{site}}.example.com")]
    NotOneSite,
    /// A label is empty, or holds what a host name does not.
    #[error("a host template is labels of a-z 0-9 _ - with dots between them, without a port")]
    Label,
    /// The name ends with the site, or with a number as an address does.
    #[error(
        "a host template ends with the name that all its sites share, which begins with a letter: write it as \
         {{site}}.example.com"
    )]
    End,
}

impl HostTemplate {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, HostTemplateFault> {
        const SITE: &str = "{site}";
        let text = text.to_ascii_lowercase();
        let (before, after) = text.split_once(SITE).ok_or(HostTemplateFault::NotOneSite)?;
        let whole =
            (before.is_empty() || before.ends_with('.')) && (after.is_empty() || after.starts_with('.'));
        if !whole || after.contains(SITE) {
            return Err(HostTemplateFault::NotOneSite);
        }
        let is_label = |label: &str| {
            let sign = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            !label.is_empty() && label.bytes().all(sign)
        };
        if !text.split('.').filter(|label| *label != SITE).all(is_label) {
            return Err(HostTemplateFault::Label);
        }
        let last = after.rsplit('.').next().unwrap_or_default();
        if !last.starts_with(|sign: char| sign.is_ascii_alphabetic()) {
            return Err(HostTemplateFault::End);
        }
        Ok(Self {
            before: before.into(),
            after: after.into(),
        })
    }

    /// The label that stands for the site in a host, in lower case: a host is the same host in either case. A port behind
    /// it is ignored; any other name is none.
    pub fn find(&self, host: &str) -> Option<String> {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => host,
        };
        let name = name.to_ascii_lowercase();
        let label = name.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        (!label.is_empty() && !label.contains('.')).then(|| label.to_owned())
    }
}

impl fmt::Display for HostTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{{site}}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_one_site_before_a_name() {
        for good in [
            "{site}.example.com",
            "{site}.localhost",
            "api.{site}.Example.com",
            "a_b-1.{site}.x1",
        ] {
            let read = HostTemplate::parse(good).map(|template| template.to_string());
            assert_eq!(read, Ok(good.to_ascii_lowercase()));
        }
        use HostTemplateFault::*;
        for (bad, wanted) in [
            ("", NotOneSite),
            ("example.com", NotOneSite),
            ("x{site}.example.com", NotOneSite),
            ("{site}x.example.com", NotOneSite),
            ("{site}.{site}.com", NotOneSite),
            ("{site}{site}.com", NotOneSite),
            ("{site}..com", Label),
            ("{site}.example.com.", Label),
            (".{site}.com", Label),
            ("*.{site}.com", Label),
            ("{site}.example.com:80", Label),
            ("https://{site}.example.com", NotOneSite),
            ("{site}", End),
            ("api.{site}", End),
            ("{site}.0.0.1", End),
            ("{site}.0x7f", End),
        ] {
            assert_eq!(HostTemplate::parse(bad), Err(wanted), "{bad}");
        }
    }

    #[test]
    fn p12_a_host_is_compared_whole() {
        let template = HostTemplate::parse("{site}.Example.com").unwrap();
        for host in [
            "1.example.com",
            "1.EXAMPLE.com",
            "1.example.com:8080",
            "1.example.com:",
        ] {
            assert_eq!(template.find(host).as_deref(), Some("1"), "{host}");
        }
        assert_eq!(template.find("SHUT.example.com").as_deref(), Some("shut"));
        for host in [
            "",
            "1",
            "1:80",
            "1.",
            "1.evil.com",
            "1..example.com",
            "1.2.example.com",
            ".example.com",
            "example.com",
            "1.example.com.",
            "1.example.com.evil.com",
            "1example.com",
            "1.2.3.4",
            "[::1]",
            "1.example.com:80:80",
            "1:80.example.com:80:x",
        ] {
            assert_eq!(template.find(host), None, "{host}");
        }
        let inner = HostTemplate::parse("api.{site}.example.com").unwrap();
        assert_eq!(inner.find("api.1.example.com").as_deref(), Some("1"));
        for host in [
            "1.example.com",
            "api.example.com",
            "api..example.com",
            "xapi.1.example.com",
        ] {
            assert_eq!(inner.find(host), None, "{host}");
        }
    }
}
