//! Paths of this host, told by a browser: nobody is sent elsewhere by one.

/// A path with its query, if it leads to this host and to no other.
pub(super) fn own_path(path: &str) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\\#\"<>".contains(&byte);
    let is_own = path.starts_with('/') && !path.starts_with("//") && path.bytes().all(plain);
    is_own.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for own in [
            "/integrations/keys",
            "/integrations/keys?q=a%26b+c&status=&page=3",
            "/admin/sites/a~b",
        ] {
            assert_eq!(own_path(own), Some(own));
        }
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "/a\r\nb: c",
            "/?q=a b",
            "/\u{e9}",
            "",
            "evil",
        ] {
            assert_eq!(own_path(bad), None, "{bad:?}");
        }
    }
}
