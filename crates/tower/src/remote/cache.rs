//! The answers that are remembered, and when they are not used any more.
//!
//! Granted and refused ones have places of their own, so that a flood of guesses pushes out nobody's good key.

use super::ask::Verified;
use crate::authorizer::{Outcome, Question};
use hashlink::LruCache;
use keyward_domain::{ClientAddress, Fingerprint};
use sha2::{Digest, Sha256};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// A stream that has said nothing for so long is not trusted.
pub(super) const SILENCE: Duration = Duration::from_secs(5);
/// The longest that an answer is used again: so usage is told at least once a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// A whole question, by its SHA-256: answers to one must never be taken for another.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct QuestionKey([u8; 32]);

impl QuestionKey {
    pub(super) fn of(question: &Question<'_>, secret: &Fingerprint) -> Self {
        let mut hash = Sha256::new();
        hash.update(secret.as_bytes());
        let address = match question.client {
            ClientAddress::Known(address) => address.to_string(),
            ClientAddress::Unknown => String::new(),
        };
        // No site name is empty, so an empty one is none.
        let parts = [
            question.method,
            question.path.as_str(),
            question.site.unwrap_or_default(),
            &address,
        ];
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// When a question was asked.
#[derive(Clone, Copy)]
pub(super) struct Begun {
    at: Instant,
    era: u64,
}

/// This process's clock, and the machine's.
#[expect(
    clippy::disallowed_methods,
    reason = "there is no engine here; nothing is decided by it, it only tells that a machine has slept"
)]
fn both_clocks() -> (Instant, SystemTime) {
    (Instant::now(), SystemTime::now())
}

struct Kept {
    outcome: Outcome,
    until: Instant,
}

/// What has been heard of changes, and the answers that hold as long as that does.
pub(super) struct Cache(Mutex<State>);

struct State {
    granted: LruCache<QuestionKey, Kept>,
    refused: LruCache<QuestionKey, Kept>,
    /// The revision that the server has told of last; none when it is not known what is in force.
    revision: Option<u64>,
    /// Rises when the stream is lost: what was asked before is not kept afterwards.
    era: u64,
    heard: (Instant, SystemTime),
}

impl State {
    fn forget(&mut self) {
        self.granted.clear();
        self.refused.clear();
    }

    /// By both clocks: one of them stands still while a machine sleeps, the other can be set.
    fn is_trusted(&self, now: Instant) -> bool {
        let by_wall = both_clocks().1.duration_since(self.heard.1);
        self.revision.is_some()
            && now.duration_since(self.heard.0) < SILENCE
            && by_wall.is_ok_and(|silence| silence < SILENCE)
    }
}

