//! Expiry to the millisecond, clocks that jump, and set-up tokens that grow old (R9, S12, A10, C12).

use crate::common::{Home, OPERATOR, OWNER, START, ask, create_key, draft, judged, word};
use keyward_domain::{Reason, Timestamp};
use keyward_engine::{
    Counting, EngineError, ExpiryDraft, ImportFile, ImportFormat, KeyDraft, LimitDraft, SetupDraft,
};

fn expiring(at: &str) -> KeyDraft {
    KeyDraft {
        expires_at: ExpiryDraft::At(at.to_owned()),
        ..draft()
    }
}

#[tokio::test]
async fn r9_a_key_is_good_before_its_expiry_and_refused_from_it_on() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    for (text, offset) in [
        ("2026-11-23T22:12:00Z", 0),
        ("2026-11-23T22:12:00.250Z", 250),
        ("2026-11-24T12:12:00+14:00", 0),
        ("2026-11-23T10:12:00.001-12:00", 1),
    ] {
        home.clock.set(START);
        let key = create_key(&node, &expiring(text)).await;
        let at = START.plus_millis(60_000 + offset);
        for (millis, wanted) in [
            (-60_000, Ok(())),
            (-1, Ok(())),
            (0, Err(Reason::KeyExpired)),
            (1, Err(Reason::KeyExpired)),
            (86_400_000, Err(Reason::KeyExpired)),
        ] {
            home.clock.set(at.plus_millis(millis));
            assert_eq!(judged(&node, &key.secret), wanted, "{text} {millis}");
            assert_eq!(
                word(&ask(&node, &key.secret, Counting::Peek)),
                wanted,
                "{text} {millis}"
            );
        }
    }
}

#[tokio::test]
async fn r9_expiries_that_are_past_or_no_instants_are_refused_at_save() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    for bad in [
        "2026-11-23T22:11:00Z",
        "2026-11-23T22:10:59.999Z",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00+01:00",
        "10000-01-01T00:00:00Z",
        "+10000-01-01T00:00:00Z",
        // Written in the year 9999, but an instant of the year 10000.
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59.999-12:00",
        "2027-02-30T00:00:00Z",
        "2027-02-29T00:00:00Z",
        "2027-13-01T00:00:00Z",
        "2027-00-01T00:00:00Z",
        "2027-01-00T00:00:00Z",
        "2027-06-30T23:59:60Z",
        "2027-01-01T24:00:00Z",
        "2027-01-01T00:60:00Z",
        "2027-01-01T00:00:00+24:00",
        "2027-01-01T00:00:00+1400",
        "2027-01-01T00:00:00",
        "2027-01-01",
        "1830297600",
        " 2027-01-01T00:00:00Z",
        "2027-01-01T00:00:00Z\0",
        "tomorrow",
        "",
    ] {
        match node.create_key(OPERATOR, &expiring(bad), None).await.map(|_| ()) {
            Err(EngineError::Invalid(faults)) => assert_eq!(faults[0].field, "expires_at", "{bad}"),
            other => panic!("{bad}: {other:?}"),
        }
    }
    for good in [
        "9999-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59+14:00",
        "2028-02-29T00:00:00Z",
        "2026-11-23T22:11:00.001Z",
    ] {
        let key = create_key(&node, &expiring(good)).await;
        assert_eq!(judged(&node, &key.secret), Ok(()), "{good}");
        let view = node.get_key(OPERATOR, &key.id).await.unwrap();
        let shown = view.key.expires_at.unwrap().to_string();
        assert_eq!(
            shown.parse::<Timestamp>().ok(),
            view.key.expires_at,
            "{good}: {shown}"
        );
    }
}

#[tokio::test]
async fn s12_a_key_seen_expired_stays_expired_on_that_node() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let key = create_key(&node, &expiring("2026-11-23T22:12:00Z")).await;
    let unasked = create_key(&node, &expiring("2026-11-23T22:12:00Z")).await;
    assert_eq!(judged(&node, &key.secret), Ok(()));
    home.clock.advance(3_600_000);
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyExpired));
    home.clock.set(START);
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyExpired));
    assert_eq!(
        judged(&node, &unasked.secret),
        Ok(()),
        "never asked while the clock was ahead"
    );
    // It also outlives edits, switching off and on, and deleting and restoring.
    node.disable_key(OPERATOR, &key.id, None).await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyDisabled));
    node.enable_key(OPERATOR, &key.id, None).await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyExpired));
    node.delete_key(OPERATOR, &key.id, None).await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyInvalid));
    node.restore_key(OPERATOR, &key.id, None).await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyExpired));
}

