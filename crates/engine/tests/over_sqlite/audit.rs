//! One line for every change and every denied change (A11).

use crate::common::{Home, OPERATOR, OWNER, Random, create_key, create_user, draft, sized};
use keyward_domain::Role;
use keyward_engine::{
    Actor, AuditFilter, AuditOutcome, EngineError, KeyDraft, KeyEdit, SiteEdit, UserDraft, UserEdit, Who,
};
use std::net::{IpAddr, Ipv4Addr};

#[derive(Default, Debug, PartialEq)]
struct Lines {
    done: usize,
    denied: usize,
}

#[tokio::test]
async fn a11_every_change_and_every_denied_change_has_one_line() {
    let home = Home::new().await;
    let node = home.node().await;
    let owner = create_user(&node, OWNER).await;
    let other = create_user(&node, "other@example.com").await;
    let address = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)));
    let member = Actor {
        who: Who::User {
            id: other.parse().unwrap(),
            role: Role::Member,
            key: None,
        },
        address,
    };
    let mut random = Random(11);
    // The two users.
    let mut wanted = Lines { done: 2, denied: 0 };
    let mut keys = vec![create_key(&node, &draft()).await.id];
    wanted.done += 1;
    for n in 0..sized(400, 10_000) {
        let actor = if random.one_in(3) { &member } else { OPERATOR };
        let id = random.pick(&keys).clone();
        let revision = node.status().revision;
        let what = random.below(12);
        let text = Some(random.below(3).to_string());
        let outcome = match what {
            0 => node.disable_key(actor, &id, None).await.map(|_| ()),
            1 => node.enable_key(actor, &id, None).await.map(|_| ()),
            2 => node.delete_key(actor, &id, None).await.map(|_| ()),
            3 => node.restore_key(actor, &id, None).await.map(|_| ()),
            4 => {
                let edit = KeyEdit {
                    description: text,
                    ..KeyEdit::default()
                };
                node.edit_key(actor, &id, &edit, None).await.map(|_| ())
            }
            5 => {
                let bad = KeyDraft {
                    limit: Some(random.below(2) as u64),
                    ..draft()
                };
                match node.create_key(actor, &bad, None).await {
                    Ok(keyward_engine::Created::New(made)) => {
                        keys.push(made.view.key.id.to_string());
                        Ok(())
                    }
                    Ok(_) => Ok(()),
                    Err(error) => Err(error),
                }
            }
            6 => node.disable_user(actor, &other, None).await.map(|_| ()),
            7 => node.enable_user(actor, &other, None).await.map(|_| ()),
            8 => {
                let edit = UserEdit {
                    name: text,
                    ..UserEdit::default()
                };
                node.edit_user(actor, &owner, &edit, None).await.map(|_| ())
            }
            9 => node
                .create_site(actor, &format!("site-{}", random.below(20)), None)
                .await
                .map(|_| ()),
            10 => {
                let edit = SiteEdit {
                    active: Some(random.one_in(2)),
                    ..SiteEdit::default()
                };
                let name = format!("site-{}", random.below(20));
                node.edit_site(actor, &name, &edit, None).await.map(|_| ())
            }
            _ => {
                let user = UserDraft {
                    email: format!("u{n}@example.com"),
                    ..UserDraft::default()
                };
                node.create_user(actor, &user, None).await.map(|_| ())
            }
        };
        let changed = node.status().revision != revision;
        let is_member = actor.user().is_some();
        // A member owns nothing here, so whatever they try is denied or as if it were not there.
        let denied =
            is_member && matches!(outcome, Err(EngineError::Forbidden(_) | EngineError::NotFound(_)));
        assert!(!(is_member && changed), "{what}: a member changed something");
        assert!(outcome.is_ok() || !changed, "{what}: {outcome:?}");
        wanted.done += usize::from(changed);
        wanted.denied += usize::from(denied);
        assert!(!is_member || denied, "{what}: {outcome:?}");
    }
    let mut found = Lines::default();
    let mut filter = AuditFilter {
        limit: Some(200),
        ..AuditFilter::default()
    };
    loop {
        let page = node.list_audit(OPERATOR, &filter).await.unwrap();
        for view in &page.items {
            let event = &view.event;
            match &event.outcome {
                AuditOutcome::Done => {
                    found.done += 1;
                    assert!(event.before.is_some() || event.after.is_some(), "{event:?}");
                }
                AuditOutcome::Denied(_) => {
                    found.denied += 1;
                    assert_eq!(event.address, address, "{event:?}");
                }
            }
        }
        match page.next {
            Some(next) => filter.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn an_export_hands_over_every_event_that_passes_the_filter_in_pages() {
    let home = Home::new().await;
    let node = home.node().await;
    let owner = create_user(&node, OWNER).await;
    let admin = Actor {
        who: Who::User {
            id: owner.parse().unwrap(),
            role: Role::Admin,
            key: None,
        },
        address: None,
    };
    let key = create_key(&node, &draft()).await.id;
    for _ in 0..510 {
        home.clock.advance(1);
        node.disable_key(&admin, &key, None).await.unwrap();
        node.enable_key(&admin, &key, None).await.unwrap();
    }
    let export = async |filter: AuditFilter| {
        let (node, admin) = (node.clone(), admin.clone());
        let (pages, mut received) = tokio::sync::mpsc::channel(1);
        // A handler runs it beside the answer that it fills.
        let exporting = tokio::spawn(async move {
            node.export_audit(&admin, &filter, |page| {
                let pages = pages.clone();
                async move {
                    pages.send(page).await.unwrap();
                    Ok::<(), EngineError>(())
                }
            })
            .await
        });
        let mut all = Vec::new();
        while let Some(page) = received.recv().await {
            all.push(page);
        }
        exporting.await.unwrap().unwrap();
        all
    };
    let pages = export(AuditFilter {
        cursor: Some("not read".into()),
        limit: Some(1),
        ..AuditFilter::default()
    })
    .await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [1000, 22]);
    let events: Vec<_> = pages.into_iter().flatten().collect();
    assert!(events.is_sorted_by(|a, b| a.event.id > b.event.id));
    assert_eq!(events[0].actor_email.as_deref(), Some(OWNER));
    assert_eq!(events.last().and_then(|event| event.actor_email.clone()), None);
    let disabled = export(AuditFilter {
        action: Some("key.disable".into()),
        ..AuditFilter::default()
    })
    .await;
    assert_eq!(disabled.concat().len(), 510);
    let none = export(AuditFilter {
        action: Some("nothing".into()),
        ..AuditFilter::default()
    })
    .await;
    assert!(none.is_empty());
}

#[tokio::test]
async fn a1_an_export_of_the_audit_log_is_for_administrators() {
    let home = Home::new().await;
    let node = home.node().await;
    let member = Actor {
        who: Who::User {
            id: create_user(&node, OWNER).await.parse().unwrap(),
            role: Role::Member,
            key: None,
        },
        address: None,
    };
    let export = async |actor: &Actor, filter: &AuditFilter| {
        node.export_audit(actor, filter, async |_| Ok::<(), EngineError>(()))
            .await
    };
    let denied = export(&member, &AuditFilter::default()).await;
    assert!(matches!(denied, Err(EngineError::Forbidden(_))), "{denied:?}");
    let bad = AuditFilter {
        since: Some("yesterday".into()),
        ..AuditFilter::default()
    };
    let invalid = export(&Actor::OPERATOR, &bad).await;
    assert!(matches!(invalid, Err(EngineError::Invalid(_))), "{invalid:?}");
    let failing = node
        .export_audit(OPERATOR, &AuditFilter::default(), async |_| {
            Err(EngineError::NotFound("reader"))
        })
        .await;
    assert!(
        matches!(failing, Err(EngineError::NotFound("reader"))),
        "{failing:?}"
    );
}
