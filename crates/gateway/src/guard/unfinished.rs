//! The memory of request heads that have begun and not ended, of all connections together. When they are more than they may be, the
//! one that has waited longest gives way: who sends quickly is never refused for those who do not. What was told to give way holds
//! its memory until it has its turn; while those hold as much again, whoever is not done yet gives way at once.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

/// What unfinished heads may hold, and which do.
pub(crate) struct UnfinishedHeads {
    max_bytes: usize,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    bytes: usize,
    next: u64,
    /// In the order in which they began to wait.
    heads: BTreeMap<u64, Head>,
    /// What those hold that were told to give way, and have not.
    leaving: HashMap<u64, usize>,
    leaving_bytes: usize,
}

struct Head {
    bytes: usize,
    waker: Waker,
}

/// A head that waits for its rest, until this is dropped.
pub(super) struct WaitingHead {
    number: u64,
    of: Arc<UnfinishedHeads>,
}

impl Default for UnfinishedHeads {
    /// Without a bound.
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl UnfinishedHeads {
    pub(crate) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            waiting: Mutex::default(),
        }
    }

    /// A head waits that holds so many bytes by now. False when it has to give way; otherwise its task is woken when it has to.
    pub(super) fn wait(
        self: &Arc<Self>,
        head: &mut Option<WaitingHead>,
        bytes: usize,
        waker: &Waker,
    ) -> bool {
        let mut waiting = self.lock();
        let number = match head {
            // Another needed the room meanwhile.
            Some(head) if !waiting.heads.contains_key(&head.number) => return false,
            Some(head) => head.number,
            None => {
                waiting.next += 1;
                let number = waiting.next;
                let of = Arc::clone(self);
                *head = Some(WaitingHead { number, of });
                number
            }
        };
        waiting.put(number, bytes, waker);
        while waiting.bytes > self.max_bytes {
            let Some((oldest, waker)) = waiting.pop() else {
                break;
            };
            if oldest == number {
                return false;
            }
            waker.wake();
        }
        if waiting.bytes.saturating_add(waiting.leaving_bytes) > self.max_bytes.saturating_mul(2) {
            waiting.remove(number);
            return false;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn put(&mut self, number: u64, bytes: usize, waker: &Waker) {
        let waker = waker.clone();
        self.remove(number);
        self.bytes += bytes;
        self.heads.insert(number, Head { bytes, waker });
    }

    fn remove(&mut self, number: u64) {
        if let Some(head) = self.heads.remove(&number) {
            self.bytes -= head.bytes;
        }
        if let Some(bytes) = self.leaving.remove(&number) {
            self.leaving_bytes -= bytes;
        }
    }

    fn pop(&mut self) -> Option<(u64, Waker)> {
        let (number, head) = self.heads.pop_first()?;
        self.bytes -= head.bytes;
        self.leaving.insert(number, head.bytes);
        self.leaving_bytes += head.bytes;
        Some((number, head.waker))
    }
}

impl Drop for WaitingHead {
    fn drop(&mut self) {
        self.of.lock().remove(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_that_has_waited_longest_gives_way_and_what_ends_gives_its_room_back() {
        let heads = Arc::new(UnfinishedHeads::new(100));
        let waker = Waker::noop();
        let (mut first, mut second, mut third) = (None, None, None);
        assert!(heads.wait(&mut first, 40, waker) && heads.wait(&mut second, 40, waker));
        // One that grows counts once.
        assert!(heads.wait(&mut first, 60, waker));
        assert_eq!(heads.lock().bytes, 100);
        assert!(heads.wait(&mut third, 10, waker));
        assert!(!heads.wait(&mut first, 60, waker), "it has waited longest");
        assert!(heads.wait(&mut second, 40, waker) && heads.wait(&mut third, 60, waker));
        drop((first, second));
        let held = || {
            let waiting = heads.lock();
            (waiting.bytes, waiting.leaving_bytes, waiting.heads.len())
        };
        assert_eq!(held(), (60, 0, 1));
        assert!(!heads.wait(&mut third, 101, waker), "it alone is too much");
        drop(third);
        assert_eq!(held(), (0, 0, 0));
    }

    #[test]
    fn while_those_that_give_way_hold_as_much_again_nobody_else_begins_to_wait() {
        let heads = Arc::new(UnfinishedHeads::new(100));
        let waker = Waker::noop();
        let (mut first, mut second, mut third) = (None, None, None);
        assert!(heads.wait(&mut first, 100, waker) && heads.wait(&mut second, 100, waker));
        assert!(!heads.wait(&mut third, 50, waker), "250 bytes are held");
        drop((first, third.take()));
        assert!(
            !heads.wait(&mut second, 100, waker),
            "it was told to give way to the third"
        );
        drop(second.take());
        assert!(heads.wait(&mut third, 100, waker));
    }
}
