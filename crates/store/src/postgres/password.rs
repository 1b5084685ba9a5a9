//! Where the password of the database comes from. It is asked for anew with each connection, because it may change, or expire.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a program may take to give a password.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// How long what it gave is used again, so that connections that open together run it once.
const REMEMBERED: Duration = Duration::from_secs(5);
/// The same of a failure: a program that fails is not run by each who wants to connect.
const FAILURE_REMEMBERED: Duration = Duration::from_secs(1);
/// How much of what a file or a program gives is read, in bytes.
const MAX_LENGTH: u64 = 64 * 1024;
/// How much is told of what a program complains of, in characters.
const MAX_COMPLAINT: usize = 200;
const POLL: Duration = Duration::from_millis(20);

/// Where a password comes from.
#[derive(Clone, PartialEq, Eq)]
pub enum PasswordSource {
    /// It does not change.
    Text(String),
    /// A file that holds it, and nothing else but the end of its line.
    File(PathBuf),
    /// A program and its arguments; the first line that it prints is the password.
    Command(Vec<String>),
}

impl fmt::Debug for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            // An argument may be a secret too.
            Self::Command(words) => f.debug_tuple("Command").field(&words.first()).finish(),
        }
    }
}

impl From<String> for PasswordSource {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A source, and what it gave last.
#[derive(Debug)]
pub(super) struct Password {
    source: Option<PasswordSource>,
    /// What the program gave last, and its run that is under way.
    asked: Arc<Mutex<Asked>>,
}

/// A password, or what is wrong.
type Answer = Result<String, String>;

#[derive(Default)]
struct Asked {
    last: Option<(Instant, Answer)>,
    run: Option<watch::Receiver<Option<Answer>>>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}

impl Asked {
    /// What may be used again.
    fn known(&self) -> Option<Answer> {
        let (at, answer) = self.last.as_ref()?;
        let remembered = match answer {
            Ok(_) => REMEMBERED,
            Err(_) => FAILURE_REMEMBERED,
        };
        (at.elapsed() < remembered).then(|| answer.clone())
    }
}

impl Password {
    pub(super) fn new(source: Option<PasswordSource>) -> Self {
        Self {
            source,
            asked: Arc::default(),
        }
    }

    /// The password of now; none when the address has it, or none is needed. An error says what is wrong with the source. A program
    /// is waited for no longer than `patience`, and goes on for those who come later.
    pub(super) async fn get(&self, patience: Duration) -> Result<Option<String>, String> {
        match &self.source {
            None => Ok(None),
            Some(PasswordSource::Text(text)) => Ok(Some(text.clone())),
            Some(PasswordSource::File(path)) => read_file(path).await.map(Some),
            Some(PasswordSource::Command(words)) => self.ask(words, patience).await.map(Some),
        }
    }

    /// Forgets what a program gave: the server does not take it.
    pub(super) fn forget(&self) {
        lock(&self.asked).last = None;
    }

    /// It runs once for all who ask meanwhile.
    async fn ask(&self, words: &[String], patience: Duration) -> Answer {
        let mut given = {
            let mut asked = lock(&self.asked);
            if let Some(known) = asked.known() {
                return known;
            }
            match &asked.run {
                Some(run) if run.has_changed().is_ok() => run.clone(),
                _ => self.run(&mut asked, words.to_vec()),
            }
        };
        let given = timeout(patience, given.wait_for(Option::is_some)).await;
        let fault = |what: &str| format!("the password command `{}`: {what}", program(words));
        match given {
            Ok(Ok(answer)) => answer.clone().unwrap_or_else(|| Err(fault("gave nothing"))),
            Ok(Err(_)) => Err(fault("was given up")),
            Err(_) => Err(fault(&format!(
                "has given nothing within {} ms; it goes on",
                patience.as_millis()
            ))),
        }
    }

    /// Runs the program, whoever waits for it.
    fn run(&self, asked: &mut Asked, words: Vec<String>) -> watch::Receiver<Option<Answer>> {
        let (told, given) = watch::channel(None);
        asked.run = Some(given.clone());
        let shared = Arc::clone(&self.asked);
        spawn_blocking(move || {
            let answer = run(&words);
            let mut asked = lock(&shared);
            asked.last = Some((Instant::now(), answer.clone()));
            asked.run = None;
            told.send_replace(Some(answer));
        });
        given
    }
}

fn lock(asked: &Mutex<Asked>) -> MutexGuard<'_, Asked> {
    asked.lock().unwrap_or_else(PoisonError::into_inner)
}

fn program(words: &[String]) -> &str {
    words.first().map_or("", String::as_str)
}

async fn read_file(path: &Path) -> Result<String, String> {
    let text = tokio::fs::read_to_string(path)
        .await
        .map_err(|error| format!("the password file {}: cannot be read: {error}", path.display()))?;
    first_line(&text).ok_or_else(|| format!("the password file {}: is empty", path.display()))
}

/// The text without the end of its only line.
fn first_line(text: &str) -> Option<String> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    (!line.is_empty()).then(|| line.to_owned())
}

