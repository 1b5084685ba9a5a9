//! An installation with rows in every table, and with every kind of cell in them.

use crate::samples::{START, event, key, user};
use keyward_domain::{KeyStatus, Reason, Revision, Site, SiteId, SiteName, SiteStatus};
use keyward_store::{
    IdempotencyClaim, Inserted, LastUsed, RecentAddress, SqliteOptions, SqliteStore, Store, StorePlace,
    UsageBatch, UsageCount,
};
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use tempfile::TempDir;

/// A folder with a file that may not be there yet.
pub(crate) struct Home {
    pub(crate) options: SqliteOptions,
    _folder: TempDir,
}

impl Home {
    pub(crate) fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions {
            path: folder.path().join(name),
            create: true,
            migrate: true,
            read_only: false,
        };
        Self {
            options,
            _folder: folder,
        }
    }

    pub(crate) fn place(&self) -> StorePlace {
        StorePlace::Sqlite(self.options.clone())
    }
}

/// Rows of the tables about signing in, with and without what may be absent.
const ACCOUNTS: &str = "
    INSERT INTO credentials SELECT id, '$argon2id$ü', randomblob(20), 1, 57, 'fr', 3 FROM users LIMIT 1;
    INSERT INTO credentials SELECT id, NULL, NULL, 0, 0, NULL, 0 FROM users LIMIT 1 OFFSET 1;
    INSERT INTO recovery_codes SELECT id, randomblob(32) FROM users;
    INSERT INTO recovery_codes SELECT id, randomblob(32) FROM users;
    INSERT INTO sessions SELECT randomblob(16), id, randomblob(32), 1, 2, 3, '2001:db8::1', 'Brauser ü' FROM users;
    INSERT INTO sessions SELECT randomblob(16), id, randomblob(32), 1, 2, 3, NULL, '' FROM users;
    INSERT INTO links SELECT randomblob(32), id, 'invite', 9 FROM users;
    INSERT INTO pending_sign_ins SELECT randomblob(32), id, 9, 5, NULL, 0, NULL, NULL FROM users;
    INSERT INTO pending_sign_ins SELECT randomblob(32), id, 9, 5, randomblob(32), 1, 'https://sso', 'x' FROM users;
    INSERT INTO devices SELECT randomblob(32), id, 77 FROM users;
    INSERT INTO identities SELECT 'https://sso.example.com', hex(id), id, 5 FROM users;
    INSERT INTO setup_token VALUES (1, randomblob(32), 9223372036854775807);
";

/// Fills a file with two users and so many keys.
pub(crate) async fn fill(home: &Home, keys: u64) {
    let store = SqliteStore::open(&home.options).await.unwrap();
    for number in 1..=2 {
        let claim = IdempotencyClaim {
            actor: format!("actor {number}"),
            token: "token".to_owned(),
            request_hash: [5; 32],
            at: START,
        };
        let inserted = store
            .insert_user(&user(number), &event(number), Some(&claim))
            .await;
        assert!(matches!(inserted, Ok(Inserted::New(_))));
    }
    let site = Site {
        id: SiteId(0),
        name: SiteName::new("123").unwrap(),
        status: SiteStatus::Active,
        created_at: START,
        revision: Revision(0),
    };
    store.insert_site(&site, &event(3), None).await.unwrap();
    add_keys(&store, keys).await;
    store.close().await;
    let mut connection = SqliteConnectOptions::new()
        .filename(&home.options.path)
        .connect()
        .await
        .unwrap();
    sqlx::raw_sql(ACCOUNTS).execute(&mut connection).await.unwrap();
    sqlx::Connection::close(connection).await.unwrap();
}

async fn add_keys(store: &SqliteStore, count: u64) {
    let owner = user(1).id;
    let mut keys: Vec<_> = (1..=count).map(|number| key(owner, 1000 + number)).collect();
    keys[0].status = KeyStatus::Deleted {
        at: START,
        was_active: true,
    };
    keys[1].status = KeyStatus::Deleted {
        at: START,
        was_active: false,
    };
    keys[2].status = KeyStatus::Disabled;
    store
        .import_keys(&mut keys.chunks(700), &event(4), &|_| {})
        .await
        .unwrap();
    let mut batch = UsageBatch::default();
    for (key, n) in keys.iter().zip(1..) {
        let refused = (n % 2 == 0).then_some(Reason::KeyExpired);
        batch.counts.push(UsageCount {
            key: key.id,
            minute: START,
            refused,
            count: n,
        });
        let address = (n % 3 > 0).then(|| "192.0.2.1".parse().unwrap());
        batch.last_used.push(LastUsed {
            key: key.id,
            at: START,
            address,
        });
        batch.addresses.push(RecentAddress {
            key: key.id,
            address: "2001:db8::7".parse().unwrap(),
            at: START,
        });
    }
    store.add_usage(&batch).await.unwrap();
    let mut noted = event(5);
    noted.before = Some(serde_json::json!({ "name": "a\u{0}b", "sites": null }));
    store.append_audit(&noted).await.unwrap();
}
