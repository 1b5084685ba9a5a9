//! The replica on disk: what a node that starts from it decides, and what it refuses to start from.

use crate::common::{Home, OPERATOR, OWNER, START, TestKey, ask, create_key, create_user, draft, judged};
use keyward_domain::{Reason, Timestamp};
use keyward_engine::{Counting, Engine, ExpiryDraft, KeyDraft, LimitDraft, RestrictionDraft, UserDraft};
use keyward_store::Store;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Keys with every kind of restriction, and what becomes of `GET /api/1/x` of an unknown client.
async fn keys(node: &Engine) -> Vec<(TestKey, Result<(), Reason>)> {
    node.create_site(OPERATOR, "1", None).await.unwrap();
    node.create_site(OPERATOR, "2", None).await.unwrap();
    let elsewhere = UserDraft {
        email: "elsewhere@example.com".into(),
        sites: RestrictionDraft::Only(vec!["2".into()]),
        ..UserDraft::default()
    };
    node.create_user(OPERATOR, &elsewhere, None).await.unwrap();
    create_user(node, "gone@example.com").await;
    let list = |entries: &[&str]| RestrictionDraft::only(entries);
    let of = |owner: &str| Some(owner.to_owned());
    let ok = Ok(());
    let drafts = [
        (draft(), ok),
        (
            KeyDraft {
                sites: list(&["1", "2"]),
                limit: LimitDraft::PerMinute(3),
                ..draft()
            },
            ok,
        ),
        (
            KeyDraft {
                sites: list(&["2"]),
                ..draft()
            },
            Err(Reason::SiteForbidden),
        ),
        (
            KeyDraft {
                sites: list(&[]),
                ..draft()
            },
            Err(Reason::SiteForbidden),
        ),
        (
            KeyDraft {
                addresses: list(&["192.0.2.0/24", "2001:db8::/32"]),
                ..draft()
            },
            Err(Reason::IpForbidden),
        ),
        (
            KeyDraft {
                addresses: list(&[]),
                ..draft()
            },
            Err(Reason::IpForbidden),
        ),
        (
            KeyDraft {
                use_case: of("status"),
                ..draft()
            },
            Err(Reason::UseCaseForbidden),
        ),
        (
            KeyDraft {
                use_case: of("read"),
                expires_at: ExpiryDraft::At("2027-01-01T00:00:00Z".into()),
                ..draft()
            },
            ok,
        ),
        (
            KeyDraft {
                owner: of("elsewhere@example.com"),
                ..draft()
            },
            Err(Reason::SiteForbidden),
        ),
        (
            KeyDraft {
                owner: of("gone@example.com"),
                ..draft()
            },
            Err(Reason::OwnerInactive),
        ),
    ];
    let mut keys = Vec::new();
    for (draft, verdict) in drafts {
        keys.push((create_key(node, &draft).await, verdict));
    }
    node.delete_user(OPERATOR, "gone@example.com", None)
        .await
        .unwrap();
    keys
}

struct World {
    home: Home,
    file: PathBuf,
    first: Arc<Engine>,
    keys: Vec<(TestKey, Result<(), Reason>)>,
}

/// A node that has written its replica to disk.
async fn world() -> World {
    let home = Home::new().await;
    let file = home.folder().join("replica.snapshot");
    let first = home.node_keeping(&file);
    first.load().await.unwrap();
    create_user(&first, OWNER).await;
    let keys = keys(&first).await;
    first.write_snapshot().await.unwrap();
    World {
        home,
        file,
        first,
        keys,
    }
}

impl World {
    async fn refusal(&self) -> String {
        let node = self.home.node_keeping(&self.file);
        let fault = node.load_snapshot().await.unwrap_err().to_string();
        assert!(fault.starts_with(self.file.to_str().unwrap()), "{fault}");
        let status = node.status();
        assert!(!status.loaded && status.keys == 0, "{fault}");
        fault
    }
}

