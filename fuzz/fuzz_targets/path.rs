//! What passes as a path is read in one way: no segment of it is empty, a dot segment, or holds what another reader would
//! take for a separator.
#![no_main]

use keyward_domain::{StrictPath, Template};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(path) = StrictPath::parse(bytes) else { return };
    let text = std::str::from_utf8(bytes).expect("a path that passes is ASCII");
    assert!(text.starts_with('/') && !text.contains("//") && !text.contains('\\'), "{text}");
    assert!(text.split('/').all(|segment| segment != "." && segment != ".."), "{text}");
    let lower = text.to_ascii_lowercase();
    assert!(!["%2f", "%5c", "%2e", "%00"].iter().any(|escape| lower.contains(escape)), "{text}");
    let template = Template::parse("/api/{site}/**").expect("a template");
    if let Ok(Some(found)) = template.find(&path) {
        let _ = found;
        assert!(text.starts_with("/api/"), "{text}");
    }
});
