//! The clients of `examples/`, each run by its own language against a gateway: what they print, how often they try again,
//! and when they do not. All languages run at the same time.

use crate::spoken::Ask;
use crate::world::World;
use keyward_testkit::{EchoUpstream, KeySpec, Language, OWNER, RawResponse, Reply};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

const TARGET: &str = "/api/123/resource";
/// How often the clients try at most.
const MOST_TRIES: usize = 5;

/// What a client did.
struct Ran {
    language: Language,
    good: bool,
    out: String,
    err: String,
}

/// Runs one client.
async fn run(language: Language, address: SocketAddr, key: &str, max_wait: &str) -> Option<Ran> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let source = std::fs::read_to_string(examples.join(language.file())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let environment = [
        ("KEYWARD_URL", &*format!("http://{address}")),
        ("KEYWARD_KEY", key),
        ("KEYWARD_MAX_WAIT", max_wait),
    ];
    let output = language.run(&source, folder.path(), &environment).await?;
    Some(Ran::new(language, &output))
}

/// Does the same with every language at the same time; nothing of one language's is left out but its absence.
async fn with_each<F>(ask: impl Fn(Language) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let running: Vec<_> = Language::ALL
        .into_iter()
        .map(|language| tokio::spawn(ask(language)))
        .collect();
    for one in running {
        one.await.unwrap();
    }
}

#[tokio::test]
async fn each_client_prints_the_answer_and_what_is_left() {
    let world = World::start("").await;
    world.keyward.site("123").await;
    let secret = world.secret_of(KeySpec::new(OWNER, "hundred").limit(100)).await;
    let address = world.keyward.gateway();
    with_each(move |language| {
        let secret = secret.clone();
        async move {
            let Some(ran) = run(language, address, &secret, "0").await else {
                return;
            };
            ran.says(true, "200 ", TARGET);
            ran.says(true, "requests left until ", "");
            assert!(!ran.tells(&secret), "{ran:?}");
        }
    })
    .await;
    assert!(!world.upstream.requests().is_empty());
}

