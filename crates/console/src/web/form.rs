//! Reading a form: `application/x-www-form-urlencoded`, small, UTF-8, with the token of the page it stood on.

use crate::body::{check_type, read_bytes};
use crate::problem::Problem;
use axum::extract::{FromRequest, Request};

/// The largest form.
const MOST_BYTES: usize = 256 << 10;
/// The most fields of a form; a list of 1000 addresses is one field.
const MOST_FIELDS: usize = 2_000;

/// What was typed and chosen, in its order. Kept, so that a form with an error is shown as it was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads `name=value` pairs.
    fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let malformed = || Problem::bad_request("malformed_form", "The form cannot be read.");
        let mut fields = Vec::new();
        for pair in bytes.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            if fields.len() == MOST_FIELDS {
                return Err(malformed());
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decode(halves.next().unwrap_or_default()).ok_or_else(malformed);
            fields.push((half()?, half()?));
        }
        Ok(Self(fields))
    }

    /// The fields of a query string; what cannot be read is left out.
    pub(crate) fn of_query(query: Option<&str>) -> Self {
        Self::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default()
    }

    /// A field, as it was typed. A field that is there twice is not there.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        if values.next().is_some() {
            None
        } else {
            Some(value)
        }
    }

    /// A field, as it was typed; nothing when it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }

    /// A field without blanks around it; nothing when there is nothing in it.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// All values of a field, such as of boxes that are ticked.
    pub(crate) fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Whether a box is ticked.
    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.all(name).any(|given| given == value)
    }

    /// The lines of a field that hold something.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.text(name).lines().map(str::trim);
        lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// Fields to begin with, for a form that shows what is there.
    pub(crate) fn with(fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(
            fields
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    /// Reads the body of a request.
    ///
    /// # Errors
    /// 415, 413, 408, or 400.
    pub(crate) async fn read(request: Request) -> Result<Self, Problem> {
        check_type(request.headers(), &["application/x-www-form-urlencoded"])?;
        Self::parse(&read_bytes(request, MOST_BYTES).await?)
    }
}

impl<S: Send + Sync> FromRequest<S> for Form {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Self::read(request).await
    }
}

/// The fields of a form, for what runs over any bytes.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn form_fields(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    Form::parse(bytes).ok().map(|form| form.0)
}

/// Decodes `+` and `%XX`. NUL and what is no UTF-8 cannot be read.
fn decode(bytes: &[u8]) -> Option<String> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(*rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => *byte,
        });
    }
    if decoded.contains(&0) {
        return None;
    }
    // Browsers send line ends as CR LF.
    Some(String::from_utf8(decoded).ok()?.replace("\r\n", "\n"))
}

/// What is wrong with a form: a text for each field, in the person's language, to stand at the field.
#[derive(Clone, Debug, Default)]
pub(crate) struct Errors(Vec<(String, String)>);

impl Errors {
    /// Notes what is wrong with a field; the first word counts. `form` stands for the form as a whole.
    pub(crate) fn add(&mut self, field: impl Into<String>, message: impl Into<String>) {
        let field = field.into();
        if self.of(&field).is_none() {
            self.0.push((field, message.into()));
        }
    }

    /// What is wrong with a field.
    pub(crate) fn of(&self, field: &str) -> Option<&str> {
        let (_, message) = self.0.iter().find(|(name, _)| name == field)?;
        Some(message)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every field at fault, with what is wrong, for the summary over the form: the form as a whole, then the fields in the
    /// order in which the page names them (`"name limit"`), then those that it does not name, as they were found.
    pub(crate) fn in_order(&self, fields: &str) -> Vec<(&str, &str)> {
        let place = |field: &str| {
            let mut named = std::iter::once("form").chain(fields.split(' '));
            named.position(|name| name == field).unwrap_or(usize::MAX)
        };
        let errors = self.0.iter();
        let mut ordered: Vec<(&str, &str)> = errors.map(|(f, m)| (f.as_str(), m.as_str())).collect();
        ordered.sort_by_key(|(field, _)| place(field));
        ordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_was_typed() {
        let form = Form::parse(b"name=a+b%26c&sites=1&sites=2&addresses=10.0.0.1%0D%0A%0D%0A+::1&x").unwrap();
        assert_eq!(form.text("name"), "a b&c");
        assert_eq!(form.all("sites").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(form.lines("addresses"), ["10.0.0.1", "::1"]);
        assert_eq!((form.find("x"), form.find("y")), (Some(""), None));
        // Twice is not once: which of the two was meant?
        assert_eq!(form.find("sites"), None);
    }

    #[test]
    fn what_cannot_be_read_is_refused_whole() {
        for bad in [&b"a=%zz"[..], b"a=%2", b"a=%", b"a=%00", b"a=\xff", b"%c0%af=1"] {
            assert!(Form::parse(bad).is_err(), "{bad:?}");
        }
        assert!(Form::parse("a=1&".repeat(MOST_FIELDS + 1).as_bytes()).is_err());
    }

    #[test]
    fn faults_are_told_in_the_order_of_the_page_the_form_as_a_whole_first() {
        let mut errors = Errors::default();
        for field in ["limit", "unknown", "name", "form", "another"] {
            errors.add(field, format!("{field} is wrong"));
        }
        errors.add("name", "and wrong again");
        let told = errors.in_order("name sites limit");
        let fields: Vec<&str> = told.iter().map(|(field, _)| *field).collect();
        assert_eq!(fields, ["form", "name", "limit", "unknown", "another"]);
        assert_eq!(errors.of("name"), Some("name is wrong"));
        assert_eq!(told[1].1, "name is wrong");
    }
}
