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

#[tokio::test]
async fn strangers_who_fill_their_queue_keep_nobody_out_who_is_known() {
    let hasher = Arc::new(Hasher::default());
    let mut flood = JoinSet::new();
    for _ in 0..3 * MOST_WAITING {
        let hasher = Arc::clone(&hasher);
        flood.spawn(async move { hasher.check("x", None, Rank::Stranger).await });
    }
    while hasher.0.lock().strangers.len() < MOST_WAITING - 2 {
        tokio::task::yield_now().await;
    }
    let before = hasher.runs();
    assert_eq!(hasher.check("x", None, Rank::Known).await, Ok(false));
    assert!(hasher.runs() <= before + 4, "it was not its turn at once");
    let outcomes = flood.join_all().await;
    let full = outcomes
        .iter()
        .filter(|outcome| **outcome == Err(HashFault::Full));
    assert!(full.count() > 0, "the queue is bounded");
}

#[tokio::test]
async fn whoever_goes_away_is_not_worked_for() {
    let hasher = Arc::new(Hasher::default());
    let mut gone = JoinSet::new();
    for _ in 0..40 {
        let hasher = Arc::clone(&hasher);
        gone.spawn(async move { hasher.check("x", None, Rank::Stranger).await });
    }
    while hasher.0.lock().strangers.len() < 30 {
        tokio::task::yield_now().await;
    }
    gone.shutdown().await;
    assert_eq!(hasher.check("x", None, Rank::Stranger).await, Ok(false));
    assert!(hasher.runs() < 40, "{}", hasher.runs());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn only_the_thread_for_passwords_yields_to_others() {
    let hasher = Hasher::default();
    hasher.check("x", None, Rank::Known).await.unwrap();
    let nice_of = |folder: &std::path::Path| {
        let stat = std::fs::read_to_string(folder.join("stat")).unwrap();
        let after_name = stat.rsplit_once(')').unwrap().1.to_owned();
        after_name.split_whitespace().nth(16).unwrap().to_owned()
    };
    let name_of = |folder: &std::path::Path| std::fs::read_to_string(folder.join("comm")).unwrap();
    let mut niced = 0;
    for thread in std::fs::read_dir("/proc/self/task").unwrap() {
        let folder = thread.unwrap().path();
        let is_ours = name_of(&folder).trim() == "passwords";
        assert_eq!(nice_of(&folder) == "19", is_ours, "{}", name_of(&folder));
        niced += usize::from(is_ours);
    }
    assert_eq!(niced, 1);
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
