use super::*;
use proptest::prelude::*;

fn format() -> SecretFormat {
    SecretFormat::new(Prefix("kw".into()), vec![Prefix("old".into())])
}

fn secret_from(seed: u64) -> Secret {
    let mut state = seed | 1;
    format().generate(&mut |bytes| {
        for byte in bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state as u8;
        }
    })
}

fn checksum(bytes: &[u8]) -> Option<Checksum> {
    Presented::parse(bytes)
        .ok()
        .map(|presented| format().checksum(presented))
}

#[test]
fn k1_a_secret_is_noticed_wherever_it_stands_in_a_text() {
    for seed in [3, 5] {
        let secret = secret_from(seed);
        let text = secret.reveal();
        for holds in [
            text.to_owned(),
            format!("a_b {text}"),
            format!("\u{e9}_{text}_x"),
            format!("kw_{text}"),
            format!("xkw_{text}9"),
        ] {
            assert!(format().is_in(&holds), "{holds}");
        }
        let wrong = if text.ends_with('0') { '1' } else { '0' };
        for other in [
            &text[1..],
            &text[..text.len() - 1],
            &format!("{}{wrong}", &text[..text.len() - 1]),
        ] {
            assert!(!format().is_in(other), "{other}");
        }
    }
    for other in [
        "",
        "_",
        "kw_",
        "\u{e9}kw_\u{e9}",
        &format!("kw_{}", "\u{e9}".repeat(38)),
    ] {
        assert!(!format().is_in(other), "{other}");
    }
}

#[test]
fn a_secret_has_the_documented_form() {
    let secret = secret_from(3);
    let text = secret.reveal();
    assert_eq!(text.len(), 2 + 1 + 32 + 6);
    assert!(text.starts_with("kw_"));
    assert!(text[3..].bytes().all(|b| b.is_ascii_alphanumeric()));
    assert_eq!(checksum(text.as_bytes()), Some(Checksum::Right));
    assert_eq!(
        Hint::of(&secret, &format()).as_str(),
        format!("kw_…{}", &text[text.len() - 4..])
    );
}

#[test]
fn k3_every_single_changed_symbol_is_caught() {
    let symbols: Vec<u8> = (0x21..0x7f).collect();
    let mut tried = 0u32;
    for seed in 1..=290 {
        let secret = secret_from(seed * 7919);
        let original = secret.reveal().as_bytes();
        for place in 3..original.len() {
            for symbol in &symbols {
                if *symbol == original[place] {
                    continue;
                }
                let mut changed = original.to_vec();
                changed[place] = *symbol;
                assert_eq!(checksum(&changed), Some(Checksum::Wrong));
                tried += 1;
            }
        }
    }
    assert!(tried >= 1_000_000, "only {tried}");
}

#[test]
fn k3_every_swap_of_two_symbols_is_caught() {
    for seed in 1..=200 {
        let secret = secret_from(seed * 104_729);
        let original = secret.reveal().as_bytes();
        for first in 3..original.len() {
            for second in first + 1..original.len() {
                if original[first] == original[second] {
                    continue;
                }
                let mut changed = original.to_vec();
                changed.swap(first, second);
                assert_eq!(checksum(&changed), Some(Checksum::Wrong));
            }
        }
    }
}

#[test]
fn secrets_of_other_systems_and_of_retired_prefixes_are_told_apart() {
    assert_eq!(checksum(b"abcdef123456"), Some(Checksum::Foreign));
    assert_eq!(checksum(b"kwx_abc"), Some(Checksum::Foreign));
    assert_eq!(checksum(b"kw_abc"), Some(Checksum::Wrong));
    assert_eq!(checksum(b"kw_"), Some(Checksum::Wrong));
    let old = SecretFormat::new(Prefix("old".into()), vec![]).generate(&mut |bytes| bytes.fill(61));
    assert_eq!(checksum(old.reveal().as_bytes()), Some(Checksum::Right));
}

#[test]
fn a_presented_secret_is_visible_ascii_of_1_to_255_bytes() {
    assert_eq!(Presented::parse(b"").err(), Some(CredentialFault::Missing));
    for bad in [&b"a b"[..], b"a\tb", b"a\0", b"\xc3\xa9", b" ", &[b'a'; 256]] {
        assert_eq!(Presented::parse(bad).err(), Some(CredentialFault::Malformed));
    }
    assert!(Presented::parse(&[b'a'; 255]).is_ok());
}

#[test]
fn foreign_secrets_are_taken_as_they_are_or_refused_with_the_reason() {
    let fault = |text: &str| Secret::foreign(text, &format()).err();
    assert_eq!(fault("abcdef123456"), None);
    assert_eq!(fault("1234567"), Some(ForeignSecretFault::TooShort));
    assert_eq!(fault("12345678"), None);
    assert_eq!(
        fault("with a space in it"),
        Some(ForeignSecretFault::NotVisibleAscii)
    );
    assert_eq!(
        fault("kw_notOurChecksum"),
        Some(ForeignSecretFault::WrongChecksum)
    );
}

#[test]
fn a_fingerprint_is_the_sha256_and_never_prints_itself() {
    let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let presented = Presented::parse(b"abc").unwrap().fingerprint();
    assert_eq!(Fingerprint::from_hex(known), Ok(presented));
    assert!(!format!("{presented:?}").contains("ba78"));
    for bad in ["", "ba", &known[1..], &format!("{}g", &known[1..])] {
        assert_eq!(Fingerprint::from_hex(bad), Err(FingerprintFault));
    }
}

proptest! {
    #[test]
    fn no_input_makes_the_checksum_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = checksum(&bytes);
    }
}
