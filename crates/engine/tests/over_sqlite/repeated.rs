//! Creates that are sent again (A9), and what the audit log calls a change of a site (A11).

use crate::common::{Home, OPERATOR, OWNER, create_user, draft};
use keyward_engine::{
    AuditFilter, Created, Engine, EngineError, ExpiryDraft, KeyDraft, Once, RestrictionDraft, SiteEdit,
    UserDraft,
};

fn once(token: &str, request: u8) -> Once {
    Once {
        token: token.to_owned(),
        request_hash: [request; 32],
    }
}

/// The id of what a create has made, and whether it is a repetition.
fn told<N, V>(made: Created<N, V>, new: fn(&N) -> String, earlier: fn(&V) -> String) -> (String, bool) {
    match made {
        Created::New(view) => (new(&view), false),
        Created::Replay(view) => (earlier(&view), true),
    }
}

async fn key(node: &Engine, draft: &KeyDraft, request: u8) -> Result<(String, bool), EngineError> {
    let made = node
        .create_key(OPERATOR, draft, Some(&once("key", request)))
        .await?;
    Ok(told(
        made,
        |new| new.view.key.id.to_string(),
        |view| view.key.id.to_string(),
    ))
}

async fn site(node: &Engine, name: &str, token: &str) -> (String, bool) {
    let made = node
        .create_site(OPERATOR, name, Some(&once(token, 1)))
        .await
        .unwrap();
    told(made, |site| site.name.to_string(), |site| site.name.to_string())
}

async fn edit(node: &Engine, site: &str, name: Option<&str>, active: Option<bool>) {
    let edit = SiteEdit {
        name: name.map(str::to_owned),
        active,
        misread: Vec::new(),
    };
    node.edit_site(OPERATOR, site, &edit, None).await.unwrap();
}

#[tokio::test]
async fn a9_a_create_of_a_key_is_repeated_whatever_became_of_what_it_named() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    node.create_site(OPERATOR, "1", None).await.unwrap();
    let draft = KeyDraft {
        expires_at: ExpiryDraft::At(home.clock_now().plus_millis(1000).to_string()),
        sites: RestrictionDraft::Only(vec!["1".to_owned()]),
        ..draft()
    };
    let (id, is_repeated) = key(&node, &draft, 1).await.unwrap();
    assert!(!is_repeated);
    home.clock.advance(2000);
    assert_eq!(key(&node, &draft, 1).await.unwrap(), (id.clone(), true));
    node.disable_user(OPERATOR, OWNER, None).await.unwrap();
    edit(&node, "1", Some("2"), None).await;
    assert_eq!(key(&node, &draft, 1).await.unwrap(), (id, true));
    assert!(matches!(
        key(&node, &draft, 2).await,
        Err(EngineError::Invalid(_))
    ));
}

#[tokio::test]
async fn a9_a_create_of_a_user_is_repeated_when_its_sites_have_other_names() {
    let home = Home::new().await;
    let node = home.node().await;
    node.create_site(OPERATOR, "1", None).await.unwrap();
    let draft = UserDraft {
        email: OWNER.to_owned(),
        sites: RestrictionDraft::Only(vec!["1".to_owned()]),
        ..UserDraft::default()
    };
    let create = async || {
        let made = node
            .create_user(OPERATOR, &draft, Some(&once("user", 1)))
            .await
            .unwrap();
        told(
            made,
            |view| view.user.id.to_string(),
            |view| view.user.id.to_string(),
        )
    };
    let (id, _) = create().await;
    edit(&node, "1", Some("2"), None).await;
    assert_eq!(create().await, (id, true));
}

#[tokio::test]
async fn a9_a_create_of_a_site_is_repeated_with_that_site_whatever_its_name_is_by_then() {
    let home = Home::new().await;
    let node = home.node().await;
    assert_eq!(site(&node, "7", "a").await, ("7".to_owned(), false));
    edit(&node, "7", Some("8"), None).await;
    assert_eq!(site(&node, "7", "a").await, ("8".to_owned(), true));
    assert_eq!(site(&node, "7", "b").await, ("7".to_owned(), false));
    assert_eq!(site(&node, "7", "a").await, ("8".to_owned(), true));
    assert_eq!(site(&node, "7", "b").await, ("7".to_owned(), true));
}

#[tokio::test]
async fn a11_a_change_of_a_site_is_called_by_what_changed() {
    let home = Home::new().await;
    let node = home.node().await;
    create_user(&node, OWNER).await;
    node.create_site(OPERATOR, "1", None).await.unwrap();
    edit(&node, "1", Some("1"), Some(false)).await;
    edit(&node, "1", Some("2"), Some(false)).await;
    edit(&node, "2", Some("3"), Some(true)).await;
    edit(&node, "3", None, Some(true)).await;
    for (action, wanted) in [
        ("site.disable", &[r#"{"active":true}{"active":false}"#][..]),
        ("site.enable", &[r#"{"active":false}{"active":true}"#]),
        (
            "site.rename",
            &[r#"{"name":"2"}{"name":"3"}"#, r#"{"name":"1"}{"name":"2"}"#],
        ),
    ] {
        let filter = AuditFilter {
            action: Some(action.to_owned()),
            ..AuditFilter::default()
        };
        let page = node.list_audit(OPERATOR, &filter).await.unwrap();
        let text = |value: Option<serde_json::Value>| value.unwrap().to_string();
        let events = page.items.into_iter().map(|view| view.event);
        let found: Vec<String> = events
            .map(|event| text(event.before) + &text(event.after))
            .collect();
        assert_eq!(found, wanted, "{action}");
    }
}
