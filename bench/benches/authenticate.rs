//! `authenticate()` with 1, 10,000 and 1,000,000 keys in the replica: time and allocations of one decision.
//!
//! `cargo bench -p keyward-bench --bench authenticate`. Keys are asked for in a random order, so that with a million of
//! them nearly every look-up misses the processor's caches, as it would in service.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a measurement that cannot be set up should end"
)]

use divan::{AllocProfiler, Bencher};
use keyward_domain::{
    ClientAddress, Prefix, Presented, SecretFormat, StrictPath, UseCase, UseCaseCatalogue, UseCaseName,
};
use keyward_engine::{
    Actor, Asked, Counting, Decision, Engine, ImportFile, ImportFormat, OnStale, Settings, SystemClock,
    UserDraft,
};
use keyward_store::{SqliteOptions, SqliteStore};
use std::collections::HashMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

const SIZES: [usize; 3] = [1, 10_000, 1_000_000];

fn main() {
    divan::main();
}

struct World {
    engine: Arc<Engine>,
    secrets: Vec<String>,
    _dir: tempfile::TempDir,
}

/// A small generator: measurements should be the same each time.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn world(keys: usize) -> Arc<World> {
    static WORLDS: LazyLock<Mutex<HashMap<usize, Arc<World>>>> = LazyLock::new(Mutex::default);
    let mut worlds = WORLDS.lock().unwrap();
    Arc::clone(worlds.entry(keys).or_insert_with(|| Arc::new(build(keys))))
}

fn build(keys: usize) -> World {
    let dir = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let format = SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new());
    let mut noise = Noise(keys as u64 + 7);
    let mut file = String::new();
    let mut secrets = Vec::with_capacity(keys);
    for number in 0..keys {
        let secret =
            format.generate(&mut |bytes| bytes.iter_mut().for_each(|byte| *byte = noise.next() as u8));
        // Every decision walks through all steps: a site, a network and a limit.
        let _ = writeln!(
            file,
            "{{\"owner\":\"bench@example.com\",\"name\":\"k{number}\",\"secret\":\"{}\",\"sites\":[\"s{}\"],\"addresses\":[\"127.0.0.0/8\"],\"limit\":1000000}}",
            secret.reveal(),
            number % 100,
        );
        secrets.push(secret.reveal().to_owned());
    }
    let engine = runtime.block_on(async {
        let path = dir.path().join("bench.db");
        let options = SqliteOptions {
            path,
            create: true,
            migrate: true,
            read_only: false,
        };
        let store = Arc::new(SqliteStore::open(&options).await.unwrap());
        let use_case = UseCase {
            name: UseCaseName::new("rest-api").unwrap(),
            title: String::new(),
            routes: None,
        };
        let settings = Settings {
            format,
            catalogue: UseCaseCatalogue::new(vec![use_case]).unwrap(),
            max_staleness: Duration::from_secs(3600),
            on_stale: OnStale::Serve,
        };
        let engine = Engine::new(store, Arc::new(SystemClock), settings);
        let user = UserDraft {
            email: "bench@example.com".into(),
            ..UserDraft::default()
        };
        engine.create_user(&Actor::OPERATOR, &user, None).await.unwrap();
        for site in 0..100 {
            engine
                .create_site(&Actor::OPERATOR, &format!("s{site}"), None)
                .await
                .unwrap();
        }
        engine
            .import_keys(
                &Actor::OPERATOR,
                ImportFile::new(ImportFormat::JsonLines, file),
                &|_, _| {},
            )
            .await
            .unwrap();
        engine.load().await.unwrap();
        Arc::new(engine)
    });
    // The runtime's threads would disturb the measurement.
    runtime.shutdown_background();
    World {
        engine,
        secrets,
        _dir: dir,
    }
}

/// A secret as a request carries it: in a buffer that was just read, not in a far corner of memory.
type Sent = [u8; 41];

fn sent(secret: &str) -> Sent {
    secret
        .as_bytes()
        .try_into()
        .unwrap_or_else(|_| panic!("a secret is 41 bytes long"))
}

fn decide(engine: &Engine, secret: &Sent, site: &str) -> bool {
    let asked = Asked {
        site: Some(site),
        client: ClientAddress::from(IpAddr::from([127, 0, 0, 1])),
        method: "GET",
        path: StrictPath::parse(b"/api/s1/items").unwrap_or_else(|fault| panic!("{fault}")),
    };
    // With counters in memory, a decision is ready when it is first asked for.
    let decision = pin!(engine.authenticate(Presented::parse(secret), &asked, Counting::Count));
    match decision.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(decision) => matches!(decision, Decision::Granted(_)),
        Poll::Pending => panic!("a decision that waits"),
    }
}

const SITES: [&str; 100] = {
    let mut sites = [""; 100];
    let names = "s0 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10s11s12s13s14s15s16s17s18s19s20s21s22s23s24s25s26s27s28s29s30s31s32s33s34s35s36s37s38s39s40s41s42s43s44s45s46s47s48s49s50s51s52s53s54s55s56s57s58s59s60s61s62s63s64s65s66s67s68s69s70s71s72s73s74s75s76s77s78s79s80s81s82s83s84s85s86s87s88s89s90s91s92s93s94s95s96s97s98s99";
    let mut number = 0;
    while number < 100 {
        let (_, from) = names.as_bytes().split_at(number * 3);
        let (name, _) = from.split_at(if number < 10 { 2 } else { 3 });
        sites[number] = match str::from_utf8(name) {
            Ok(name) => name,
            Err(_) => "",
        };
        number += 1;
    }
    sites
};

#[divan::bench(args = SIZES, sample_count = 200, sample_size = 5_000)]
fn granted(bencher: Bencher<'_, '_>, keys: usize) {
    let world = world(keys);
    let mut noise = Noise(11);
    bencher
        .with_inputs(|| {
            let number = (noise.next() % keys as u64) as usize;
            (sent(&world.secrets[number]), SITES[number % 100])
        })
        .bench_local_values(|(secret, site)| assert!(decide(&world.engine, &secret, site)));
}

#[divan::bench(args = SIZES, sample_count = 200, sample_size = 5_000)]
fn wrong_site(bencher: Bencher<'_, '_>, keys: usize) {
    let world = world(keys);
    let mut noise = Noise(13);
    bencher
        .with_inputs(|| sent(&world.secrets[(noise.next() % keys as u64) as usize]))
        .bench_local_values(|secret| assert!(!decide(&world.engine, &secret, "elsewhere")));
}

/// Right checksum, unknown key: as much work as a refusal of a stranger can be.
#[divan::bench(args = SIZES, sample_count = 200, sample_size = 5_000)]
fn unknown_key(bencher: Bencher<'_, '_>, keys: usize) {
    let world = world(keys);
    let mut noise = Noise(17);
    let format = SecretFormat::new(Prefix::new("kw").unwrap(), Vec::new());
    let strangers: Vec<String> = (0..1000)
        .map(|_| {
            format
                .generate(&mut |b| b.iter_mut().for_each(|b| *b = noise.next() as u8))
                .reveal()
                .to_owned()
        })
        .collect();
    bencher
        .with_inputs(|| sent(&strangers[(noise.next() % 1000) as usize]))
        .bench_local_values(|secret| assert!(!decide(&world.engine, &secret, "s1")));
}