impl Cache {
    pub(super) fn new(answers: usize) -> Self {
        Self(Mutex::new(State {
            granted: LruCache::new(answers),
            refused: LruCache::new(answers),
            revision: None,
            era: 0,
            heard: both_clocks(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server has said something.
    pub(super) fn heard(&self) {
        self.lock().heard = both_clocks();
    }

    /// The server has told of a revision.
    pub(super) fn told(&self, revision: u64) {
        let mut state = self.lock();
        if state.revision != Some(revision) {
            state.forget();
            state.revision = Some(revision);
        }
        state.heard = both_clocks();
    }

    /// It is not known any more what is in force.
    pub(super) fn distrust(&self) {
        let mut state = self.lock();
        state.forget();
        state.revision = None;
        state.era += 1;
    }

    pub(super) fn is_trusted(&self) -> bool {
        self.lock().is_trusted(Instant::now())
    }

    pub(super) fn len(&self) -> usize {
        let state = self.lock();
        state.granted.len() + state.refused.len()
    }

    pub(super) fn begin(&self) -> Begun {
        Begun {
            era: self.lock().era,
            at: Instant::now(),
        }
    }

    pub(super) fn find(&self, key: &QuestionKey) -> Option<Outcome> {
        let now = Instant::now();
        let mut state = self.lock();
        if !state.is_trusted(now) {
            return None;
        }
        if let Some(kept) = state.granted.get(key) {
            return (now < kept.until).then(|| kept.outcome.clone());
        }
        let kept = state.refused.get(key)?;
        (now < kept.until).then(|| kept.outcome.clone())
    }

    /// Keeps an answer that may be used again.
    pub(super) fn keep(&self, key: QuestionKey, answer: &Verified, begun: Begun) {
        let Some(valid) = answer.keep_for else {
            return;
        };
        let mut state = self.lock();
        let is_new = state.revision.is_some_and(|told| answer.revision >= told);
        if !is_new || state.era != begun.era {
            return;
        }
        let kept = Kept {
            outcome: answer.outcome.clone(),
            // Counted from before it was asked, so never past what the server said.
            until: begun.at + valid.min(LONGEST),
        };
        // What a key was granted and what it was refused never stand beside each other.
        state.granted.remove(&key);
        state.refused.remove(&key);
        match answer.outcome {
            Outcome::Granted(..) => state.granted.insert(key, kept),
            Outcome::Denied(..) | Outcome::Unavailable => state.refused.insert(key, kept),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Refusal;
    use keyward_domain::Reason;

    fn verified(revision: u64, keep_for: Option<Duration>) -> Verified {
        Verified {
            outcome: Outcome::Denied(Refusal::new(Reason::KeyDisabled, None), None),
            revision,
            keep_for,
        }
    }

    fn key(number: u8) -> QuestionKey {
        QuestionKey([number; 32])
    }

    const LONG: Option<Duration> = Some(Duration::MAX);

    #[test]
    fn r1_an_answer_is_kept_only_when_it_is_as_new_as_what_was_told() {
        let cache = Cache::new(10);
        let begun = cache.begin();
        cache.keep(key(1), &verified(5, LONG), begun);
        assert_eq!(cache.len(), 0, "nothing was told yet");
        cache.told(5);
        for (number, revision, kept) in [(1, 4, false), (2, 5, true), (3, 6, true)] {
            cache.keep(key(number), &verified(revision, LONG), begun);
            assert_eq!(cache.find(&key(number)).is_some(), kept, "{revision}");
        }
        cache.told(5);
        assert_eq!(cache.len(), 2, "the same revision changes nothing");
        cache.told(6);
        assert_eq!(cache.len(), 0);
    }

    #[test]
    fn r1_what_was_asked_before_the_stream_was_lost_is_not_kept() {
        let cache = Cache::new(10);
        cache.told(5);
        let begun = cache.begin();
        cache.distrust();
        cache.told(5);
        cache.keep(key(1), &verified(9, LONG), begun);
        assert_eq!(cache.len(), 0);
        cache.keep(key(1), &verified(9, LONG), cache.begin());
        assert!(cache.find(&key(1)).is_some());
        cache.distrust();
        assert!(cache.find(&key(1)).is_none() && !cache.is_trusted());
    }

    #[test]
    fn r1_after_silence_by_either_clock_nothing_is_used() {
        let cache = Cache::new(10);
        cache.told(1);
        cache.keep(key(1), &verified(1, LONG), cache.begin());
        let now = both_clocks();
        let later = SILENCE + Duration::from_secs(1);
        for heard in [
            (now.0.checked_sub(later).unwrap(), now.1),
            (now.0, now.1 - later),
            (now.0, now.1 + later),
        ] {
            cache.lock().heard = heard;
            assert!(cache.find(&key(1)).is_none(), "{heard:?}");
        }
        cache.heard();
        assert!(cache.find(&key(1)).is_some());
    }

    #[test]
    fn r9_an_answer_ends_with_its_key_and_what_may_not_be_kept_is_not() {
        let cache = Cache::new(10);
        cache.told(1);
        cache.keep(key(1), &verified(1, Some(Duration::ZERO)), cache.begin());
        assert!(cache.find(&key(1)).is_none());
        cache.keep(key(2), &verified(1, None), cache.begin());
        assert!(cache.find(&key(2)).is_none());
    }

    #[test]
    fn an_answer_is_used_for_a_minute_at_most() {
        let cache = Cache::new(10);
        cache.told(1);
        for (number, age, is_used) in [(1, 59, true), (2, 60, false)] {
            let mut begun = cache.begin();
            begun.at = begun.at.checked_sub(Duration::from_secs(age)).unwrap();
            cache.keep(key(number), &verified(1, LONG), begun);
            assert_eq!(cache.find(&key(number)).is_some(), is_used, "{age}");
        }
    }

    #[test]
    fn l13_the_memory_is_bounded() {
        let cache = Cache::new(10);
        cache.told(1);
        for number in 0..200 {
            cache.keep(key(number), &verified(1, LONG), cache.begin());
        }
        assert_eq!(cache.len(), 10);
    }
}
