use super::*;
use keyward_domain::{Email, Name};
use tokio::task::JoinSet;

fn password() -> NewPassword {
    let email = Email::new("a@b.c").unwrap();
    NewPassword::new("mole trowel gravel plinth", &email, &Name::new("x").unwrap()).unwrap()
}

#[tokio::test]
async fn a_password_is_hashed_as_owasp_asks_with_a_salt_of_its_own() {
    let hasher = Hasher::default();
    let one = hasher.hash(&password(), Rank::Known).await.unwrap();
    let other = hasher.hash(&password(), Rank::Stranger).await.unwrap();
    assert_ne!(one, other);
    assert!(one.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    for (text, right) in [
        (password().reveal(), true),
        ("mole trowel gravel plintH", false),
        ("", false),
    ] {
        assert_eq!(hasher.check(text, Some(&one), Rank::Known).await, Ok(right));
    }
    assert_eq!(
        hasher.check(password().reveal(), None, Rank::Known).await,
        Ok(false)
    );
    assert_eq!(hasher.runs(), 6);
}

#[tokio::test]
async fn a_damaged_hash_lets_nobody_in_and_the_thread_goes_on() {
    let hasher = Hasher::default();
    let damaged = PasswordHash::stored("$argon2id$".to_owned());
    let outcome = hasher.check("x", Some(&damaged), Rank::Known).await;
    assert!(matches!(outcome, Err(HashFault::Broken(_))), "{outcome:?}");
    assert_eq!(hasher.check("x", None, Rank::Known).await, Ok(false));
}

/// One whose thread has not begun: jobs wait until [`begin`].
fn held() -> Arc<Hasher> {
    let hasher = Hasher::default();
    hasher.0.lock().is_running = true;
    Arc::new(hasher)
}

fn begin(hasher: &Hasher) {
    let shared = Arc::clone(&hasher.0);
    let thread = std::thread::Builder::new().name("passwords".to_owned());
    thread.spawn(move || shared.work()).unwrap();
}

/// Submits so many checks of strangers, and waits until as many as may wait do.
async fn strangers(hasher: &Arc<Hasher>, count: usize) -> JoinSet<Result<bool, HashFault>> {
    let mut all = JoinSet::new();
    for _ in 0..count {
        let hasher = Arc::clone(hasher);
        all.spawn(async move { hasher.check("x", None, Rank::Stranger).await });
    }
    while hasher.0.lock().strangers.len() < count.min(MOST_WAITING) {
        tokio::task::yield_now().await;
    }
    all
}

#[tokio::test]
async fn strangers_who_fill_their_queue_keep_nobody_out_who_is_known() {
    let hasher = held();
    let flood = strangers(&hasher, 3 * MOST_WAITING).await;
    let its = Arc::clone(&hasher);
    let known = tokio::spawn(async move { its.check("known", None, Rank::Known).await });
    while hasher.0.lock().known.is_empty() {
        tokio::task::yield_now().await;
    }
    let Some(Job::Check(password, hash, reply)) = hasher.0.next() else {
        panic!("a job that is none of these");
    };
    assert_eq!(*password, "known", "it is not its turn at once");
    reply.send(hasher.0.check(&password, hash.as_ref())).unwrap();
    assert_eq!(known.await.unwrap(), Ok(false));
    begin(&hasher);
    let outcomes = flood.join_all().await;
    let count = |wanted| outcomes.iter().filter(|outcome| **outcome == wanted).count();
    assert_eq!(
        count(Err(HashFault::Full)),
        2 * MOST_WAITING,
        "the queue is bounded"
    );
    assert_eq!(count(Ok(false)), MOST_WAITING);
}

#[tokio::test]
async fn whoever_goes_away_is_not_worked_for() {
    let hasher = held();
    let mut gone = strangers(&hasher, 40).await;
    gone.shutdown().await;
    begin(&hasher);
    assert_eq!(hasher.check("x", None, Rank::Stranger).await, Ok(false));
    assert_eq!(hasher.runs(), 1);
}

/// The name and the niceness of each thread of this process; those that end meanwhile are left out.
#[cfg(target_os = "linux")]
fn threads() -> Vec<(String, String)> {
    let folders = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let read = |folder: std::fs::DirEntry| {
        // A thread has its name before it is nice.
        let stat = std::fs::read_to_string(folder.path().join("stat")).ok()?;
        let name = std::fs::read_to_string(folder.path().join("comm")).ok()?;
        let (_, after_name) = stat.rsplit_once(')')?;
        let nice = after_name.split_whitespace().nth(16)?;
        Some((name.trim().to_owned(), nice.to_owned()))
    };
    folders.filter_map(read).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_the_thread_for_passwords_yields_to_others() {
    let hasher = Hasher::default();
    hasher.check("x", None, Rank::Known).await.unwrap();
    // Other tests of this process may have such a thread too.
    let nice: Vec<String> = threads()
        .into_iter()
        .filter(|(_, nice)| nice == "19")
        .map(|(name, _)| name)
        .collect();
    assert!(
        !nice.is_empty() && nice.iter().all(|name| name == "passwords"),
        "{nice:?}"
    );
}

#[tokio::test]
async fn when_the_thread_ends_nobody_waits_for_it_and_the_next_job_begins_another() {
    let hasher = Hasher::default();
    let (reply, done) = oneshot::channel();
    {
        let mut waiting = hasher.0.lock();
        waiting.is_running = true;
        let job = Job::Check(Zeroizing::new("x".to_owned()), None, reply);
        waiting.strangers.push_back(job);
    }
    // As when a job panics.
    drop(Ended(&hasher.0));
    assert!(done.await.is_err());
    assert_eq!(hasher.check("x", None, Rank::Known).await, Ok(false));
}