/// Runs a program that prints a password. Blocks.
fn run(words: &[String]) -> Result<String, String> {
    let [program, arguments @ ..] = words else {
        return Err("the password command is empty".to_owned());
    };
    let fault = |what: String| format!("the password command `{program}`: {what}");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| fault(format!("cannot be run: {error}")))?;
    let printed = read_in_background(child.stdout.take().map(Output::Printed));
    let complained = read_in_background(child.stderr.take().map(Output::Complained));
    let deadline = Instant::now() + COMMAND_TIMEOUT;
    let left = || deadline.saturating_duration_since(Instant::now());
    let Some(status) = wait_until(&mut child, deadline).map_err(&fault)? else {
        return Err(fault(format!(
            "gave nothing within {} s",
            COMMAND_TIMEOUT.as_secs()
        )));
    };
    if !status.success() {
        let told = complained.recv_timeout(left()).unwrap_or_default();
        let first: String = told
            .trim()
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(MAX_COMPLAINT)
            .collect();
        return Err(fault(format!("failed ({status}): {first}")));
    }
    let text = printed
        .recv_timeout(left())
        .map_err(|_| fault("does not end what it prints".to_owned()))?;
    let line = text.split_inclusive('\n').next().and_then(first_line);
    line.ok_or_else(|| fault("printed no password".to_owned()))
}

enum Output {
    Printed(ChildStdout),
    Complained(ChildStderr),
}

/// What a program writes, once it has ended that. A thread reads it, so that nobody waits for a program that goes on.
fn read_in_background(output: Option<Output>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = match output {
            Some(Output::Printed(out)) => out.take(MAX_LENGTH).read_to_end(&mut bytes),
            Some(Output::Complained(out)) => out.take(MAX_LENGTH).read_to_end(&mut bytes),
            None => Ok(0),
        };
        // Nobody waits for it any more when that fails.
        let _told = read.is_ok() && sender.send(String::from_utf8_lossy(&bytes).into_owned()).is_ok();
    });
    receiver
}

/// Waits for a program's end, and ends one that takes too long.
fn wait_until(child: &mut Child, deadline: Instant) -> Result<Option<std::process::ExitStatus>, String> {
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child
                .kill()
                .and_then(|()| child.wait())
                .map_err(|error| error.to_string())?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<String, String> {
        run(&["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()])
    }

    #[test]
    fn the_first_line_of_what_a_program_prints_is_the_password() {
        assert_eq!(shell("printf 'one two\\nthree\\n'"), Ok("one two".to_owned()));
        assert_eq!(shell("printf 'one\\r\\n'"), Ok("one".to_owned()));
        assert_eq!(shell("printf one; echo loud >&2"), Ok("one".to_owned()));
    }

    #[test]
    fn a_program_that_gives_none_says_why_and_never_what_it_printed() {
        for (script, why) in [
            ("echo s3cret; echo no token >&2; exit 3", "no token"),
            ("exit 0", "printed no password"),
            ("echo", "printed no password"),
        ] {
            let told = shell(script).unwrap_err();
            assert!(told.contains(why) && !told.contains("s3cret"), "{told}");
        }
        let told = run(&["/absent/program".to_owned()]).unwrap_err();
        assert!(told.contains("cannot be run"), "{told}");
    }

    #[tokio::test]
    async fn connections_that_open_together_run_the_program_once() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let script = format!("echo x >> {}; echo s3cret", count.display());
        let words = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
        let password = Password::new(Some(PasswordSource::Command(words)));
        let asked = futures_util::future::join_all((0..12).map(|_| password.get(COMMAND_TIMEOUT))).await;
        assert!(
            asked.iter().all(|given| given == &Ok(Some("s3cret".to_owned()))),
            "12 times"
        );
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
        password.forget();
        password.get(COMMAND_TIMEOUT).await.unwrap();
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\nx\n");
    }

    #[tokio::test]
    async fn a_program_that_fails_is_run_once_for_those_who_ask_together() {
        let folder = tempfile::tempdir().unwrap();
        let count = folder.path().join("count");
        let script = format!("echo x >> {}; echo no token >&2; exit 3", count.display());
        let words = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
        let password = Password::new(Some(PasswordSource::Command(words)));
        let asked = futures_util::future::join_all((0..12).map(|_| password.get(COMMAND_TIMEOUT))).await;
        assert!(
            asked
                .iter()
                .all(|given| given.as_ref().is_err_and(|why| why.contains("no token"))),
            "{asked:?}"
        );
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
    }

    /// It is waited for no longer than who asks has time, and what it gives at last is there for the next one.
    #[tokio::test]
    async fn nobody_waits_longer_for_a_program_than_there_is_time() {
        let folder = tempfile::tempdir().unwrap();
        let gate = folder.path().join("gate");
        let script = format!(
            "until test -e {}; do sleep 0.05; done; echo s3cret",
            gate.display()
        );
        let words = ["/bin/sh", "-c", &script].map(str::to_owned).to_vec();
        let password = Password::new(Some(PasswordSource::Command(words)));
        let told = password.get(Duration::from_millis(1)).await.unwrap_err();
        assert!(told.contains("within 1 ms"), "{told}");
        std::fs::write(&gate, "").unwrap();
        assert_eq!(password.get(COMMAND_TIMEOUT).await, Ok(Some("s3cret".to_owned())));
    }
}
