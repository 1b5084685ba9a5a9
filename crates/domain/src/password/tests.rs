use super::*;

fn judge(text: &str) -> Option<PasswordFault> {
    let email = Email::new("ada.lovelace@analytical.example").unwrap();
    let name = Name::new("Ada Lovelace").unwrap();
    NewPassword::new(text, &email, &name).err()
}

#[test]
fn c9_a_password_has_15_to_128_code_points_of_any_kind() {
    use PasswordFault::{TooLong, TooShort};
    let long = "Wy7 kö: nul est prophète en son pays, disait la grenouille 🐸 à l'étang; et le vent l'a entendue, sans répondre, pendant des heures…";
    let of = |length: usize| long.chars().take(length).collect::<String>();
    assert!(long.chars().count() >= 129);
    for (length, wanted) in [
        (0, Some(TooShort)),
        (14, Some(TooShort)),
        (15, None),
        (64, None),
        (65, None),
        (128, None),
        (129, Some(TooLong)),
    ] {
        assert_eq!(judge(&of(length)), wanted, "{length}");
    }
    // No composition rules, and nothing is trimmed or folded away.
    for good in [
        "mole trowel gravel plinth",
        "zugunruhe im septemberwald",
        "   ossified newt ledger   ",
        "鯨は夜の海で静かに長い歌を歌っている",
        "8402 9915 3371 0648",
    ] {
        assert_eq!(judge(good), None, "{good}");
        let (email, name) = (Email::new("a@b.c").unwrap(), Name::new("x").unwrap());
        let taken = NewPassword::new(good, &email, &name).map(|password| password.reveal() == good);
        assert_eq!(taken, Ok(true));
    }
}

#[test]
fn c9_what_guessers_try_first_is_refused_in_every_case() {
    for common in [
        "correcthorsebatterystaple",
        "Correct Horse Battery Staple",
        "correct-horse-battery-staple",
        "QWERTYUIOPasdfg",
        "Password1234567",
        "passwordpassword",
        "P@ssw0rdP@ssw0rd",
        "p4ssw0rd!!!!!!!",
        "Welcome2025!!!!!!",
        "Summer2026Summer2026",
        "admin-admin-2026",
        "aaaaaaaaaaaaaaaaaaaaaa",
        "abababababababab",
        "ababcdababcdabab",
        "xk9xk9xk9xk9xk9xk9",
        "123456789012345678",
        "abcdefghijklmnop",
        "zyxwvutsrqponmlk",
        "motdepasse123456",
        "AzertyuiopQsdfg",
        "111222333444555",
        "iloveyou1234567890",
        "1q2w3e4r5t6y7u8i",
    ] {
        assert_eq!(judge(common), Some(PasswordFault::Common), "{common}");
    }
}

#[test]
fn c9_a_password_made_of_its_owners_name_is_refused() {
    for own in [
        "ada.lovelace@analytical.example",
        "Ada.Lovelace@Analytical.Example1",
        "AdaLovelace12345",
        "lovelace-analytical",
        "ada lovelace 1815",
        "keyward-lovelace",
        "KeywardKeyward77",
    ] {
        let fault = judge(own);
        assert!(
            matches!(fault, Some(PasswordFault::ContainsName | PasswordFault::Common)),
            "{own}: {fault:?}"
        );
    }
    assert_eq!(
        judge("lovelace dug a mole tunnel"),
        None,
        "enough beside the name"
    );
}

#[test]
fn every_listed_password_is_long_enough_to_matter_and_in_lower_case() {
    for line in include_str!("common.txt").lines() {
        assert!(line.chars().count() >= NewPassword::MIN, "{line}");
        assert_eq!(line.to_lowercase(), line);
        assert_eq!(judge(line), Some(PasswordFault::Common), "{line}");
    }
    for word in include_str!("words.txt").lines() {
        assert!(
            !word.is_empty() && word.chars().all(char::is_alphabetic),
            "{word}"
        );
        assert_eq!(word.to_lowercase(), word);
    }
}

#[test]
fn k6_what_proves_a_person_is_not_printed() {
    assert_eq!(
        format!("{:?}", PasswordHash::stored("$argon2id$…".into())),
        "PasswordHash(…)"
    );
    assert_eq!(format!("{:?}", TotpKey::from_bytes([7; 20])), "TotpKey(…)");
}