#[tokio::test]
async fn a_node_that_starts_from_a_snapshot_decides_as_the_one_that_wrote_it() {
    let world = world().await;
    let node = world.home.node_keeping(&world.file);
    let snapshot = node.load_snapshot().await.unwrap();
    assert_eq!(snapshot.revision, world.first.status().revision);
    let status = node.status();
    assert!(status.loaded && status.from_snapshot, "{status:?}");
    assert_eq!(status.keys, world.keys.len());
    for (key, verdict) in &world.keys {
        assert_eq!(judged(&node, &key.secret), *verdict, "{}", key.id);
    }
    assert_eq!(judged(&node, "never-was-a-key"), Err(Reason::KeyInvalid));
    assert!(node.is_site("2") && !node.is_site("3"));
    // The limit holds: it counts anew.
    let (limited, _) = &world.keys[1];
    assert_eq!(judged(&node, &limited.secret), Ok(()));
    assert_eq!(judged(&node, &limited.secret), Ok(()));
    assert_eq!(judged(&node, &limited.secret), Err(Reason::RateLimited));
}

#[tokio::test]
async fn k4_a_snapshot_holds_no_secret_and_no_text_for_people() {
    let world = world().await;
    let bytes = fs::read(&world.file).unwrap();
    let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    for (key, _) in &world.keys {
        assert!(!holds(&key.secret) && !holds(&key.secret[3..]));
    }
    for text in [OWNER, "elsewhere", "example.com", "owner", "key\u{0}"] {
        assert!(!holds(text), "{text}");
    }
    assert_eq!(
        fs::metadata(&world.file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn r4_what_changed_since_the_snapshot_is_in_force_once_the_store_has_answered() {
    let world = world().await;
    let id = |place: usize| world.keys[place].0.id.as_str();
    world.first.disable_key(OPERATOR, id(0), None).await.unwrap();
    world.first.delete_key(OPERATOR, id(7), None).await.unwrap();
    // One is purged: no feed tells of it any more.
    world.first.delete_key(OPERATOR, id(2), None).await.unwrap();
    let gone = world
        .home
        .store
        .find_key(id(2).parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    world.home.clock.advance(31 * 86_400_000);
    world.first.clear_away().await.unwrap();
    assert_eq!(world.home.store.find_key(gone.id).await.unwrap(), None);
    world.home.clock.set(START);
    let added = create_key(&world.first, &draft()).await;
    let node = world.home.node_keeping(&world.file);
    node.load_snapshot().await.unwrap();
    assert_eq!(judged(&node, &world.keys[0].0.secret), Ok(()));
    assert_eq!(judged(&node, &world.keys[2].0.secret), Err(Reason::SiteForbidden));
    node.follow().await.unwrap();
    assert!(!node.status().from_snapshot);
    assert_eq!(node.status().revision, world.first.status().revision);
    assert_eq!(node.status().keys, world.first.status().keys);
    assert_eq!(judged(&node, &world.keys[0].0.secret), Err(Reason::KeyDisabled));
    for place in [2, 7] {
        assert_eq!(
            judged(&node, &world.keys[place].0.secret),
            Err(Reason::KeyInvalid),
            "{place}"
        );
    }
    assert_eq!(judged(&node, &added.secret), Ok(()));
    // From here on it follows as every other does, and writes what it has.
    world.first.enable_key(OPERATOR, id(0), None).await.unwrap();
    node.follow().await.unwrap();
    assert_eq!(judged(&node, &world.keys[0].0.secret), Ok(()));
    node.write_snapshot().await.unwrap();
    let third = world.home.node_keeping(&world.file);
    assert_eq!(
        third.load_snapshot().await.unwrap().revision,
        node.status().revision
    );
}

#[tokio::test]
async fn r1_a_change_on_a_node_that_started_from_a_snapshot_is_in_force_with_its_answer() {
    let world = world().await;
    let (key, other) = (&world.keys[0].0, &world.keys[1].0);
    world.first.disable_key(OPERATOR, &other.id, None).await.unwrap();
    let node = world.home.node_keeping(&world.file);
    node.load_snapshot().await.unwrap();
    node.disable_key(OPERATOR, &key.id, None).await.unwrap();
    assert_eq!(judged(&node, &key.secret), Err(Reason::KeyDisabled));
    assert_eq!(judged(&node, &other.secret), Err(Reason::KeyDisabled));
    assert!(!node.status().from_snapshot);
}

#[tokio::test]
async fn a_load_that_breaks_off_leaves_what_is_newer_and_is_done_again() {
    let world = world().await;
    let faulty = crate::faulty::Faulty::before(world.home.store.clone());
    world
        .first
        .disable_key(OPERATOR, &world.keys[0].0.id, None)
        .await
        .unwrap();
    world
        .first
        .delete_key(OPERATOR, &world.keys[7].0.id, None)
        .await
        .unwrap();
    let node = world.home.node_keeping_over(faulty.clone(), &world.file);
    node.load_snapshot().await.unwrap();
    faulty
        .fail_load_after
        .store(2, std::sync::atomic::Ordering::SeqCst);
    assert!(node.follow().await.is_err());
    // What was revoked is so, although the rest could not be read.
    assert!(node.status().from_snapshot);
    assert_eq!(judged(&node, &world.keys[0].0.secret), Err(Reason::KeyDisabled));
    assert_eq!(judged(&node, &world.keys[7].0.secret), Err(Reason::KeyInvalid));
    assert_eq!(judged(&node, &world.keys[1].0.secret), Ok(()));
    node.follow().await.unwrap();
    assert!(!node.status().from_snapshot);
    assert_eq!(node.status().keys, world.first.status().keys);
}

#[tokio::test]
async fn its_age_counts_from_when_the_store_confirmed_it() {
    let world = world().await;
    world.home.clock.advance(1_800_000);
    let snapshot = world
        .home
        .node_keeping(&world.file)
        .load_snapshot()
        .await
        .unwrap();
    assert!(snapshot.age >= Duration::from_secs(1800), "{snapshot:?}");
    // A node that goes on without changes notes that it was confirmed, without writing it all again.
    let before = fs::metadata(&world.file).unwrap().modified().unwrap();
    world.first.follow().await.unwrap();
    world.first.write_snapshot().await.unwrap();
    assert_eq!(fs::metadata(&world.file).unwrap().modified().unwrap(), before);
    let node = world.home.node_keeping(&world.file);
    let snapshot = node.load_snapshot().await.unwrap();
    assert!(snapshot.age < Duration::from_secs(1800), "{snapshot:?}");
    // An hour later it is older than `max_staleness` allows.
    world.home.clock.advance(3_601_000);
    let node = world.home.node_keeping(&world.file);
    node.load_snapshot().await.unwrap();
    assert!(node.status().stale);
    node.follow().await.unwrap();
    assert!(!node.status().stale);
    assert!(matches!(
        ask(&node, &world.keys[0].0.secret, Counting::Peek),
        keyward_engine::Decision::Granted(_)
    ));
}

#[tokio::test]
async fn a_note_that_cannot_be_relied_on_makes_a_snapshot_older_never_younger() {
    let world = world().await;
    let note = world.file.with_extension("snapshot.confirmed");
    world.home.clock.advance(600_000);
    world.first.follow().await.unwrap();
    world.first.write_snapshot().await.unwrap();
    let whole = fs::read(&note).unwrap();
    let mut changed = whole.clone();
    changed[60] ^= 1;
    for bytes in [&[][..], &whole[..whole.len() - 1], &changed] {
        fs::write(&note, bytes).unwrap();
        let age = world
            .home
            .node_keeping(&world.file)
            .load_snapshot()
            .await
            .unwrap()
            .age;
        assert!(age >= Duration::from_secs(600), "{age:?}");
    }
    fs::write(&note, &whole).unwrap();
    let age = world
        .home
        .node_keeping(&world.file)
        .load_snapshot()
        .await
        .unwrap()
        .age;
    assert!(age < Duration::from_secs(600), "{age:?}");
}

#[tokio::test]
async fn s6_every_byte_that_is_changed_or_missing_is_noticed() {
    let world = world().await;
    let whole = fs::read(&world.file).unwrap();
    for place in 0..whole.len() {
        let mut changed = whole.clone();
        changed[place] ^= 1;
        fs::write(&world.file, &changed).unwrap();
        let fault = world.refusal().await;
        let words = match place {
            0..16 => "no snapshot of Keyward",
            16..20 => "another release",
            _ => "damaged",
        };
        assert!(fault.contains(words), "{place}: {fault}");
        fs::write(&world.file, &whole[..place]).unwrap();
        let fault = world.refusal().await;
        assert!(fault.contains("damaged"), "{place}: {fault}");
    }
    fs::write(&world.file, [&whole[..], b"x"].concat()).unwrap();
    assert!(world.refusal().await.contains("damaged"));
}

#[tokio::test]
async fn s6_a_snapshot_that_others_may_open_is_refused() {
    let world = world().await;
    for mode in [0o640, 0o604, 0o620, 0o602, 0o666] {
        fs::set_permissions(&world.file, fs::Permissions::from_mode(mode)).unwrap();
        let fault = world.refusal().await;
        assert!(fault.contains("other accounts"), "{mode:o}: {fault}");
    }
    fs::set_permissions(&world.file, fs::Permissions::from_mode(0o600)).unwrap();
    // Only root can give a file away.
    if std::os::unix::fs::chown(&world.file, Some(65_534), None).is_ok() {
        let fault = world.refusal().await;
        assert!(fault.contains("another account"), "{fault}");
    }
    fs::remove_file(&world.file).unwrap();
    assert!(world.refusal().await.contains("there is no snapshot"));
    fs::create_dir(&world.file).unwrap();
    assert!(world.refusal().await.contains("not a file"));
}

#[tokio::test]
async fn s6_a_snapshot_of_another_database_is_refused() {
    let world = world().await;
    let other = "db.internal:5432/other";
    let node = world.home.node_keeping_of(other, &world.file);
    let fault = node.load_snapshot().await.unwrap_err().to_string();
    assert!(
        fault.contains("of the database db.internal:5432/keyward") && fault.contains(other),
        "{fault}"
    );
    assert!(!node.status().loaded);
    // One that has loaded puts its own in its place.
    node.load().await.unwrap();
    node.write_snapshot().await.unwrap();
    node.load_snapshot().await.unwrap();
    assert!(world.refusal().await.contains("correct database.url"));
}

#[tokio::test]
async fn s12_a_snapshot_from_a_time_to_come_is_refused() {
    let world = world().await;
    world
        .home
        .clock
        .set(Timestamp::from_millis(START.millis() - 3_600_000));
    assert!(world.refusal().await.contains("clock"));
}

#[tokio::test]
async fn a_write_that_fails_leaves_the_snapshot_before() {
    let world = world().await;
    let before = fs::read(&world.file).unwrap();
    create_key(&world.first, &draft()).await;
    // What is in the way of the draft cannot be removed: it is a folder with something in it.
    let draft_file = world
        .file
        .with_extension(format!("snapshot.new-{}", std::process::id()));
    fs::create_dir_all(draft_file.join("x")).unwrap();
    let fault = world.first.write_snapshot().await.unwrap_err();
    assert!(fault.to_string().contains("cannot be written"), "{fault}");
    assert_eq!(fs::read(&world.file).unwrap(), before);
    fs::remove_dir_all(&draft_file).unwrap();
    world.first.write_snapshot().await.unwrap();
    assert_ne!(fs::read(&world.file).unwrap(), before);
    assert!(!draft_file.exists());
}

/// What is loaded for the first time has no age; and that no snapshot was ever written is seen by its age.
#[tokio::test]
async fn a_node_that_takes_long_to_load_is_not_stale_and_a_snapshot_that_was_never_written_grows_old() {
    let home = Home::new().await;
    let file = home.folder().join("replica.snapshot");
    let node = home.node_keeping(&file);
    let without = home.node().await;
    home.clock.advance(3_601_000);
    let status = node.status();
    assert!(!status.loaded && !status.stale);
    assert_eq!(status.snapshot, None);
    assert_eq!(status.snapshot_age, Some(Duration::from_secs(3601)));
    assert_eq!(without.status().snapshot_age, None);
    node.load().await.unwrap();
    node.write_snapshot().await.unwrap();
    assert!(node.status().snapshot_age < Some(Duration::from_secs(60)));
}
