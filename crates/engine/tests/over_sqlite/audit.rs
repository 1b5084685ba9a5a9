//! One line for every change and every denied change (A11).

use crate::common::{Home, OPERATOR, OWNER, Random, create_key, create_user, draft, sized};
use keyward_domain::Role;
use keyward_engine::{
    Actor, AuditFilter, AuditOutcome, EngineError, KeyDraft, KeyEdit, LimitDraft, SiteEdit, UserDraft,
    UserEdit, Who,
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
                    limit: LimitDraft::PerMinute(random.below(2) as u64),
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
