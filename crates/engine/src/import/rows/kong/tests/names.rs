//! One name of two consumers gives a key to the wrong owner.

use super::*;
use crate::import::rows::tests::support::read_with_owners;

#[test]
fn a_name_in_the_table_of_owners_that_two_consumers_go_by_is_refused() {
    let file = |second: &str| {
        format!(r#"{{"consumers":[{{"username":"acme","custom_id":"crm-17","id":"id-1"}},{{{second}}}]}}"#)
    };
    for (second, name, field) in [
        (r#""username":"other","custom_id":"acme""#, "acme", "custom_id"),
        (r#""username":"id-1","id":"id-2""#, "id-1", "username"),
        (r#""id":"crm-17""#, "crm-17", "id"),
        (r#""username":"acme","id":"id-2""#, "acme", "username"),
    ] {
        let faults = read_with_owners(Kong, &file(second), &[name]).faults;
        assert_eq!(faults.len(), 1, "{second}: {faults:?}");
        assert_eq!((faults[0].0.as_str(), faults[0].1), ("/consumers/1", Some(field)));
        assert!(faults[0].2.contains("/consumers/0"), "{faults:?}");
        assert!(
            read_with_owners(Kong, &file(second), &["elsewhere"])
                .faults
                .is_empty()
        );
    }
    // The same consumer, twice in the file or under one name in two fields.
    for second in [
        r#""username":"acme","custom_id":"crm-17","id":"id-1""#,
        r#""username":"acme","custom_id":"acme""#,
        r#""username":"beta","custom_id":"beta""#,
    ] {
        let faults = read_with_owners(Kong, &file(second), &["acme", "crm-17", "id-1", "beta"]).faults;
        assert!(faults.is_empty(), "{second}: {faults:?}");
    }
}

#[test]
fn a_key_belongs_to_the_consumer_whose_id_it_names() {
    let file = r#"[{"key":"abcdef123456","consumer":{"id":"id-1"}}]
        [{"username":"acme","id":"id-1"},{"username":"id-1","id":"id-2"}]"#;
    assert_eq!(read_as(Kong, file).rows[0].1.foreign_owners, ["acme", "id-1"]);
}