#[tokio::test]
async fn each_client_tells_why_it_was_refused_and_does_not_ask_again() {
    let world = World::start("").await;
    world.keyward.site("123").await;
    let elsewhere = world.k1.clone();
    let spent = world.secret_of(KeySpec::new(OWNER, "one").limit(1)).await;
    let address = world.keyward.gateway();
    for (key, word) in [
        ("kw_unknown_0123456789", "401 key_invalid: "),
        (&*elsewhere, "403 site_forbidden: "),
    ] {
        let key = key.to_owned();
        with_each(move |language| {
            let key = key.clone();
            async move {
                let Some(ran) = run(language, address, &key, "120").await else {
                    return;
                };
                ran.says(false, word, "");
                assert!(!ran.err.contains("waiting") && !ran.tells(&key), "{ran:?}");
            }
        })
        .await;
    }
    at_its_limit(&world, &spent).await;
    with_each(move |language| {
        let spent = spent.clone();
        async move {
            let Some(ran) = run(language, address, &spent, "0").await else {
                return;
            };
            // A minute may begin between: then the one request of that minute is granted to some client.
            if !ran.good {
                ran.says(
                    false,
                    "429 rate_limited: ",
                    "giving up: another try makes sense in ",
                );
                assert!(!ran.err.contains("waiting"), "{ran:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_client_waits_as_long_as_it_is_told_and_then_gets_its_answer() {
    let world = World::start("").await;
    world.keyward.site("123").await;
    let spent = world.secret_of(KeySpec::new(OWNER, "one").limit(1)).await;
    // The gateway's own refusal, but for the seconds: up to 60 of them are real, and one is enough to see.
    let refusal = at_its_limit(&world, &spent).await;
    with_each(move |language| {
        let refusal = refusal.clone();
        async move {
            let stand_in = EchoUpstream::start().await;
            stand_in.queue(with_retry_after(&refusal, 429, Some("1")));
            stand_in.queue(with_retry_after(&refusal, 503, Some("1")));
            let begun = Instant::now();
            let Some(ran) = run(language, stand_in.address(), "abcdef123456", "120").await else {
                return;
            };
            ran.says(true, "200 ", TARGET);
            assert_eq!(ran.err.matches("waiting 1 s").count(), 2, "{ran:?}");
            assert_eq!(stand_in.count(), 3, "{ran:?}");
            assert!(begun.elapsed() >= Duration::from_secs(2), "{ran:?}");
            let keys = stand_in
                .requests()
                .iter()
                .flat_map(|one| one.header("X-API-KEY"))
                .collect::<Vec<_>>();
            assert_eq!(keys, ["abcdef123456"; 3]);
        }
    })
    .await;
}

#[tokio::test]
async fn each_client_stops_after_some_tries_and_takes_no_words_for_seconds() {
    let world = World::start("").await;
    world.keyward.site("123").await;
    let spent = world.secret_of(KeySpec::new(OWNER, "one").limit(1)).await;
    let refusal = at_its_limit(&world, &spent).await;
    with_each(move |language| {
        let refusal = refusal.clone();
        async move {
            let stand_in = EchoUpstream::start().await;
            let endless = with_retry_after(&refusal, 429, Some("0"));
            stand_in.script("/", endless);
            let Some(ran) = run(language, stand_in.address(), "abcdef123456", "120").await else {
                return;
            };
            ran.says(false, "429 rate_limited: ", "waiting 0 s");
            assert_eq!(stand_in.count(), MOST_TRIES, "{ran:?}");
            // No seconds are told, or what is none: a limit ends at its reset, anything else is no reason to wait.
            for (status, retry_after, tells) in [
                (429, None, "giving up: another try makes sense in "),
                (429, Some("-1"), "giving up: another try makes sense in "),
                (503, None, "503 "),
                (503, Some("tomorrow"), "503 "),
                (302, Some("1"), "302 "),
            ] {
                stand_in.clear();
                stand_in.script("/", with_retry_after(&refusal, status, retry_after));
                let ran = run(language, stand_in.address(), "abcdef123456", "0")
                    .await
                    .unwrap();
                ran.says(false, tells, "");
                assert_eq!(stand_in.count(), 1, "{status} {retry_after:?}: {ran:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_client_takes_its_key_from_the_environment_alone() {
    with_each(|language| async move {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let source = std::fs::read_to_string(examples.join(language.file())).unwrap();
        assert!(
            source.contains("KEYWARD_KEY") && source.contains("KEYWARD_URL"),
            "{language:?}"
        );
        let folder = tempfile::tempdir().unwrap();
        let environment = [("KEYWARD_URL", ""), ("KEYWARD_KEY", "")];
        if let Some(output) = language.run(&source, folder.path(), &environment).await {
            Ran::new(language, &output).says(false, "KEYWARD_KEY", "");
        }
    })
    .await;
}

#[tokio::test]
async fn the_client_in_go_is_as_gofmt_writes_it() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/call.go");
    let source = std::fs::read_to_string(path).unwrap();
    if let Some(formatted) = Language::gofmt(&source).await {
        assert_eq!(formatted, source);
    }
}

/// Asks until the key is refused for its limit, and returns that answer.
async fn at_its_limit(world: &World, secret: &str) -> RawResponse {
    loop {
        let answer = world.say(&Ask::get(TARGET).key(secret)).await.head.unwrap();
        if answer.status == 429 {
            return answer;
        }
    }
}

/// The answer with another status, and these seconds or none.
fn with_retry_after(answer: &RawResponse, status: u16, retry_after: Option<&str>) -> Reply {
    let mut headers = answer.headers.clone();
    headers.retain(|(name, _)| !name.eq_ignore_ascii_case("retry-after"));
    headers.extend(retry_after.map(|seconds| ("Retry-After".to_owned(), seconds.to_owned())));
    if status == 302 {
        headers.push(("Location".to_owned(), "/elsewhere".to_owned()));
    }
    Reply::Http {
        status,
        headers,
        body: answer.body.clone(),
    }
}

impl Ran {
    fn new(language: Language, output: &Output) -> Self {
        Self {
            language,
            good: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It ended so, and said both, on standard output when it ended well.
    #[track_caller]
    fn says(&self, good: bool, first: &str, second: &str) {
        let said = if good { &self.out } else { &self.err };
        assert_eq!(self.good, good, "{self:?}");
        assert!(
            said.contains(first) && said.contains(second),
            "{first} {second}: {self:?}"
        );
    }

    /// Whether it told this anywhere. (The upstream of these tests tells the headers that it got; the key is none of them.)
    fn tells(&self, text: &str) -> bool {
        self.out.contains(text) || self.err.contains(text)
    }
}

impl std::fmt::Debug for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}: good: {}\n{}\n{}",
            self.language.id(),
            self.good,
            self.out,
            self.err
        )
    }
}
