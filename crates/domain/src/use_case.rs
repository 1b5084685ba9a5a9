//! Use cases: what a key is for. A catalogue from the configuration; a key's entry never changes.

use crate::{PathFault, StrictPath, Template};
use std::fmt;

/// The reserved use case whose keys manage Keyward itself, and open nothing at the gateway.
pub const MANAGEMENT: &str = "management";

/// The name of a use case: 1 to 32 of `a-z0-9-`, beginning with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct UseCaseName(Box<str>);

/// Why a use case or a catalogue is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UseCaseFault {
    /// Not a name.
    #[error("a use case is named with 1 to 32 of a-z 0-9 - and begins with a letter")]
    Name,
    /// `management` cannot be configured.
    #[error("the use case `{MANAGEMENT}` is reserved")]
    Reserved,
    /// The same name twice.
    #[error("the use case `{0}` is given twice")]
    Twice(String),
    /// More than fit.
    #[error("at most 1000 use cases")]
    TooMany,
}

impl UseCaseName {
    /// Checks and takes a name.
    pub fn new(text: &str) -> Result<Self, UseCaseFault> {
        let fits = (1..=32).contains(&text.len())
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && text
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(UseCaseFault::Name)
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the reserved use case [`MANAGEMENT`].
    pub fn is_management(&self) -> bool {
        &*self.0 == MANAGEMENT
    }
}

impl fmt::Display for UseCaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Methods and paths that a use case opens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoutePattern {
    /// Exact methods; empty is every method.
    pub methods: Vec<String>,
    /// The paths.
    pub path: Template,
}

/// One entry of the catalogue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UseCase {
    /// Name, as it stands in keys.
    pub name: UseCaseName,
    /// What people read when they choose.
    pub title: String,
    /// The routes that it opens; `None` is every route.
    pub routes: Option<Vec<RoutePattern>>,
}

impl UseCase {
    /// The title of the one use case that there is without a configuration.
    pub const REST_API_TITLE: &str = "Call the REST API";

    /// Whether the use case opens a request at the gateway.
    pub fn opens(&self, method: &str, path: &StrictPath<'_>) -> bool {
        let covers = |pattern: &RoutePattern| {
            let method_fits = pattern.methods.is_empty() || pattern.methods.iter().any(|m| m == method);
            method_fits
                && matches!(
                    pattern.path.find(path),
                    Ok(Some(_)) | Err(PathFault::EscapedSlash)
                )
        };
        match &self.routes {
            _ if self.name.is_management() => false,
            None => true,
            Some(patterns) => patterns.iter().any(covers),
        }
    }
}

/// A use case by its place in the catalogue, as records carry it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UseCaseNo(u16);

/// All use cases: those configured, and [`MANAGEMENT`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UseCaseCatalogue(Vec<UseCase>);

impl UseCaseCatalogue {
    /// Checks the configured use cases and adds the reserved one.
    pub fn new(configured: Vec<UseCase>) -> Result<Self, UseCaseFault> {
        if configured.len() > 1000 {
            return Err(UseCaseFault::TooMany);
        }
        let management = UseCase {
            name: UseCaseName(MANAGEMENT.into()),
            title: "Manage users, sites and keys".into(),
            routes: Some(Vec::new()),
        };
        let mut all = vec![management];
        for use_case in configured {
            if use_case.name.is_management() {
                return Err(UseCaseFault::Reserved);
            }
            if all.iter().any(|known| known.name == use_case.name) {
                return Err(UseCaseFault::Twice(use_case.name.to_string()));
            }
            all.push(use_case);
        }
        Ok(Self(all))
    }

    /// The use case of a number; none for a key whose use case has left the configuration.
    pub fn get(&self, number: UseCaseNo) -> Option<&UseCase> {
        self.0.get(usize::from(number.0))
    }

    /// The number of a name; [`UseCaseNo`] of nothing when the configuration does not name it (any more).
    pub fn number_of(&self, name: &UseCaseName) -> UseCaseNo {
        let place = self.0.iter().position(|use_case| use_case.name == *name);
        UseCaseNo(
            place
                .and_then(|place| u16::try_from(place).ok())
                .unwrap_or(u16::MAX),
        )
    }

    /// The number of what the configuration does not name.
    pub fn number_of_nothing(&self) -> UseCaseNo {
        UseCaseNo(u16::MAX)
    }

    /// Finds a use case by name.
    pub fn find(&self, name: &str) -> Option<&UseCase> {
        self.0.iter().find(|use_case| use_case.name.as_str() == name)
    }

    /// All use cases, the reserved one first.
    pub fn iter(&self) -> impl Iterator<Item = &UseCase> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn use_case(name: &str, routes: Option<&[(&[&str], &str)]>) -> UseCase {
        let pattern = |(methods, path): &(&[&str], &str)| RoutePattern {
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            path: Template::parse(path).unwrap(),
        };
        UseCase {
            name: UseCaseName::new(name).unwrap(),
            title: name.into(),
            routes: routes.map(|routes| routes.iter().map(pattern).collect()),
        }
    }

    #[test]
    fn a_use_case_opens_its_methods_and_paths_only() {
        let read = use_case(
            "read",
            Some(&[(&["GET", "HEAD"], "/api/{site}/**"), (&[], "/status")]),
        );
        let all = use_case("all", None);
        let none = use_case("none", Some(&[]));
        for (method, path, opened) in [
            ("GET", "/api/1/x", true),
            ("HEAD", "/api/1", true),
            ("POST", "/api/1/x", false),
            ("get", "/api/1/x", false),
            ("DELETE", "/status", true),
            ("GET", "/other", false),
        ] {
            let path = StrictPath::parse(path.as_bytes()).unwrap();
            assert_eq!(read.opens(method, &path), opened, "{method} {path:?}");
            assert!(all.opens(method, &path) && !none.opens(method, &path));
        }
    }

    #[test]
    fn the_catalogue_keeps_management_for_itself() {
        let catalogue = UseCaseCatalogue::new(vec![use_case("rest-api", None)]).unwrap();
        let number = catalogue.number_of(&UseCaseName::new(MANAGEMENT).unwrap());
        let path = StrictPath::parse(b"/api/1/x").unwrap();
        assert!(!catalogue.get(number).unwrap().opens("GET", &path));
        assert_eq!(
            UseCaseCatalogue::new(vec![use_case(MANAGEMENT, None)]),
            Err(UseCaseFault::Reserved)
        );
        assert_eq!(
            UseCaseCatalogue::new(vec![use_case("a", None), use_case("a", None)]),
            Err(UseCaseFault::Twice("a".into()))
        );
        assert!(
            catalogue
                .get(catalogue.number_of(&UseCaseName::new("gone").unwrap()))
                .is_none()
        );
    }
}
