//! How the node is doing.

use crate::pages::House;
use keyward_domain::{NodeId, Revision};
use keyward_engine::NodeAbout;
use keyward_store::NodeRecord;

#[tokio::test]
async fn o9_the_version_is_told_to_administrators_alone() {
    let house = House::start().await;
    house.clock.advance((11 * 60 + 4) * 60_000);
    for (language, uptime, replica) in [
        ("en", ">11 h 4 min", "Up to date"),
        ("fr", ">11 h 4 min", "À jour"),
    ] {
        let (admin_id, admin) = (&house.admin_id, house.admin(language).await);
        let page = admin.get("/admin/system").await;
        for text in [
            "1.2.3-test",
            "node-of-the-test",
            "SQLite, /somewhere",
            uptime,
            replica,
            "key_invalid",
        ] {
            assert!(page.body.contains(text), "{text} {}", page.body);
        }
        for other in [
            "/admin/users",
            "/admin/sites",
            "/admin/audit",
            &format!("/admin/users/{admin_id}"),
        ] {
            let answer = admin.get(other).await;
            assert!(
                !answer.body.contains("1.2.3") && !answer.head.contains("1.2.3"),
                "{other}"
            );
        }
    }
    let answer = house.member("en").await.get("/admin/system").await;
    assert!(!answer.body.contains("1.2.3") && !answer.head.contains("1.2.3"));
}

#[tokio::test]
async fn administrators_see_every_node_and_that_versions_differ() {
    let house = House::start().await;
    house.engine.name_node(NodeAbout {
        host: "node-of-the-test".into(),
        address: "192.0.2.7:8080".into(),
        version: "1.2.3-test".into(),
    });
    for (language, this, differ) in [
        ("en", "(this one)", "Nodes run different versions"),
        ("fr", "(celui-ci)", "Des nœuds n’ont pas la même version"),
    ] {
        let page = house.admin(language).await.get("/admin/system").await;
        for text in ["node-of-the-test", "192.0.2.7:8080", this] {
            assert!(page.body.contains(text), "{text} {}", page.body);
        }
        assert!(!page.body.contains(differ), "{}", page.body);
    }
    let other = NodeRecord {
        id: NodeId::from_bytes([7; 16]),
        host: "<other>".into(),
        address: "192.0.2.8:8080".into(),
        version: "1.2.2-test".into(),
        revision: Revision(3),
        started_at: house.clock_now(),
    };
    house.engine.store().put_node(&other).await.unwrap();
    for (language, differ) in [
        ("en", "Nodes run different versions"),
        ("fr", "Des nœuds n’ont pas la même version"),
    ] {
        let page = house.admin(language).await.get("/admin/system").await;
        for text in ["&#60;other&#62;", "1.2.2-test", "1.2.3-test", differ] {
            assert!(page.body.contains(text), "{text} {}", page.body);
        }
    }
}
