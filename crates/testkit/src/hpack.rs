//! As much HPACK (RFC 7541) as tests need: literals out, the status in.

/// Encodes fields as literals without indexing and without Huffman codes, whatever bytes they hold.
pub(crate) fn encode(fields: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            encode_length(&mut block, text.len());
            block.extend_from_slice(text);
        }
    }
    block
}

/// The status of a header block. It is the block's first field; the encoder keeps no dynamic table.
pub(crate) fn status(block: &[u8]) -> Option<u16> {
    let mut rest = block;
    loop {
        let first = *rest.first()?;
        if first & 0x80 != 0 {
            return Some([200, 204, 206, 304, 400, 404, 500][usize::from(first & 0x7f).checked_sub(8)?]);
        }
        if first & 0xe0 == 0x20 {
            (_, rest) = decode_number(rest, 5)?;
            continue;
        }
        let (name, after) = decode_number(rest, if first & 0x40 != 0 { 6 } else { 4 })?;
        let after = if name == 0 {
            decode_number(after, 7).and_then(|(n, r)| r.get(n..))?
        } else {
            after
        };
        let (length, value) = decode_number(after, 7)?;
        let digits = value.get(..length)?;
        let text = if after[0] & 0x80 != 0 {
            huffman_digits(digits)
        } else {
            digits.to_vec()
        };
        return String::from_utf8(text).ok()?.parse().ok();
    }
}

fn encode_length(block: &mut Vec<u8>, length: usize) {
    if length < 127 {
        block.push(length as u8);
        return;
    }
    block.push(127);
    let mut left = length - 127;
    while left >= 128 {
        block.push((left % 128) as u8 | 0x80);
        left /= 128;
    }
    block.push(left as u8);
}

fn decode_number(bytes: &[u8], bits: u32) -> Option<(usize, &[u8])> {
    let mask = (1_usize << bits) - 1;
    let mut number = usize::from(*bytes.first()?) & mask;
    if number < mask {
        return Some((number, &bytes[1..]));
    }
    for (position, byte) in bytes[1..].iter().enumerate().take(4) {
        number += usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[position + 2..]));
        }
    }
    None
}

/// Decodes digits: `0` to `2` have five bits from 00000 on, `3` to `9` six bits from 011001 on.
fn huffman_digits(bytes: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |n| byte >> n & 1))
        .collect();
    let number = |bits: &[u8]| bits.iter().fold(0, |sum, bit| sum * 2 + bit);
    let (mut at, mut digits) = (0, Vec::new());
    while at + 5 <= bits.len() {
        let short = number(&bits[at..at + 5]);
        if short <= 2 {
            digits.push(b'0' + short);
            at += 5;
        } else if at + 6 <= bits.len() && (25..=31).contains(&number(&bits[at..at + 6])) {
            digits.push(b'3' + number(&bits[at..at + 6]) - 25);
            at += 6;
        } else {
            break;
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_read_in_every_spelling() {
        assert_eq!(status(&[0x88]), Some(200));
        assert_eq!(status(&[0x20, 0x8d]), Some(404));
        assert_eq!(status(b"\x48\x03401"), Some(401));
        assert_eq!(status(&encode(&[(b":status", b"429")])), Some(429));
        // RFC 7541, C.6.1 and C.6.2: "302" and "307" in Huffman codes.
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]), Some(307));
        assert_eq!(status(&[]), None);
    }

    #[test]
    fn long_values_get_long_lengths() {
        for length in [0, 126, 127, 128, 255, 20_000] {
            let block = encode(&[(b"n", &vec![b'v'; length])]);
            let (decoded, rest) = decode_number(&block[3..], 7).unwrap();
            assert_eq!((decoded, rest.len()), (length, length));
        }
    }
}
