//! Health: what is worth a look, with a way to all of it.

use super::{key, people};
use crate::pages::House;
use keyward_engine::{ExpiryDraft, RestrictionDraft};

#[tokio::test]
async fn health_counts_what_is_worth_a_look_and_leads_to_it() {
    let house = House::start().await;
    for number in 0..7 {
        key(&house, "admin@example.com", |draft| {
            draft.name = format!("of the admin {number}");
        })
        .await;
    }
    let soon = house.clock_now().plus_days(3).to_string();
    key(&house, "member@example.com", |draft| {
        draft.name = "ends soon".into();
        draft.expires_at = ExpiryDraft::At(soon);
        draft.addresses = RestrictionDraft::Only(vec!["192.0.2.1".into()]);
    })
    .await;
    for (language, well) in [("en", "All well"), ("fr", "Tout va bien")] {
        let [admin, member] = people(&house, language).await;
        let all = admin.get("/integrations/health").await;
        let counts: Vec<&str> = all
            .body
            .split("class=\"key-count\">")
            .skip(1)
            .map(|rest| &rest[..1])
            .collect();
        assert_eq!(counts, ["1", "0", "8", "7", "7"]);
        assert!(all.body.contains("of the admin 6") && all.body.contains(well));
        let own = member.get("/integrations/health").await;
        let counts: Vec<&str> = own
            .body
            .split("class=\"key-count\">")
            .skip(1)
            .map(|rest| &rest[..1])
            .collect();
        assert_eq!(counts, ["1", "0", "1", "0", "0"]);
        assert!(own.body.contains("ends soon") && !own.body.contains("of the admin"));
        for mark in ["never_used", "expiring_14_days"] {
            let link = format!("/integrations/keys?mark={mark}");
            assert!(own.body.contains(&format!("href=\"{link}\"")));
            let list = member.get(&link).await;
            assert!(
                list.body.contains("ends soon") && list.body.contains(&format!("value=\"{mark}\" selected"))
            );
        }
    }
}
