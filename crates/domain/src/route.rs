//! Route templates: `/api/{site}/**`, `/wh/*/{site}`. One language for the gateway's routes and for use cases.

use crate::{PathFault, SiteName, StrictPath, path};
use std::fmt;

/// A path template. `*` is one segment, `{site}` one segment that names the site, `**` (last only) whatever follows,
/// nothing included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    text: Box<str>,
    segments: Box<[Segment]>,
    open_ended: bool,
    encoded_slashes: bool,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Segment {
    Literal(Box<str>),
    Any,
    Site,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateFault {
    /// Does not begin with `/`.
    #[error("a path template begins with /")]
    NotAbsolute,
    /// `**` before the end.
    #[error("`**` may stand only at the end of a path template")]
    RestNotLast,
    /// Two `{site}`.
    #[error("a path template may hold `{{site}}` once")]
    TwoSites,
    /// A segment that is none of the four kinds.
    #[error(
        "`{0}` is no segment of a path template: use plain text of A-Z a-z 0-9 . _ ~ -, `*`, `{{site}}` or a final `**`"
    )]
    Segment(String),
}

/// What a template found in a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RouteMatch<'a> {
    /// The site that the path names, when the template asks for one.
    pub site: Option<&'a str>,
}

/// What a template names at a plain path and below it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Below {
    /// Nothing, or what a site or `**` stands for.
    Nothing,
    /// Whatever follows: the path is as far as the template says anything.
    Rest,
    /// Sites, or paths of their own.
    More,
}

impl Template {
    /// Reads a template.
    pub fn parse(text: &str) -> Result<Self, TemplateFault> {
        let body = text.strip_prefix('/').ok_or(TemplateFault::NotAbsolute)?;
        let mut parts: Vec<&str> = body.split('/').collect();
        let open_ended = parts.last() == Some(&"**");
        if open_ended {
            parts.pop();
        }
        let segments = parts
            .iter()
            .map(|part| segment(part))
            .collect::<Result<Box<[_]>, _>>()?;
        if segments.iter().filter(|s| **s == Segment::Site).count() > 1 {
            return Err(TemplateFault::TwoSites);
        }
        Ok(Self {
            text: text.into(),
            segments,
            open_ended,
            encoded_slashes: false,
        })
    }

    /// Lets encoded slashes stand in what `**` covers.
    #[must_use]
    pub fn allowing_encoded_slashes(mut self) -> Self {
        self.encoded_slashes = true;
        self
    }

    /// Whether the template names a site.
    pub fn has_site(&self) -> bool {
        self.segments.contains(&Segment::Site)
    }

    /// What the template names at a plain path and below it, where the path's own segments name no site.
    pub fn below(&self, path: &str) -> Below {
        let path = path.trim_matches('/').split('/');
        let mut wanted = self.segments.iter();
        for found in path {
            match wanted.next() {
                Some(Segment::Any) => {}
                Some(Segment::Literal(literal)) if **literal == *found => {}
                _ => return Below::Nothing,
            }
        }
        if wanted.all(|segment| *segment == Segment::Any) {
            Below::Rest
        } else {
            Below::More
        }
    }

