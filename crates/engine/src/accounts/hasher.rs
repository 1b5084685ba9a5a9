//! Argon2id on one thread of the lowest priority, so that a flood of sign-ins leaves the gateway alone.
//!
//! Jobs wait in two queues: those of people who have shown a session, a link or a known device are done first, so that
//! strangers who fill the other queue keep nobody out who was in before. Both are bounded; beyond that, whoever comes is
//! told to come again.

use crate::yield_to_others;
use argon2::{Algorithm, Argon2, Params, PasswordHash as Phc, PasswordHasher, PasswordVerifier, Version};
use keyward_domain::{NewPassword, PasswordHash};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// OWASP's parameters for Argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// The lowest priority there is.
const NICE: i32 = 19;
/// So many jobs wait in each queue at most.
const MOST_WAITING: usize = 64;

/// Whose job it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Rank {
    /// Somebody who has shown something that only they can have.
    Known,
    /// Anybody.
    Stranger,
}

/// Why a job was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashFault {
    /// Too many are waiting.
    Full,
    /// The machine cannot do it.
    Broken(&'static str),
}

/// The thread and those who wait for it. The thread begins with the first job and ends with the last owner.
#[derive(Default)]
pub(crate) struct Hasher(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    woken: Condvar,
    runs: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    known: VecDeque<Job>,
    strangers: VecDeque<Job>,
    is_running: bool,
    is_closed: bool,
}

enum Job {
    Hash(
        Zeroizing<String>,
        oneshot::Sender<Result<PasswordHash, HashFault>>,
    ),
    Check(
        Zeroizing<String>,
        Option<PasswordHash>,
        oneshot::Sender<Result<bool, HashFault>>,
    ),
}

impl Hasher {
    /// Hashes a new password.
    pub(super) async fn hash(&self, password: &NewPassword, rank: Rank) -> Result<PasswordHash, HashFault> {
        let (reply, done) = oneshot::channel();
        let password = Zeroizing::new(password.reveal().to_owned());
        self.submit(Job::Hash(password, reply), rank)?;
        done.await.unwrap_or(Err(GONE))
    }

    /// Checks a password. Without a hash the answer is no, after the same work.
    pub(super) async fn check(
        &self,
        password: &str,
        hash: Option<&PasswordHash>,
        rank: Rank,
    ) -> Result<bool, HashFault> {
        let (reply, done) = oneshot::channel();
        // What is longer than a password can be is none; it is neither copied nor hashed.
        let fits = password.chars().nth(NewPassword::MAX).is_none();
        let (password, hash) = if fits {
            (password, hash.cloned())
        } else {
            ("", None)
        };
        let password = Zeroizing::new(password.to_owned());
        self.submit(Job::Check(password, hash, reply), rank)?;
        done.await.unwrap_or(Err(GONE))
    }

    /// Passwords hashed since the start.
    pub(crate) fn runs(&self) -> u64 {
        self.0.runs.load(Ordering::Relaxed)
    }

    fn submit(&self, job: Job, rank: Rank) -> Result<(), HashFault> {
        let mut waiting = self.0.lock();
        let queue = match rank {
            Rank::Known => &mut waiting.known,
            Rank::Stranger => &mut waiting.strangers,
        };
        if queue.len() >= MOST_WAITING {
            return Err(HashFault::Full);
        }
        queue.push_back(job);
        if !waiting.is_running {
            let shared = Arc::clone(&self.0);
            std::thread::Builder::new()
                .name("passwords".to_owned())
                .spawn(move || shared.work())
                .map_err(|_| HashFault::Broken("no thread for passwords"))?;
            waiting.is_running = true;
        }
        self.0.woken.notify_one();
        Ok(())
    }
}

const GONE: HashFault = HashFault::Broken("the thread for passwords has ended");

impl Drop for Hasher {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.woken.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread: one job after the other.
    fn work(&self) {
        let _ended = Ended(self);
        yield_to_others(NICE);
        while let Some(job) = self.next() {
            match job {
                // Nobody waits for it any more.
                Job::Hash(_, reply) if reply.is_closed() => {}
                Job::Check(_, _, reply) if reply.is_closed() => {}
                // Whoever has gone meanwhile needs no answer.
                Job::Hash(password, reply) => {
                    let _ = reply.send(self.hash(&password));
                }
                Job::Check(password, hash, reply) => {
                    let _ = reply.send(self.check(&password, hash.as_ref()));
                }
            }
        }
    }

    fn next(&self) -> Option<Job> {
        let mut waiting = self.lock();
        loop {
            if waiting.is_closed {
                return None;
            }
            let job = match waiting.known.pop_front() {
                Some(job) => Some(job),
                None => waiting.strangers.pop_front(),
            };
            if job.is_some() {
                return job;
            }
            waiting = self.woken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn hash(&self, password: &str) -> Result<PasswordHash, HashFault> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let mut salt = [0; 16];
        getrandom::fill(&mut salt)
            .map_err(|_| HashFault::Broken("no random numbers from the operating system"))?;
        argon2()?
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map(|phc| PasswordHash::stored(phc.to_string()))
            .map_err(|_| HashFault::Broken("no memory for a password"))
    }

    fn check(&self, password: &str, hash: Option<&PasswordHash>) -> Result<bool, HashFault> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let Some(hash) = hash else {
            // The same work as for somebody who is there, so that the time tells nothing.
            argon2()?
                .hash_password_with_salt(password.as_bytes(), &[0; 16])
                .map_err(|_| HashFault::Broken("no memory for a password"))?;
            return Ok(false);
        };
        let phc = Phc::new(hash.as_str()).map_err(|_| HashFault::Broken("a stored password is damaged"))?;
        Ok(argon2()?.verify_password(password.as_bytes(), &phc).is_ok())
    }
}

/// Says that the thread has ended, however it did: nobody waits for it any more, and the next job begins another.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.lock();
        waiting.is_running = false;
        waiting.known.clear();
        waiting.strangers.clear();
    }
}

fn argon2() -> Result<Argon2<'static>, HashFault> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)
        .map_err(|_| HashFault::Broken("the parameters for passwords are wrong"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests;
