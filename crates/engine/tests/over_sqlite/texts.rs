//! Texts that people write (A7), and what becomes of a row that cannot be read (R1).

use crate::common::{Home, OPERATOR, OWNER, create_key, create_user, draft, judged};
use crate::faulty::Faulty;
use keyward_domain::{AuditId, Email, Name, Reason, Revision, Role, SiteRule, User, UserId, UserStatus};
use keyward_engine::{
    Engine, EngineError, ImportFile, ImportFormat, KeyDraft, KeyEdit, SiteEdit, UserDraft, UserEdit,
};
use keyward_store::{AuditActor, AuditEvent, AuditOutcome, Store};
use std::borrow::Cow;
use std::sync::atomic::Ordering;

fn named(email: &str) -> UserDraft {
    UserDraft {
        email: email.to_owned(),
        name: Some("n".to_owned()),
        ..UserDraft::default()
    }
}

async fn code_of_new(node: &Engine, email: &str) -> &'static str {
    match node.create_user(OPERATOR, &named(email), None).await {
        Ok(_) => "made",
        Err(EngineError::Conflict { code, .. }) => code,
        Err(EngineError::Invalid(faults)) => match faults[0].field {
            Cow::Borrowed(field) => field,
            Cow::Owned(_) => "a field of nobody's",
        },
        Err(other) => panic!("{other:?}"),
    }
}

/// A user as earlier programs took them.
async fn taken_before(home: &Home, email: &str) -> UserId {
    let user = User {
        id: UserId::v7(7, &[7; 10]),
        email: Email::stored(email),
        name: Name::stored("n"),
        role: Role::Member,
        status: UserStatus::Active,
        sites: SiteRule::ANY,
        created_at: home.clock_now(),
        revision: Revision(0),
    };
    let event = AuditEvent {
        id: AuditId::v7(7, &[7; 10]),
        at: home.clock_now(),
        actor: AuditActor::System,
        address: None,
        action: "user.create".to_owned(),
        target_kind: "user".to_owned(),
        target_id: user.id.to_string(),
        outcome: AuditOutcome::Done,
        before: None,
        after: None,
    };
    home.store.insert_user(&user, &event, None).await.unwrap();
    user.id
}

#[tokio::test]
async fn r1_an_address_that_could_not_be_read_again_is_refused_and_revocation_goes_on() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(&node, &draft()).await;
    for local in [&"\u{23a}".repeat(32), &format!("{}\u{23a}", "a".repeat(62))] {
        assert_eq!(code_of_new(&node, &format!("{local}@x.de")).await, "email");
    }
    // Whoever was taken with such a one is read like anybody, and can be deleted.
    let id = taken_before(&home, &format!("{}@x.de", "\u{2c65}".repeat(32))).await;
    node.disable_key(OPERATOR, &key.id, None).await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyDisabled));
    home.node().await;
    let users = node.list_users(OPERATOR, &Default::default()).await.unwrap();
    assert_eq!(users.items.len(), 2);
    node.delete_user(OPERATOR, &id.to_string(), None).await.unwrap();
}

#[tokio::test]
async fn a7_two_users_have_no_addresses_that_look_the_same() {
    let home = Home::new().await;
    let node = home.node().await;
    let (composed, apart) = ("\u{c9}lise@example.com", "E\u{301}lise@example.com");
    assert_eq!(code_of_new(&node, composed).await, "made");
    assert_eq!(code_of_new(&node, apart).await, "email_taken");
    assert_eq!(code_of_new(&node, "\u{ff25}va@example.com").await, "email");
    for typed in [composed, apart] {
        assert!(node.get_user(OPERATOR, typed).await.is_ok(), "{typed:?}");
    }
}

#[tokio::test]
async fn a7_who_was_taken_before_equal_texts_were_one_is_found_and_keeps_the_address() {
    let home = Home::new().await;
    let node = home.node().await;
    let id = taken_before(&home, "e\u{301}lise@example.com").await;
    for typed in ["\u{c9}lise@example.com", "E\u{301}lise@example.com"] {
        let found = node.get_user(OPERATOR, typed).await.unwrap();
        assert_eq!(found.user.id, id);
        assert_eq!(code_of_new(&node, typed).await, "email_taken");
        assert!(matches!(
            node.invite_user(OPERATOR, &named(typed)).await,
            Err(EngineError::Conflict {
                code: "email_taken",
                ..
            })
        ));
    }
}

#[tokio::test]
async fn r1_a_key_whose_fingerprint_cannot_be_read_any_more_opens_nothing() {
    let home = Home::new().await;
    let store = Faulty::before(home.store.clone());
    let node = home.node_over(store.clone());
    node.load().await.unwrap();
    create_user(&node, OWNER).await;
    let (lost, other) = (
        create_key(&node, &draft()).await,
        create_key(&node, &draft()).await,
    );
    store.lose_keys.store(true, Ordering::SeqCst);
    let edit = KeyEdit {
        name: Some("edited".to_owned()),
        ..KeyEdit::default()
    };
    node.edit_key(OPERATOR, &lost.id, &edit, None).await.unwrap();
    assert_eq!(judged(&node, &lost.secret), Err(Reason::KeyInvalid));
    assert_eq!(judged(&node, &other.secret), Ok(()));
}

