//! What narrows the keys of a consumer down is refused wherever a file may hold it.

use super::*;

const PLUGIN: &str = "the plugin `ip-restriction` of the consumer `acme`";
const OUT: &str = "remove it from the file to take the keys over without it";

#[test]
fn what_restricts_a_consumer_is_refused_by_its_name() {
    let file = r#"{"consumers":[{"username":"acme","keyauth_credentials":[{"key":"abcdef123456"}],
        "plugins":[{"name":"ip-restriction","config":{}},{"name":"request-termination","enabled":true},
            {"name":"rate-limiting","enabled":false},{}, 7],
        "acls":[{"group":"gold"}],"groups":[{"name":"trial"}]}]}"#;
    refused(
        Kong,
        file,
        &[
            ("/consumers/0/plugins/0", None, PLUGIN),
            (
                "/consumers/0/plugins/1",
                None,
                "the plugin `request-termination` of the consumer `acme`",
            ),
            ("/consumers/0/plugins/3", None, "a plugin of the consumer `acme`"),
            ("/consumers/0/plugins/4", None, "a plugin of the consumer `acme`"),
            (
                "/consumers/0/acls/0",
                None,
                "the ACL group `gold` of the consumer `acme`",
            ),
            (
                "/consumers/0/groups/0",
                None,
                "the consumer group `trial` of the consumer `acme`",
            ),
        ],
    );
    assert!(
        read_as(Kong, file)
            .faults
            .iter()
            .all(|fault| fault.2.contains(OUT))
    );
    for field in ["plugins", "acls", "groups"] {
        let file = format!(r#"{{"consumers":[{{"username":"acme","{field}":{{"a":1}}}}]}}"#);
        let place = format!("/consumers/0/{field}");
        refused(Kong, &file, &[(&place, None, "must be a list")]);
        let file = format!(r#"{{"consumers":[{{"username":"acme","{field}":[]}}]}}"#);
        assert!(read_as(Kong, &file).faults.is_empty());
    }
}

#[test]
fn a_restriction_that_names_its_consumer_from_afar_is_refused_too() {
    let dump = r#"{"consumers":[{"username":"acme","id":"id-1"}],
        "plugins":[{"name":"ip-restriction","consumer":"acme"},{"name":"key-auth"},{"name":"cors","consumer":null},
            {"name":"rate-limiting","consumer":"acme","enabled":false}],
        "acls":[{"group":"gold","consumer":{"id":"id-1"}}],
        "services":[{"plugins":[{"name":"key-auth"}],"routes":[{"plugins":[{"name":"ip-restriction","consumer":{"id":"id-1"}}]}]}]}"#;
    refused(
        Kong,
        dump,
        &[
            ("/acls/0", None, "the ACL group `gold` of the consumer `acme`"),
            ("/plugins/0", None, PLUGIN),
            ("/services/0/routes/0/plugins/0", None, PLUGIN),
        ],
    );
    let pages = r#"{"data":[{"key":"abcdef123456","consumer":{"id":"id-1"}}],"next":null}
        {"data":[{"username":"acme","id":"id-1"}],"next":null}
        {"data":[{"id":"a","group":"gold","consumer":{"id":"id-1"}}],"next":null}
        {"data":[{"id":"p","name":"ip-restriction","config":{},"enabled":true,"consumer":{"id":"id-1"}},
            {"id":"q","name":"cors","config":{},"enabled":true,"consumer":null}],"next":null}"#;
    refused(
        Kong,
        pages,
        &[
            (
                "document 3 /data/0",
                None,
                "the ACL group `gold` of the consumer `acme`",
            ),
            ("document 4 /data/0", None, PLUGIN),
        ],
    );
}

#[test]
fn k1_a_consumer_named_like_a_key_is_not_quoted() {
    let file = r#"{"consumers":[{"username":"abcdef123456","plugins":[{"name":"abcdef123456"}],
        "keyauth_credentials":[{"key":"abcdef123456"}]}]}"#;
    let faults = read_as(Kong, file).faults;
    assert_eq!(faults.len(), 1);
    assert!(!faults[0].2.contains("abcdef"), "{faults:?}");
}
