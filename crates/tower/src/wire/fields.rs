//! Names of header fields that no client may send on: those that say who calls, and those that change what was judged. A reader
//! that takes every other sign for a hyphen, as CGI and its heirs do, is thought of.

/// Fields by which some frameworks let a request change its method.
pub const OVERRIDES: [&str; 3] = ["x-http-method-override", "x-http-method", "x-method-override"];
/// Fields by which some frameworks let a request change its path, or pretend another method, after it was judged; and `Proxy`,
/// which CGI makes the proxy of what its program asks for (httpoxy). Proxies pass on a client's own, so not even a trusted
/// one's go on.
pub const REROUTES: [&str; 16] = [
    "x-original-url",
    "x-original-uri",
    "x-original-path",
    "x-original-method",
    "x-rewrite-url",
    "x-rewrite-uri",
    "x-rewrite-path",
    "x-http-path-override",
    "x-override-url",
    "x-envoy-original-path",
    "x-waws-unencoded-url",
    "x-forwarded-method",
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-request-uri",
    "proxy",
];

/// Whether a name is `wanted` to a reader that takes every other sign for a hyphen, as CGI and its heirs do.
pub fn folds_to(name: &str, wanted: &str) -> bool {
    name.len() == wanted.len()
        && name
            .bytes()
            .zip(wanted.bytes())
            .all(|(byte, want)| fold(byte) == want)
}

/// Whether two names are one to such a reader.
pub fn folds_alike(one: &str, other: &str) -> bool {
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

/// Whether a name begins like the fields by which Keyward tells who is calling, in any spelling that folds to them.
pub fn is_keyward_field(name: &str) -> bool {
    name.len() > 10 && folds_to(&name[..10], "x-keyward-")
}

/// A byte of a name, to such a reader.
pub fn fold(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() {
        byte.to_ascii_lowercase()
    } else {
        b'-'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h3_h4_every_spelling_that_folds_to_ours_is_known() {
        for name in ["x-api-key", "x_api_key", "x-api_key", "x.api.key"] {
            assert!(folds_to(name, "x-api-key"), "{name}");
        }
        assert!(!folds_to("x-api-keys", "x-api-key") && !folds_to("xapikey", "x-api-key"));
        for name in [
            "x-keyward-key-id",
            "x_keyward_key_id",
            "x-keyward_site",
            "x.keyward.anything",
        ] {
            assert!(is_keyward_field(name), "{name}");
        }
        assert!(folds_alike("x_site", "x-site") && !folds_alike("x-sites", "x-site"));
        assert!(!is_keyward_field("x-keyward") && !is_keyward_field("x-keywarden-id"));
    }
}
