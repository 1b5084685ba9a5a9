//! Old lines of the audit log go to files, and then from the store.

use crate::common::{Home, OPERATOR, create_key, create_user, draft};
use crate::faulty::Faulty;
use keyward_engine::{ArchiveSettings, AuditFilter, Engine};
use keyward_store::Store;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const DAY: i64 = 86_400_000;

/// A node that keeps lines for 30 days.
fn archiving(home: &Home, store: Arc<dyn Store>) -> Arc<Engine> {
    let settings = ArchiveSettings {
        keep_days: 30,
        folder: home.folder().join("archive"),
    };
    let node = home.0.node_over(store, crate::common::settings());
    Arc::new(node.with_archive(settings, |line| {
        serde_json::to_vec(&serde_json::json!({ "action": line.event.action, "email": line.actor_email }))
    }))
}

async fn actions(node: &Engine) -> Vec<String> {
    let page = node.list_audit(OPERATOR, &AuditFilter::default()).await.unwrap();
    page.items.into_iter().map(|line| line.event.action).collect()
}

#[tokio::test]
async fn lines_of_days_that_are_past_their_keep_go_to_files_and_nothing_else_does() {
    let home = Home::new().await;
    let faulty = Faulty::before(home.store.clone());
    let node = archiving(&home, faulty.clone());
    node.load().await.unwrap();
    create_user(&node, crate::common::OWNER).await;
    home.clock.advance(DAY);
    let key = create_key(&node, &draft()).await;
    home.clock.advance(DAY);
    node.disable_key(OPERATOR, &key.id, None).await.unwrap();
    // The day of the first line ended 29 days ago, and a little more.
    home.clock.advance(28 * DAY);
    node.archive_audit().await.unwrap();
    assert_eq!(actions(&node).await, ["key.disable", "key.create", "user.create"]);
    // The folder is not there: nothing is lost.
    home.clock.advance(2 * DAY);
    let fault = node.archive_audit().await.unwrap_err().to_string();
    assert!(fault.contains("archive/audit-2026-11-23.jsonl"), "{fault}");
    assert_eq!(actions(&node).await.len(), 3);
    fs::create_dir(home.folder().join("archive")).unwrap();
    // What could not be removed from the store is in its file once, however often it is tried.
    for _ in 0..2 {
        faulty.fail_removal.store(true, Ordering::SeqCst);
        node.archive_audit().await.unwrap_err();
    }
    node.archive_audit().await.unwrap();
    assert_eq!(
        actions(&node).await,
        ["audit.archived", "audit.archived", "key.disable"]
    );
    let read = |day: &str| {
        let path = home.folder().join(format!("archive/audit-2026-11-{day}.jsonl"));
        fs::read_to_string(path).unwrap()
    };
    assert_eq!(read("23"), "{\"action\":\"user.create\",\"email\":null}\n");
    assert_eq!(read("24"), "{\"action\":\"key.create\",\"email\":null}\n");
    let page = node.list_audit(OPERATOR, &AuditFilter::default()).await.unwrap();
    let said = page.items[0].event.after.clone().unwrap();
    assert_eq!(
        said,
        serde_json::json!({
            "lines": 1,
            "from": "2026-11-24T22:11:00Z",
            "until": "2026-11-24T22:11:00Z",
            "file": "audit-2026-11-24.jsonl",
            "node": null,
        })
    );
    // What says so is kept as long as other lines are.
    node.archive_audit().await.unwrap();
    assert_eq!(actions(&node).await.len(), 3);
}