#[tokio::test]
async fn k1_a_secret_of_ours_is_no_name_and_no_description() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(&node, &draft()).await;
    let (alone, within) = (key.secret.clone(), format!("was\u{e9}{}!", key.secret));
    let fields = |done: Result<(), EngineError>| match done {
        Err(EngineError::Invalid(faults)) => faults.iter().map(|fault| fault.field.to_string()).collect(),
        _ => Vec::new(),
    };
    let user = create_user(&node, "other@example.com").await;
    node.create_site(OPERATOR, "1", None).await.unwrap();
    for text in [alone, within] {
        let new = KeyDraft {
            name: text.clone(),
            description: Some(text.clone()),
            ..draft()
        };
        let made = node.create_key(OPERATOR, &new, None).await.map(drop);
        assert_eq!(fields(made), ["name", "description"]);
        let edit = KeyEdit {
            name: Some(text.clone()),
            description: Some(text.clone()),
            ..KeyEdit::default()
        };
        let edited = node.edit_key(OPERATOR, &key.id, &edit, None).await.map(drop);
        assert_eq!(fields(edited), ["name", "description"]);
        let edit = UserEdit {
            name: Some(text.clone()),
            ..UserEdit::default()
        };
        let edited = node.edit_user(OPERATOR, &user, &edit, None).await.map(drop);
        assert_eq!(fields(edited), ["name"]);
        let made = node.create_site(OPERATOR, &text, None).await.map(drop);
        assert_eq!(fields(made), ["name"]);
        let edit = SiteEdit {
            name: Some(text.clone()),
            active: None,
            misread: Vec::new(),
        };
        let edited = node.edit_site(OPERATOR, "1", &edit, None).await.map(drop);
        assert_eq!(fields(edited), ["name"]);
        let file = format!("owner,name,secret\n{OWNER},{text},abcdef123456\n");
        let file = ImportFile::new(ImportFormat::Csv, &file);
        let done = node.import_keys(OPERATOR, file, &|_, _| {}).await;
        assert!(
            matches!(&done, Err(EngineError::InvalidLines(lines)) if lines[0].field.as_deref() == Some("name"))
        );
    }
    let audit = node.list_audit(OPERATOR, &Default::default()).await.unwrap();
    assert!(!format!("{:?}", audit.items).contains(&key.secret));
}

#[tokio::test]
async fn k1_a_secret_that_slipped_a_column_of_an_import_is_quoted_by_no_fault() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let secret = "abcdef123456";
    for (column, cell, shown) in [
        ("sites", secret, "no site is named `…`"),
        ("sites", "1;abcdef123456", "no site is named"),
        ("sites", "77", "no site is named `77`"),
        ("sites", "north-office", "no site is named `north-office`"),
        ("addresses", secret, "`…` is no IPv4 or IPv6 address"),
        (
            "addresses",
            "::ffff:10.1.2.3",
            "`…` is an IPv4 address in IPv6 dress",
        ),
        ("use_case", secret, "use case"),
        ("expires_at", secret, "expected"),
        ("status", secret, "must be"),
    ] {
        let file = format!("owner,name,secret,{column}\n{OWNER},one,another-secret,{cell}\n");
        let file = ImportFile::new(ImportFormat::Csv, file);
        let done = node.import_keys(OPERATOR, file, &|_, _| {}).await;
        let Err(EngineError::InvalidLines(faults)) = done else {
            unreachable!("{column} {cell}: {done:?}")
        };
        let told = &faults[0].message;
        assert!(told.contains(shown), "{column} {cell}: {told}");
        assert!(!told.contains(secret), "{column} {cell}: {told}");
    }
}

#[tokio::test]
async fn k1_no_row_of_an_import_is_named_with_the_secret_of_another() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let digest = "da4ec3358a10c9b0872eb877953cc7b07af5f4d75e4c1cb0597cbbf41e5dbe35";
    for file in [
        format!("owner,name,secret\n{OWNER},of abcdef123456,first-secret\n{OWNER},n,abcdef123456\n"),
        format!(
            "owner,name,fingerprint\n{OWNER},abcdef123456,{}\n{OWNER},n,{digest}\n",
            "0".repeat(64)
        ),
    ] {
        let read = ImportFile::new(ImportFormat::Csv, &file);
        let done = node.import_keys(OPERATOR, read, &|_, _| {}).await;
        assert!(
            matches!(&done, Err(EngineError::InvalidLines(lines)) if lines[0].field.as_deref() == Some("name")),
            "{done:?}"
        );
    }
}
