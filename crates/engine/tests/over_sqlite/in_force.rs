//! R1 for answers that change nothing: what one node says of a key, a user or a site is in force there, even when it was
//! another node, or another process, that brought it about a moment ago.

use crate::common::{Home, OPERATOR, OWNER, TestKey, create_key, create_user, draft, judged};
use crate::faulty::Faulty;
use keyward_domain::Reason;
use keyward_engine::{
    Created, Engine, EngineError, ImportFile, ImportFormat, IssuedKey, KeyDraft, KeyEdit, KeyFilter, Once,
    RestrictionDraft, SiteEdit, UserDraft, UserEdit, UserFilter,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Something that is done at one node, or asked for at another.
#[derive(Clone, Copy, Debug)]
enum Act {
    Disable,
    Enable,
    Delete,
    Restore,
    /// The key's sites are no site.
    NoSites,
    /// The key's addresses are those of somebody else.
    Elsewhere,
    Show,
    List,
    /// A change by somebody who has seen the key as it was made.
    DisableAsMade,
    DisableOwner,
    EnableOwner,
    DeleteOwner,
    /// By e-mail, under which nobody who is deleted is found.
    DisableOwnerByEmail,
    OwnerToNoSites,
    ShowOwner,
    ListOwners,
    LinkForOwner,
    AnotherKeyForOwner,
    CloseSite,
    OpenSite,
    RenameSite,
    ShowSite,
    ListSites,
}

struct World {
    key: TestKey,
    /// The owner's id and address.
    owner: String,
    email: String,
    as_made: keyward_domain::Revision,
}

/// A user of their own, and a key for site 1 and unknown clients.
async fn world(node: &Engine, turn: usize) -> World {
    let email = format!("u{turn}@example.com");
    let owner = create_user(node, &email).await;
    let draft = KeyDraft {
        owner: Some(email.clone()),
        sites: RestrictionDraft::only(["1"]),
        ..draft()
    };
    let key = create_key(node, &draft).await;
    let as_made = node.get_key(OPERATOR, &key.id).await.unwrap().key.revision;
    World {
        key,
        owner,
        email,
        as_made,
    }
}

impl World {
    async fn act(&self, node: &Engine, act: Act) -> Result<(), EngineError> {
        let (id, owner) = (&*self.key.id, &*self.owner);
        match act {
            Act::Disable => node.disable_key(OPERATOR, id, None).await.map(drop),
            Act::Enable => node.enable_key(OPERATOR, id, None).await.map(drop),
            Act::Delete => node.delete_key(OPERATOR, id, None).await.map(drop),
            Act::Restore => node.restore_key(OPERATOR, id, None).await.map(drop),
            Act::DisableAsMade => node.disable_key(OPERATOR, id, Some(self.as_made)).await.map(drop),
            Act::NoSites => {
                let edit = KeyEdit {
                    sites: Some(RestrictionDraft::Only(Vec::new())),
                    ..KeyEdit::default()
                };
                node.edit_key(OPERATOR, id, &edit, None).await.map(drop)
            }
            Act::Elsewhere => {
                let edit = KeyEdit {
                    addresses: Some(RestrictionDraft::only(["192.0.2.0/24"])),
                    ..KeyEdit::default()
                };
                node.edit_key(OPERATOR, id, &edit, None).await.map(drop)
            }
            Act::Show => node.get_key(OPERATOR, id).await.map(drop),
            Act::List => {
                let all = KeyFilter {
                    status: Some("any".into()),
                    ..KeyFilter::default()
                };
                node.list_keys(OPERATOR, &all).await.map(drop)
            }
            Act::DisableOwner => node.disable_user(OPERATOR, owner, None).await.map(drop),
            Act::EnableOwner => node.enable_user(OPERATOR, owner, None).await.map(drop),
            Act::DeleteOwner => node.delete_user(OPERATOR, owner, None).await.map(drop),
            Act::ShowOwner => node.get_user(OPERATOR, owner).await.map(drop),
            Act::ListOwners => {
                let all = UserFilter {
                    with_deleted: true,
                    ..UserFilter::default()
                };
                node.list_users(OPERATOR, &all).await.map(drop)
            }
            Act::LinkForOwner => node.issue_reset_link(OPERATOR, owner, None).await.map(drop),
            _ => self.act_on_others(node, act).await,
        }
    }

    async fn act_on_others(&self, node: &Engine, act: Act) -> Result<(), EngineError> {
        let site = async |name: Option<&str>, active| {
            let edit = SiteEdit {
                name: name.map(str::to_owned),
                active,
                misread: Vec::new(),
            };
            node.edit_site(OPERATOR, "1", &edit, None).await.map(drop)
        };
        match act {
            Act::DisableOwnerByEmail => node.disable_user(OPERATOR, &self.email, None).await.map(drop),
            Act::OwnerToNoSites => {
                let edit = UserEdit {
                    sites: Some(RestrictionDraft::Only(Vec::new())),
                    ..UserEdit::default()
                };
                node.edit_user(OPERATOR, &self.owner, &edit, None).await.map(drop)
            }
            Act::AnotherKeyForOwner => {
                let draft = KeyDraft {
                    owner: Some(self.owner.clone()),
                    ..draft()
                };
                node.create_key(OPERATOR, &draft, None).await.map(drop)
            }
            Act::CloseSite => site(None, Some(false)).await,
            Act::OpenSite => site(None, Some(true)).await,
            Act::RenameSite => site(Some("renamed"), None).await,
            Act::ShowSite => node.get_site(OPERATOR, "1").await.map(drop),
            Act::ListSites => node.list_sites(OPERATOR).await.map(drop),
            other => panic!("{other:?} is done above"),
        }
    }
}

type Row = (&'static [Act], Act, Act, &'static str, Result<(), Reason>);

/// What both know; what is done there; what is asked for here, and its answer; the judgement here from then on.
fn rows() -> Vec<Row> {
    use Act::*;
    let (off, gone) = (Err(Reason::KeyDisabled), Err(Reason::KeyInvalid));
    let (inactive, no_site) = (Err(Reason::OwnerInactive), Err(Reason::SiteForbidden));
    vec![
        (&[], Disable, Disable, "done", off),
        (&[], Disable, Show, "done", off),
        (&[], Disable, List, "done", off),
        (&[], Disable, DisableAsMade, "stale", off),
        (&[Disable], Enable, Enable, "done", Ok(())),
        (&[], Delete, Delete, "key_deleted", gone),
        (&[], Delete, Disable, "key_deleted", gone),
        (&[], Delete, Enable, "key_deleted", gone),
        (&[], Delete, NoSites, "key_deleted", gone),
        (&[], Delete, Show, "done", gone),
        (&[Delete], Restore, Restore, "key_not_deleted", Ok(())),
        (&[], NoSites, NoSites, "done", no_site),
        (&[], Elsewhere, Elsewhere, "done", Err(Reason::IpForbidden)),
        (&[], DisableOwner, DisableOwner, "done", inactive),
        (&[], DisableOwner, ShowOwner, "done", inactive),
        (&[], DisableOwner, ListOwners, "done", inactive),
        // A key's view speaks of its owner and its sites too.
        (&[], DisableOwner, Show, "done", inactive),
        (&[], DisableOwner, Enable, "done", inactive),
        (&[], DisableOwner, AnotherKeyForOwner, "invalid", inactive),
        (&[], DisableOwner, LinkForOwner, "user_inactive", inactive),
        (&[DisableOwner], EnableOwner, EnableOwner, "done", Ok(())),
        (&[], DeleteOwner, DeleteOwner, "user_deleted", inactive),
        (&[], DeleteOwner, DisableOwnerByEmail, "not found", inactive),
        (&[], OwnerToNoSites, OwnerToNoSites, "done", no_site),
        (&[], CloseSite, CloseSite, "done", no_site),
        (&[], CloseSite, ShowSite, "done", no_site),
        (&[], CloseSite, ListSites, "done", no_site),
        (&[], CloseSite, Show, "done", no_site),
        (&[CloseSite], OpenSite, OpenSite, "done", Ok(())),
        // Under its old name it is not found any more. Last: it is not named back.
        (&[], RenameSite, CloseSite, "not found", no_site),
    ]
}

fn word(outcome: Result<(), EngineError>) -> &'static str {
    match outcome {
        Ok(()) => "done",
        Err(EngineError::Conflict { code, .. }) => code,
        Err(EngineError::NotFound(_)) => "not found",
        Err(EngineError::Invalid(_) | EngineError::InvalidLines(_)) => "invalid",
        Err(EngineError::Stale) => "stale",
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn r1_an_answer_that_changes_nothing_waits_until_what_it_says_is_in_force_here() {
    let home = Home::new().await;
    let (here, there) = (home.node_with_owner().await, home.node().await);
    here.create_site(OPERATOR, "1", None).await.unwrap();
    for (turn, (before, done, asked, answer, wanted)) in rows().into_iter().enumerate() {
        let world = world(&there, turn).await;
        for act in before {
            world.act(&there, *act).await.unwrap();
        }
        here.follow().await.unwrap();
        assert_ne!(judged(&here, &world.key.secret), wanted, "{done:?}: as it begins");
        world.act(&there, done).await.unwrap();
        assert_eq!(word(world.act(&here, asked).await), answer, "{done:?}, {asked:?}");
        let label = format!("after {done:?} there and {asked:?} here");
        assert_eq!(judged(&here, &world.key.secret), wanted, "{label}");
        if matches!(done, Act::CloseSite) {
            world.act(&there, Act::OpenSite).await.unwrap();
        }
    }
}

fn once(token: &str) -> Once {
    Once {
        token: token.into(),
        request_hash: [7; 32],
    }
}

#[tokio::test]
async fn r1_a_create_that_is_repeated_at_another_node_is_in_force_there() {
    let home = Home::new().await;
    let (here, there) = (home.node_with_owner().await, home.node().await);
    let made = there
        .create_key(OPERATOR, &draft(), Some(&once("key")))
        .await
        .unwrap();
    let Created::New(IssuedKey { secret, .. }) = made else {
        panic!("it is new")
    };
    assert_eq!(judged(&here, secret.reveal()), Err(Reason::KeyInvalid));
    let again = here
        .create_key(OPERATOR, &draft(), Some(&once("key")))
        .await
        .unwrap();
    assert!(matches!(again, Created::Replay(_)));
    assert_eq!(judged(&here, secret.reveal()), Ok(()));

    there
        .create_site(OPERATOR, "9", Some(&once("site")))
        .await
        .unwrap();
    assert!(!here.is_site("9"));
    here.create_site(OPERATOR, "9", Some(&once("site")))
        .await
        .unwrap();
    assert!(here.is_site("9"));

    let person = UserDraft {
        email: "person@example.com".into(),
        ..UserDraft::default()
    };
    there
        .create_user(OPERATOR, &person, Some(&once("user")))
        .await
        .unwrap();
    let known = here.revision();
    here.create_user(OPERATOR, &person, Some(&once("user")))
        .await
        .unwrap();
    assert!(here.revision() > known, "the user is known here");
}

#[tokio::test]
async fn r1_who_is_told_that_something_is_there_already_finds_it_in_force() {
    let home = Home::new().await;
    let (here, there) = (home.node_with_owner().await, home.node().await);
    there.create_site(OPERATOR, "9", None).await.unwrap();
    let taken = here.create_site(OPERATOR, "9", None).await.map(drop);
    assert_eq!(word(taken), "site_exists");
    assert!(here.is_site("9"));

    let line = format!("{{\"owner\":\"{OWNER}\",\"name\":\"n\",\"secret\":\"abcdef123456\"}}\n");
    let file = || ImportFile::new(ImportFormat::JsonLines, line.as_str());
    there.import_keys(OPERATOR, file(), &|_, _| {}).await.unwrap();
    let taken = here.import_keys(OPERATOR, file(), &|_, _| {}).await.map(drop);
    assert_eq!(word(taken), "invalid");
    assert_eq!(judged(&here, "abcdef123456"), Ok(()));
}

#[tokio::test]
async fn r1_an_answer_that_changes_nothing_is_not_given_before_the_feed_is_read() {
    let home = Home::new().await;
    let there = home.node_with_owner().await;
    let key = create_key(&there, &draft()).await;
    let faulty = Faulty::before(home.store.clone());
    let here = home.node_over(faulty.clone());
    here.load().await.unwrap();
    there.disable_key(OPERATOR, &key.id, None).await.unwrap();
    faulty.hold_next_feed();
    let disable = tokio::spawn({
        let (here, id) = (Arc::clone(&here), key.id.clone());
        async move { here.disable_key(OPERATOR, &id, None).await }
    });
    faulty.wait_held().await;
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!disable.is_finished(), "it is not in force yet");
    faulty.release();
    assert_eq!(disable.await.unwrap().unwrap().state, "disabled");
    assert_eq!(judged(&here, &key.secret), Err(Reason::KeyDisabled));
}

#[tokio::test]
async fn an_answer_that_changes_nothing_asks_the_store_for_nothing_more_when_it_is_in_force() {
    let home = Home::new().await;
    let faulty = Faulty::before(home.store.clone());
    let node = home.node_over(faulty.clone());
    node.load().await.unwrap();
    create_user(&node, OWNER).await;
    node.create_site(OPERATOR, "1", None).await.unwrap();
    let key = create_key(&node, &draft()).await;
    node.disable_key(OPERATOR, &key.id, None).await.unwrap();
    // The next feed that is read fails, and takes this back.
    faulty.fail_feed.store(true, Ordering::SeqCst);
    node.disable_key(OPERATOR, &key.id, None).await.unwrap();
    node.edit_key(OPERATOR, &key.id, &KeyEdit::default(), None)
        .await
        .unwrap();
    node.get_key(OPERATOR, &key.id).await.unwrap();
    node.list_keys(OPERATOR, &KeyFilter::default()).await.unwrap();
    node.enable_user(OPERATOR, OWNER, None).await.unwrap();
    node.edit_site(OPERATOR, "1", &SiteEdit::default(), None)
        .await
        .unwrap();
    assert!(faulty.fail_feed.load(Ordering::SeqCst), "a feed was read");
}
