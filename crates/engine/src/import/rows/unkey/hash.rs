//! Unkey's hashes: SHA-256 in base64.

/// 32 bytes of base64 in hexadecimal.
pub(super) fn hex_of_base64(text: &str) -> Option<String> {
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let mut bits: u32 = 0;
    let mut count = 0;
    let mut hex = String::with_capacity(64);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        while count >= 4 {
            count -= 4;
            hex.push(char::from_digit(bits >> count & 15, 16)?);
        }
        bits &= (1 << count) - 1;
    }
    // 43 digits are 258 bits: the last two belong to nothing.
    (bits == 0).then_some(hex)
}
