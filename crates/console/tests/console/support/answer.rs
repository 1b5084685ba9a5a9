//! An answer as it came.

use serde_json::Value;

#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// The content, unchunked; what is no text in it is replaced.
    pub(crate) body: String,
}

impl Answer {
    /// Reads everything that came on a connection.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let end = end.unwrap_or_else(|| panic!("no answer: {:?}", String::from_utf8_lossy(bytes)));
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut answer = Self {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::new(),
        };
        let body = &bytes[end + 4..];
        let body = match answer.header("transfer-encoding") {
            Some("chunked") => unchunked(body),
            _ => body.to_vec(),
        };
        answer.body = String::from_utf8_lossy(&body).into_owned();
        answer
    }

    /// Every value of a header, in order.
    pub(crate) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields
            .filter(move |(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The first value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let first = fields.find(|(found, _)| found.eq_ignore_ascii_case(name));
        first.map(|(_, value)| value)
    }

    pub(crate) fn location(&self) -> Option<&str> {
        self.header("location")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON in {self:?}"))
    }

    /// The code of a problem document.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The fields that a 422 names.
    pub(crate) fn fields(&self) -> Vec<String> {
        let json = self.json();
        let errors = json["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|e| e["field"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The answer without what differs from request to request.
    pub(crate) fn without_ids(&self) -> String {
        let id = self.header("x-request-id").unwrap().to_owned();
        let whole = format!("{}\n{}", self.head, self.body);
        let lines = whole
            .lines()
            .filter(|line| !line.to_lowercase().starts_with("date:"));
        lines.collect::<Vec<_>>().join("\n").replace(&id, "ID")
    }

    /// What is said at a field of a form.
    pub(crate) fn fault(&self, field: &str) -> Option<&str> {
        let start = format!("id=\"{field}-fault\">");
        self.body.split_once(&start)?.1.split('<').next()
    }

    /// The value of the first hidden or typed field of a name.
    pub(crate) fn value(&self, field: &str) -> Option<&str> {
        let named = format!("name=\"{field}\"");
        let tag = self.body.split('<').find(|tag| tag.contains(&named))?;
        tag.split_once("value=\"")?.1.split('"').next()
    }

    /// The text between two marks.
    pub(crate) fn between(&self, start: &str, end: &str) -> Option<&str> {
        let (text, _) = self.body.split_once(start)?.1.split_once(end)?;
        Some(text)
    }

    pub(crate) fn assert_says(&self, text: &str) {
        assert!(self.body.contains(text), "no `{text}` in {self:?}");
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let length = std::str::from_utf8(&rest[..end]).unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return whole;
        }
        let after = &rest[end + 2..];
        whole.extend_from_slice(&after[..length]);
        rest = &after[length + 2..];
    }
    panic!("the answer breaks off")
}
