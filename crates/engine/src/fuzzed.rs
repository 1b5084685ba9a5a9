//! What must hold whatever bytes come. `cargo fuzz` runs it over what it makes up, the tests over the kept corpus.

/// An import file; the first byte says in which form it is read. No row is larger than a row may be, what is told has a
/// bound, and whoever wants one row alone gets the first.
pub fn import(bytes: &[u8]) {
    let Some((form, text)) = bytes.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    crate::import::read_whatever_comes(*form, text);
}

#[cfg(test)]
mod tests {
    include!("../../../fuzz/replay.rs");

    #[test]
    fn the_kept_corpus_holds() {
        replay("import", super::import);
    }
}
