//! The revision: the total order of all changes.

use super::samples::{
    START, deleted_key, event, key, new, number, owner, purge, site, stored_key, stored_site, user,
};
use crate::Store;
use keyward_domain::Revision;
use std::sync::Arc;

pub async fn an_empty_store_is_at_revision_0(store: Arc<dyn Store>) {
    assert_eq!(store.revision().await.unwrap(), Revision(0));
}

pub async fn every_change_raises_the_revision_by_one(store: Arc<dyn Store>) {
    let user = owner(&*store).await;
    let mut site = stored_site(&*store, "one").await;
    let mut key = stored_key(&*store, &user, |_| {}).await;
    assert_eq!(
        (user.revision, site.revision, key.revision),
        (Revision(1), Revision(2), Revision(3))
    );
    assert_eq!(
        store
            .update_user(&user, Revision(1), &event("user.update"))
            .await
            .unwrap(),
        Revision(4)
    );
    site.revision = store
        .update_site(&site, Revision(2), &[event("site.update")])
        .await
        .unwrap();
    assert_eq!(site.revision, Revision(5));
    key.delete(START).unwrap();
    assert_eq!(
        store
            .update_key(&key, Revision(3), &event("key.delete"))
            .await
            .unwrap(),
        Revision(6)
    );
    assert_eq!(
        store
            .purge_keys(&[purge(key.id, Revision(6), event("key.purge"))])
            .await
            .unwrap(),
        Some(Revision(7))
    );
    let keys = [super::samples::key(user.id), super::samples::key(user.id)];
    let done = store
        .import_keys(&mut keys.chunks(700), &event("key.import"), &|_| {})
        .await
        .unwrap();
    assert_eq!(done, Revision(8));
    assert_eq!(store.revision().await.unwrap(), Revision(8));
}

pub async fn what_is_no_change_raises_no_revision(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let key = deleted_key(&*store, &owner, START).await;
    let usage = crate::UsageBatch {
        counts: vec![crate::UsageCount {
            key: key.id,
            minute: START,
            refused: None,
            count: 1,
        }],
        ..crate::UsageBatch::default()
    };
    store.add_usage(&usage).await.unwrap();
    store.add_usage(&crate::UsageBatch::default()).await.unwrap();
    store.put_setup_token(&[1; 32], START).await.unwrap();
    store.prune(START).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(store.revision().await.unwrap(), key.revision);
}

pub async fn revisions_of_50_concurrent_writers_are_totally_ordered(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..50 {
        let (store, owner) = (store.clone(), owner.clone());
        tasks.spawn(async move {
            let mut mine = Vec::new();
            for _ in 0..4 {
                let done = match writer % 3 {
                    0 => store.insert_user(&user(), &event("user.create"), None).await,
                    1 => {
                        store
                            .insert_site(&site(&format!("s{}", number())), &event("site.create"), None)
                            .await
                    }
                    _ => store.insert_key(&key(owner.id), &event("key.create"), None).await,
                };
                mine.push(new(done.unwrap()));
            }
            assert!(mine.is_sorted_by(|a, b| a < b), "{mine:?}");
            mine
        });
    }
    let mut all: Vec<Revision> = tasks.join_all().await.concat();
    all.sort_unstable();
    let wanted: Vec<Revision> = (0..200).map(|n| Revision(owner.revision.0 + 1 + n)).collect();
    assert_eq!(all, wanted);
    assert_eq!(store.revision().await.unwrap().0, owner.revision.0 + 200);
}

pub async fn a_change_whose_caller_goes_away_holds_up_nobody(store: Arc<dyn Store>) {
    let owner = owner(&*store).await;
    for round in 0..20 {
        let (theirs, gone) = (store.clone(), key(owner.id));
        let task = tokio::spawn(async move { theirs.insert_key(&gone, &event("key.create"), None).await });
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        task.abort();
        task.await.ok();
        let before = store.revision().await.unwrap();
        let key = stored_key(&*store, &owner, |_| {}).await;
        assert!(key.revision > before);
        assert_eq!(store.find_key(key.id).await.unwrap(), Some(key));
    }
    // Whatever became of the changes that were given up: each is there wholly or not at all.
    let revision = store.revision().await.unwrap();
    let keys = store.list_keys(&super::samples::all_keys()).await.unwrap().len();
    assert_eq!(revision.0, owner.revision.0 + u64::try_from(keys).unwrap());
    assert_eq!(super::samples::audit_count(&*store).await, keys + 1);
}
