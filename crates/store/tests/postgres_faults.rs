//! What happens to a PostgreSQL store when its server, another node or its schema is not as it should be.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "postgres_faults/causes.rs"]
mod causes;
#[path = "postgres_faults/lost_answer.rs"]
mod lost_answer;
#[path = "postgres_faults/order.rs"]
mod order;
#[path = "postgres_faults/passwords.rs"]
mod passwords;
#[path = "common/samples.rs"]
mod samples;
#[path = "postgres_faults/schema.rs"]
mod schema;
#[path = "postgres_faults/server.rs"]
mod server;
#[path = "postgres_faults/silent.rs"]
mod silent;
#[path = "common/unreadable.rs"]
mod unreadable;
#[path = "postgres_faults/usage.rs"]
mod usage;

use keyward_domain::User;
use keyward_store::{Inserted, PostgresOptions, PostgresStore, Store, StoreError};
use keyward_testkit::Postgres;
use samples::{event, user};

fn options(server: &Postgres) -> PostgresOptions {
    PostgresOptions {
        url: server.url("postgres"),
        password: None,
        listen_url: None,
        create: false,
        migrate: false,
        read_only: false,
    }
}

fn creating(server: &Postgres) -> PostgresOptions {
    PostgresOptions {
        create: true,
        migrate: true,
        ..options(server)
    }
}

async fn created(server: &Postgres) -> PostgresStore {
    PostgresStore::open(&creating(server)).await.unwrap()
}

/// Adds user 1.
async fn owner(store: &PostgresStore) -> User {
    let mut user = user(1);
    let Inserted::New(revision) = store.insert_user(&user, &event(1), None).await.unwrap() else {
        panic!("a replay without a claim");
    };
    user.revision = revision;
    user
}

/// Opens what must be refused, and returns the sentence.
async fn refusal(options: &PostgresOptions) -> String {
    match PostgresStore::open(options).await {
        Err(StoreError::Open(sentence)) => {
            assert!(sentence.starts_with(&options.place()), "{sentence}");
            sentence
        }
        Err(other) => panic!("not a refusal to open: {other:?}"),
        Ok(_) => panic!("opened"),
    }
}