    /// Matches a path. `Ok(None)` when the template does not name it; an error when it does, but a deciding segment
    /// (any before `**`) is not plain.
    pub fn find<'a>(&self, path: &StrictPath<'a>) -> Result<Option<RouteMatch<'a>>, PathFault> {
        let text = path.as_str();
        let mut at = 1;
        let mut site = None;
        let mut plain = true;
        for (index, wanted) in self.segments.iter().enumerate() {
            let Some(rest) = text.get(at..) else {
                return Ok(None);
            };
            let found = rest.split('/').next().unwrap_or_default();
            match wanted {
                Segment::Literal(literal) if **literal == *found => {}
                // It is for readers that drop or fold signs: no other route may take it.
                Segment::Literal(literal) if path::Segment::new(found.as_bytes()).is_dressed(literal) => {
                    plain = false;
                }
                Segment::Literal(_) => return Ok(None),
                Segment::Any | Segment::Site if found.is_empty() => return Ok(None),
                Segment::Any => plain &= !found.contains([';', '%']),
                Segment::Site => {
                    plain &= SiteName::is_valid(found);
                    site = Some(found);
                }
            }
            at += found.len() + 1;
            let is_last = index + 1 == self.segments.len();
            if is_last && !self.open_ended && at <= text.len() {
                return Ok(None);
            }
        }
        let slash_allowed = path
            .encoded_slash()
            .is_none_or(|slash| self.encoded_slashes && slash >= at);
        match (plain, slash_allowed) {
            (false, _) => Err(PathFault::DecidingSegment),
            (_, false) => Err(PathFault::EscapedSlash),
            (true, true) => Ok(Some(RouteMatch { site })),
        }
    }
}

