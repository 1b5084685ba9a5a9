use super::*;

fn factor(last_step: u64) -> SecondFactor {
    SecondFactor {
        key: TotpKey::from_bytes(*b"12345678901234567890"),
        is_confirmed: true,
        last_step,
    }
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_millis(secs * 1000)
}

/// RFC 6238, appendix B, cut to six digits.
const RFC: [(i64, &str); 6] = [
    (59, "287082"),
    (1_111_111_109, "081804"),
    (1_111_111_111, "050471"),
    (1_234_567_890, "005924"),
    (2_000_000_000, "279037"),
    (20_000_000_000, "353130"),
];

#[test]
fn codes_are_those_of_rfc_6238() {
    for (secs, code) in RFC {
        let step = secs.unsigned_abs() / STEP_SECS;
        assert_eq!(step_of(&factor(0), code, at(secs)), Some(step), "{secs}");
        assert_eq!(step_of(&factor(step), code, at(secs)), None, "{secs}: used");
        assert_eq!(step_of(&factor(0), code, at(secs + 60)), None, "{secs}: late");
        assert_eq!(step_of(&factor(0), code, at(secs - 60)), None, "{secs}: early");
    }
}

#[test]
fn what_is_no_code_is_none_at_any_time() {
    for code in [
        "",
        "0",
        "00592",
        "0059244",
        "００５９２４",
        "005924\0",
        "-",
        "abcdef",
    ] {
        assert_eq!(step_of(&factor(0), code, at(1_234_567_890)), None, "{code}");
    }
    for secs in [i64::MIN / 1000, -1, 0, i64::MAX / 1000] {
        step_of(&factor(0), "005924", at(secs));
    }
}

#[test]
fn recovery_codes_are_ten_different_ones_of_ten_characters() {
    let user = UserId::from_bytes([1; 16]);
    let (mut shown, hashes) = new_recovery_codes(user).unwrap();
    for (code, hash) in shown.iter().zip(&hashes) {
        assert_eq!(recovery_hash(user, code), Some(*hash));
        assert_eq!(recovery_hash(user, &code.to_lowercase()), Some(*hash));
        assert_ne!(recovery_hash(UserId::from_bytes([2; 16]), code), Some(*hash));
        assert!(code.bytes().filter(|b| *b != b'-').all(|b| ALPHABET.contains(&b)));
    }
    shown.sort_unstable();
    shown.dedup();
    assert_eq!((shown.len(), hashes.len()), (RECOVERY_CODES, RECOVERY_CODES));
    assert_eq!(
        recovery_hash(user, "OIL00-00000"),
        recovery_hash(user, "01100-00000")
    );
    for bad in ["", "00000", "00000-000000", "éééééééééé"] {
        assert_eq!(recovery_hash(user, bad), None, "{bad}");
    }
}
