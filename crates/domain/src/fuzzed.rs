//! What must hold whatever bytes come. `cargo fuzz` runs it over what it makes up, the tests over the kept corpus.

#![expect(clippy::expect_used, reason = "runs in tests and in `cargo fuzz` alone")]

use crate::{AddressRule, Checksum, Prefix, Presented, SecretFormat, StrictPath, Template};
use std::str;

/// What passes as a network is written back as the same network.
pub fn address(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(rule) = AddressRule::listed([text]) else {
        return;
    };
    let shown = rule.nets().expect("a list")[0].to_string();
    assert_eq!(AddressRule::listed([shown.as_str()]), Ok(rule), "{text}");
}

/// Whatever is sent as a key: nothing makes the reader panic, and a changed symbol of a secret of ours is noticed.
pub fn credential(bytes: &[u8]) {
    let format = SecretFormat::new(Prefix::new("kw").expect("a prefix"), Vec::new());
    if let Ok(presented) = Presented::parse(bytes) {
        let _ = format.checksum(presented);
    }
    let Some((place, symbol)) = bytes.first().zip(bytes.get(1)) else {
        return;
    };
    // A constant that the generator takes: it draws again what does not fit its alphabet evenly.
    let secret = format.generate(&mut |random| random.fill(*place % 62));
    let mut changed = secret.reveal().as_bytes().to_vec();
    let at = usize::from(*place) % changed.len();
    if at > 2 && symbol.is_ascii_alphanumeric() && changed[at] != *symbol {
        changed[at] = *symbol;
        let presented = Presented::parse(&changed).expect("visible ASCII");
        assert!(matches!(format.checksum(presented), Checksum::Wrong));
    }
}

/// What passes as a path is read in one way: no segment of it is empty, a dot segment, or holds what another reader would
/// take for a separator.
pub fn path(bytes: &[u8]) {
    let Ok(path) = StrictPath::parse(bytes) else {
        return;
    };
    let text = str::from_utf8(bytes).expect("a path that passes is ASCII");
    assert!(
        text.starts_with('/') && !text.contains("//") && !text.contains('\\'),
        "{text}"
    );
    assert!(
        text.split('/').all(|segment| segment != "." && segment != ".."),
        "{text}"
    );
    let lower = text.to_ascii_lowercase();
    assert!(
        !["%2f", "%5c", "%2e", "%00"]
            .iter()
            .any(|escape| lower.contains(escape)),
        "{text}"
    );
    let template = Template::parse("/api/{site}/**").expect("a template");
    if let Ok(Some(_)) = template.find(&path) {
        assert!(text.starts_with("/api/"), "{text}");
    }
}

#[cfg(test)]
mod tests {
    include!("../../../fuzz/replay.rs");

    #[test]
    fn the_kept_corpus_holds() {
        replay("address", super::address);
        replay("credential", super::credential);
        replay("path", super::path);
    }
}
