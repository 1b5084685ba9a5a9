//! Sites.

use super::samples::{event, footprint, site, stored_site};
use crate::{Duplicate, Store, StoreError};
use keyward_domain::{Revision, SiteId, SiteName, SiteStatus};
use std::sync::Arc;

pub async fn a_site_gets_a_number_of_its_own_and_is_listed_by_name(store: Arc<dyn Store>) {
    let (b, upper, a) = (
        stored_site(&*store, "b").await,
        stored_site(&*store, "B").await,
        stored_site(&*store, "a").await,
    );
    assert!(b.id != upper.id && a.id != b.id && a.id != upper.id && b.id != SiteId(0));
    assert_eq!(a.revision, store.revision().await.unwrap());
    assert_eq!(store.list_sites().await.unwrap(), [upper, a, b]);
    assert_eq!(store.find_site(&SiteName::new("c").unwrap()).await.unwrap(), None);
}

pub async fn a_site_is_renamed_and_closed_under_its_number(store: Arc<dyn Store>) {
    let mut site = stored_site(&*store, "old").await;
    let old = site.name.clone();
    site.name = SiteName::new("new").unwrap();
    site.status = SiteStatus::Disabled;
    site.revision = store
        .update_site(&site, site.revision, &[event("site.update")])
        .await
        .unwrap();
    assert_eq!(store.find_site(&old).await.unwrap(), None);
    // Each of the events of a change is written.
    let before = footprint(&*store).await;
    site.revision = store
        .update_site(
            &site,
            site.revision,
            &[event("site.rename"), event("site.disable")],
        )
        .await
        .unwrap();
    assert_eq!(footprint(&*store).await, (Revision(before.0.0 + 1), before.1 + 2));
    assert_eq!(store.find_site(&site.name).await.unwrap().as_ref(), Some(&site));
    let again = stored_site(&*store, "old").await;
    assert_ne!(again.id, site.id);
}

pub async fn a_site_name_that_is_there_is_a_duplicate(store: Arc<dyn Store>) {
    let (one, mut two) = (
        stored_site(&*store, "one").await,
        stored_site(&*store, "two").await,
    );
    let before = footprint(&*store).await;
    let done = store.insert_site(&site("one"), &event("site.create"), None).await;
    assert!(
        matches!(
            done,
            Err(StoreError::Duplicate {
                what: Duplicate::SiteName,
                ..
            })
        ),
        "{done:?}"
    );
    two.name = one.name;
    let done = store
        .update_site(&two, two.revision, &[event("site.update")])
        .await;
    assert!(
        matches!(
            done,
            Err(StoreError::Duplicate {
                what: Duplicate::SiteName,
                ..
            })
        ),
        "{done:?}"
    );
    assert_eq!(footprint(&*store).await, before);
}

pub async fn an_update_of_a_site_needs_the_row_at_its_revision(store: Arc<dyn Store>) {
    let mut site = stored_site(&*store, "one").await;
    let before = footprint(&*store).await;
    let done = store
        .update_site(&site, Revision(site.revision.0 + 1), &[event("site.update")])
        .await;
    assert!(matches!(done, Err(StoreError::Conflict)), "{done:?}");
    site.id = SiteId(4_000_000_000);
    let done = store
        .update_site(&site, site.revision, &[event("site.update")])
        .await;
    assert!(matches!(done, Err(StoreError::NotFound)), "{done:?}");
    assert_eq!(footprint(&*store).await, before);
}
