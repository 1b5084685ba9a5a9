//! Faults of the form of a new key: each at its field, in the person's language, with what was typed kept.

use super::new::{count, created};
use super::{key, site};
use crate::pages::House;

/// A field, what is typed otherwise, and how the fault begins in English and French.
type Case<'c> = (&'c str, &'c [(&'c str, &'c str)], &'c str, &'c str);

#[tokio::test]
async fn every_fault_stands_at_its_field_in_the_persons_language_with_what_was_typed() {
    let house = House::start().await;
    site(&house, "1").await;
    let long = "n".repeat(65);
    let faults: [Case<'_>; 22] = [
        ("name", &[("name", " ")], "Enter a name", "Saisissez un nom"),
        (
            "name",
            &[("name", &long)],
            "At most 64 characters; there are 65",
            "64 caractères au plus",
        ),
        (
            "name",
            &[("name", "a\u{1b}b")],
            "Control characters",
            "Les caractères de contrôle",
        ),
        (
            "description",
            &[("description", &"d".repeat(501))],
            "At most 500",
            "500 caractères",
        ),
        (
            "use-case",
            &[("use-case", "nothing")],
            "Choose a use case",
            "Choisissez un cas",
        ),
        (
            "use-case",
            &[("use-case", "")],
            "Choose a use case",
            "Choisissez un cas",
        ),
        ("expiry", &[("expiry", "")], "Choose when", "Choisissez quand"),
        (
            "expiry",
            &[("expiry", "date")],
            "Enter a date",
            "Saisissez une date",
        ),
        (
            "expiry",
            &[("expiry", "date"), ("expiry-date", "2026-02-30")],
            "Enter a date",
            "Saisissez une date",
        ),
        (
            "expiry",
            &[("expiry", "date"), ("expiry-date", "10000-01-01")],
            "Enter a date",
            "Saisissez une date",
        ),
        (
            "expiry",
            &[("expiry", "date"), ("expiry-date", "2001-01-01")],
            "Choose a day in",
            "Choisissez un jour",
        ),
        (
            "sites",
            &[("sites-rule", "listed")],
            "Choose at least one",
            "Choisissez au moins un",
        ),
        (
            "sites",
            &[("sites", "1")],
            "Sites are chosen here",
            "Des sites sont choisis",
        ),
        (
            "sites",
            &[("sites-rule", "listed"), ("sites", "9")],
            "The owner may not",
            "Le propriétaire n’a pas",
        ),
        (
            "sites",
            &[("sites-rule", "other")],
            "Choose whether",
            "Choisissez si",
        ),
        (
            "addresses",
            &[("addresses-rule", "listed")],
            "Enter at least one",
            "Saisissez au moins une",
        ),
        (
            "addresses",
            &[("addresses", "::1")],
            "Addresses are listed",
            "Des adresses sont listées",
        ),
        (
            "addresses",
            &[
                ("addresses-rule", "listed"),
                ("addresses", "192.0.2.1\n\n127.1\n::1"),
            ],
            "Line 3: “127.1” is no IPv4",
            "Ligne 3\u{a0}: «\u{a0}127.1\u{a0}»",
        ),
        (
            "addresses",
            &[("addresses-rule", "listed"), ("addresses", "192.0.2.9/24")],
            "Line 1: write 192.0.2.0/24 for the whole network, or 192.0.2.9",
            "Ligne 1\u{a0}: écrivez 192.0.2.0/24",
        ),
        (
            "limit",
            &[("limit", "0")],
            "Enter a whole number",
            "Saisissez un nombre",
        ),
        (
            "limit",
            &[("limit", "1.5")],
            "Enter a whole number",
            "Saisissez un nombre",
        ),
        (
            "limit",
            &[("limit", "1000001")],
            "Enter a whole number",
            "Saisissez un nombre",
        ),
    ];
    for (language, place) in [("en", 0), ("fr", 1)] {
        let admin = house.admin(language).await;
        for (field, edits, english, french) in &faults {
            let answer = created(&admin, edits).await;
            assert_eq!(answer.status, 422, "{edits:?}");
            let wanted = [english, french][place];
            let fault = answer
                .fault(field)
                .unwrap_or_else(|| panic!("no fault at {field}: {edits:?}"));
            assert!(fault.starts_with(*wanted), "{fault}");
            if !edits.iter().any(|(name, _)| *name == "name") {
                assert_eq!(answer.value("name"), Some("nightly"));
            }
        }
        let answer = created(&admin, &[("owner", "nobody@example.com")]).await;
        assert!(answer.fault("owner").is_some() && answer.value("owner") == Some("nobody@example.com"));
    }
    assert_eq!(count(&house).await, 0);
}

#[tokio::test]
async fn k1_a_secret_in_place_of_a_name_or_a_description_is_told_at_its_field() {
    let house = House::start().await;
    let (_, secret) = key(&house, "admin@example.com", |_| {}).await;
    for (language, text) in [
        ("en", "This holds a key’s secret"),
        ("fr", "Ce texte contient le secret d’une clé"),
    ] {
        let admin = house.admin(language).await;
        for field in ["name", "description"] {
            let answer = created(&admin, &[(field, &format!("for {secret}"))]).await;
            assert_eq!(answer.status, 422);
            let fault = answer.fault(field).unwrap();
            assert!(fault.starts_with(text), "{fault}");
        }
    }
    assert_eq!(count(&house).await, 1);
}

#[tokio::test]
async fn the_summary_leads_to_every_field_at_fault_in_the_order_of_the_page() {
    let house = House::start().await;
    let admin = house.admin("en").await;
    let long = "d".repeat(501);
    let all = [
        ("name", ""),
        ("description", long.as_str()),
        ("use-case", ""),
        ("expiry", ""),
        ("sites-rule", ""),
        ("addresses-rule", ""),
        ("limit", "0"),
    ];
    let answer = created(&admin, &all).await;
    assert_eq!(answer.status, 422);
    let wanted = [
        "name",
        "description",
        "use-case",
        "expiry",
        "sites",
        "addresses",
        "limit",
    ];
    assert_eq!(answer.summary(), wanted);
    // What only the engine finds, too.
    let answer = created(&admin, &[("owner", "nobody@example.com")]).await;
    assert_eq!(answer.summary(), ["owner"]);
}