#[tokio::test]
async fn s12_no_jump_of_the_clock_panics_or_gives_a_key_more_than_one_window() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let hour = 3_600_000;
    let year_2106 = 4_294_967_296_000;
    let targets = [
        START.millis() - hour,
        START.millis() + hour,
        START.millis() - 1,
        START.millis() + 59_999,
        START.millis() + 60_000,
        START.millis() - 60_000,
        START.millis() - 60_001,
        0,
        59_999,
        -1,
        -hour,
        year_2106 - 1,
        year_2106,
        year_2106 + 60_000,
        60_000 * i64::from(u32::MAX),
        253_402_300_799_999,
        i64::MAX,
        i64::MIN,
    ];
    const LIMIT: usize = 5;
    for from in targets {
        for to in targets {
            let key_draft = KeyDraft {
                limit: LimitDraft::PerMinute(LIMIT as u64),
                ..draft()
            };
            home.clock.set(START);
            let key = create_key(&node, &key_draft).await;
            let passes = |at: i64| {
                home.clock.set(Timestamp::from_millis(at));
                (0..3 * LIMIT)
                    .filter(|_| judged(&node, &key.secret).is_ok())
                    .count()
            };
            assert!(passes(from) <= LIMIT, "{from}");
            assert!(passes(to) <= LIMIT, "{from} {to}");
            assert_eq!(passes(to), 0, "{from} {to}: the window began anew without a jump");
            assert!(passes(from) <= LIMIT, "{from} {to} and back");
            // Nor is it locked for longer than the rest of this window and the next.
            home.clock.set(START);
            judged(&node, &key.secret).ok();
            assert_eq!(passes(START.millis() + 120_000), LIMIT, "{from} {to}: locked");
        }
    }
}

#[tokio::test]
async fn a10_a_deleted_key_comes_back_only_by_a_restore_within_30_days() {
    let home = Home::new().await;
    let node = home.node_with_owner().await;
    let day = 86_400_000;
    for (days, restored) in [(0, true), (29, true), (31, false)] {
        home.clock.set(START);
        let key = create_key(&node, &draft()).await;
        node.delete_key(OPERATOR, &key.id, None).await.unwrap();
        assert_eq!(judged(&node, &key.secret), Err(Reason::KeyInvalid));
        for refused in [
            node.enable_key(OPERATOR, &key.id, None).await,
            node.disable_key(OPERATOR, &key.id, None).await,
            node.edit_key(OPERATOR, &key.id, &Default::default(), None).await,
            node.delete_key(OPERATOR, &key.id, None).await,
        ] {
            assert!(
                matches!(
                    refused,
                    Err(EngineError::Conflict {
                        code: "key_deleted",
                        ..
                    })
                ),
                "{refused:?}"
            );
        }
        assert_eq!(judged(&node, &key.secret), Err(Reason::KeyInvalid));
        home.clock.advance(days * day);
        node.clear_away().await.unwrap();
        let outcome = node.restore_key(OPERATOR, &key.id, None).await;
        assert_eq!(outcome.is_ok(), restored, "{days} days: {outcome:?}");
        let wanted = if restored { Ok(()) } else { Err(Reason::KeyInvalid) };
        assert_eq!(judged(&node, &key.secret), wanted, "{days} days");
        if !restored {
            assert!(node.get_key(OPERATOR, &key.id).await.is_err(), "purged");
            // Nothing is left of it, so the same secret could be brought in again.
            let file = format!(
                "{{\"owner\":\"{OWNER}\",\"name\":\"again\",\"fingerprint\":\"{}\"}}\n",
                hex(keyward_domain::Presented::parse(key.secret.as_bytes())
                    .unwrap()
                    .fingerprint()
                    .as_bytes())
            );
            node.import_keys(
                OPERATOR,
                ImportFile::new(ImportFormat::JsonLines, &file),
                &|_, _| {},
            )
            .await
            .unwrap();
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn c12_a_set_up_token_works_once_within_its_hour_and_only_the_last_one() {
    let home = Home::new().await;
    let node = home.node().await;
    let redeem = async |token: &str| {
        let draft = SetupDraft {
            token: token.to_owned(),
            email: "first@example.com".to_owned(),
            ..SetupDraft::default()
        };
        node.redeem_setup_token(&draft, None).await
    };
    let old = node.issue_setup_token().await.unwrap();
    home.clock.advance(3_600_000);
    assert!(
        matches!(redeem(old.reveal()).await, Err(EngineError::Forbidden(_))),
        "expired"
    );
    let replaced = node.issue_setup_token().await.unwrap();
    let token = node.issue_setup_token().await.unwrap();
    for wrong in [
        replaced.reveal(),
        old.reveal(),
        "",
        "setup_",
        "kw_x",
        &token.reveal()[1..],
    ] {
        assert!(
            matches!(redeem(wrong).await, Err(EngineError::Forbidden(_))),
            "{wrong}"
        );
    }
    home.clock.advance(3_599_999);
    redeem(token.reveal()).await.unwrap();
    assert!(
        matches!(redeem(token.reveal()).await, Err(EngineError::Forbidden(_))),
        "used"
    );
}
