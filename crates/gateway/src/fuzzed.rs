//! What must hold whatever bytes come. `cargo fuzz` runs it over what it makes up, the tests over the kept corpus.

use crate::framing::{Chunk, Chunks};
use crate::guard::read_in_pieces;

/// A request's head: however it is cut, the same is read, and what passes has one host and no second way to find its end.
pub fn head(bytes: &[u8]) {
    // An empty line before a request is skipped when it comes with it, and else is a fault: both are allowed.
    if bytes.starts_with(b"\r") {
        return;
    }
    let whole = read_in_pieces(bytes, bytes.len());
    for piece in [1, 3] {
        assert_eq!(whole, read_in_pieces(bytes, piece), "{}", bytes.escape_ascii());
    }
    let Some((length, chunked)) = whole else { return };
    let head = bytes[..length].to_ascii_lowercase();
    let named = |name: &[u8]| head.windows(name.len()).filter(|at| *at == name).count();
    assert_eq!(named(b"\nhost:"), 1);
    assert!(named(b"\ncontent-length:") + named(b"\ntransfer-encoding:") <= 1);
    assert_eq!(named(b"\ntransfer-encoding:") == 1, chunked);
    assert!(!head.contains(&0) && head.ends_with(b"\r\n\r\n"));
    assert_eq!(named(b"\n"), named(b"\r\n"));
}

/// A chunked body: however it is cut, the same is read, and no more than there is.
pub fn framing(bytes: &[u8]) {
    let whole = follow(bytes, bytes.len());
    for piece in [1, 2, 7] {
        assert_eq!(whole, follow(bytes, piece), "{}", bytes.escape_ascii());
    }
}

/// The content, and where the body ends, if it does; `None` when it is refused. The bytes come in pieces of this length.
fn follow(bytes: &[u8], piece: usize) -> Option<(Vec<u8>, Option<usize>)> {
    let (mut chunks, mut content) = (Chunks::default(), Vec::new());
    let (mut at, mut here) = (0, 0);
    loop {
        match chunks.next(&bytes[at..here]).ok()? {
            Chunk::More if here == bytes.len() => return Some((content, None)),
            Chunk::More => here = (here + piece.max(1)).min(bytes.len()),
            Chunk::Framing(length) => at += length,
            Chunk::Data(length) => {
                content.extend_from_slice(&bytes[at..at + length]);
                at += length;
            }
            Chunk::End(length) => return Some((content, Some(at + length))),
        }
        assert!(at <= here, "it runs ahead");
    }
}

#[cfg(test)]
mod tests {
    include!("../../../fuzz/replay.rs");

    #[test]
    fn the_kept_corpus_holds() {
        replay("head", super::head);
        replay("framing", super::framing);
    }
}