fn segment(part: &str) -> Result<Segment, TemplateFault> {
    match part {
        "*" => Ok(Segment::Any),
        "{site}" => Ok(Segment::Site),
        "**" => Err(TemplateFault::RestNotLast),
        "." | ".." => Err(TemplateFault::Segment(part.to_owned())),
        _ if part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._~-".contains(&b)) =>
        {
            Ok(Segment::Literal(part.into()))
        }
        _ => Err(TemplateFault::Segment(part.to_owned())),
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(template: &str, path: &'static str) -> Result<Option<Option<&'static str>>, PathFault> {
        let path = StrictPath::parse_with_encoded_slashes(path.as_bytes()).unwrap();
        Template::parse(template)
            .unwrap()
            .find(&path)
            .map(|found| found.map(|m| m.site))
    }

    #[test]
    fn p7_a_template_names_exactly_its_paths() {
        let table = [
            ("/api/{site}/**", "/api/1/x", Ok(Some(Some("1")))),
            ("/api/{site}/**", "/api/1", Ok(Some(Some("1")))),
            ("/api/{site}/**", "/api/1/", Ok(Some(Some("1")))),
            ("/api/{site}/**", "/api/01/y", Ok(Some(Some("01")))),
            ("/api/{site}/**", "/apix/2", Ok(None)),
            ("/api/{site}/**", "/api1/2", Ok(None)),
            ("/api/{site}/**", "/API/2/x", Ok(None)),
            ("/api/{site}/**", "/api", Ok(None)),
            ("/api/{site}/**", "/api/", Ok(None)),
            ("/api/{site}/**", "/", Ok(None)),
            ("/api/{site}/**", "/api/+1/y", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api/1;v=2/x", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api/1%3f/2", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api/*/x", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api;x/2/y", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api;/2/y", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api%3Bx/2/y", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api%20/2/y", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api%3Fx/2/y", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api%23/2/y", Err(PathFault::DecidingSegment)),
            (
                "/api/{site}/**",
                "/api%C2%A0/2/y",
                Err(PathFault::DecidingSegment),
            ),
            ("/api/{site}/**", "/%20api/2/y", Err(PathFault::DecidingSegment)),
            (
                "/api/{site}/**",
                "/%E2%80%8Bapi%20/2/y",
                Err(PathFault::DecidingSegment),
            ),
            (
                "/api/{site}/**",
                "/%EF%BD%81%EF%BD%90%EF%BD%89/2/y",
                Err(PathFault::DecidingSegment),
            ),
            (
                "/api/{site}/**",
                "/a%E2%80%8Bpi/2/y",
                Err(PathFault::DecidingSegment),
            ),
            (
                "/api/{site}/**",
                "/%EF%BC%8561pi/2/y",
                Err(PathFault::DecidingSegment),
            ),
            (
                "/api/{site}/**",
                "/api%EF%B8%94x/2/y",
                Err(PathFault::DecidingSegment),
            ),
            (
                "/api/{site}/**",
                "/api%EF%BC%8F2/y",
                Err(PathFault::DecidingSegment),
            ),
            ("/api/{site}/**", "/api%C3%A9/2/y", Ok(None)),
            ("/api/{site}/**", "/apix;/2/y", Ok(None)),
            ("/status", "/status;x", Err(PathFault::DecidingSegment)),
            ("/api/{site}/**", "/api/1/a%2fb", Err(PathFault::EscapedSlash)),
            ("/wh/*/{site}", "/wh/hook/7", Ok(Some(Some("7")))),
            ("/wh/*/{site}", "/wh/hook/7/", Ok(None)),
            ("/wh/*/{site}", "/wh/hook/7/x", Ok(None)),
            ("/wh/*/{site}", "/wh/hook", Ok(None)),
            ("/wh/*/{site}", "/wh/hook/", Ok(None)),
            ("/wh/*/{site}", "/wh/h;x/7", Err(PathFault::DecidingSegment)),
            ("/status", "/status", Ok(Some(None))),
            ("/status", "/status/", Ok(None)),
            ("/**", "/", Ok(Some(None))),
            ("/**", "/a/b", Ok(Some(None))),
            ("/", "/", Ok(Some(None))),
            ("/", "/a", Ok(None)),
        ];
        for (template, path, wanted) in table {
            assert_eq!(find(template, path), wanted, "{template} {path}");
        }
    }

    #[test]
    fn m5_what_lies_below_a_path_is_told() {
        use Below::*;
        for (template, path, wanted) in [
            ("/api/{site}/**", "/api", More),
            ("/api/{site}/**", "/api/", More),
            ("/api/{site}/**", "/api/1", Nothing),
            ("/api/{site}/**", "/apis", Nothing),
            ("/api/{site}/**", "/API", Nothing),
            ("/{site}/**", "/swagger", Nothing),
            ("/**", "/swagger", Nothing),
            ("/swagger/**", "/swagger", Rest),
            ("/swagger/*", "/swagger", Rest),
            ("/swagger", "/swagger", Rest),
            ("/swagger", "/swagger/ui", Nothing),
            ("/swagger/ui/**", "/swagger", More),
            ("/wh/*/{site}", "/wh", More),
            ("/wh/*/{site}", "/wh/hook", More),
            ("/wh/*/{site}", "/wh/hook/7", Nothing),
        ] {
            assert_eq!(
                Template::parse(template).unwrap().below(path),
                wanted,
                "{template} {path}"
            );
        }
    }

    #[test]
    fn p3_a_route_may_allow_encoded_slashes_after_the_deciding_segments() {
        let template = Template::parse("/api/{site}/**")
            .unwrap()
            .allowing_encoded_slashes();
        let find = |path: &'static str| {
            template
                .find(&StrictPath::parse_with_encoded_slashes(path.as_bytes()).unwrap())
                .map(|m| m.is_some())
        };
        assert_eq!(find("/api/1/a%2Fb"), Ok(true));
        assert_eq!(find("/api/1%2Fb"), Err(PathFault::DecidingSegment));
        assert_eq!(find("/api%2F1/b"), Err(PathFault::DecidingSegment));
    }

    #[test]
    fn templates_that_mean_nothing_are_refused() {
        let table = [
            ("api", TemplateFault::NotAbsolute),
            ("/**/x", TemplateFault::RestNotLast),
            ("/{site}/{site}", TemplateFault::TwoSites),
            ("/{sites}/x", TemplateFault::Segment("{sites}".into())),
            ("/a/../b", TemplateFault::Segment("..".into())),
            ("/a%2f", TemplateFault::Segment("a%2f".into())),
            ("/a*", TemplateFault::Segment("a*".into())),
        ];
        for (text, fault) in table {
            assert_eq!(Template::parse(text), Err(fault), "{text}");
        }
    }
}
