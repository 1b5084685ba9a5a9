//! Which flows have been traded already: each is good for one request to the token endpoint.

use crate::flow::Flow;
use keyward_domain::Timestamp;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// So many are remembered at most. When more come within ten minutes the oldest are forgotten: their codes are used up at the
/// provider all the same.
const MOST: usize = 10_000;

/// The states of such flows, by when they began.
#[derive(Default)]
pub(crate) struct Used(Mutex<BTreeSet<(i64, String)>>);

impl Used {
    /// Uses a flow up; whether it was good until now.
    pub(crate) fn take(&self, flow: &Flow, now: Timestamp) -> bool {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // What is too old to be read needs no memory.
        *used = used.split_off(&(Flow::oldest(now).millis(), String::new()));
        let is_new = used.insert((flow.begun.millis(), flow.state.clone()));
        if used.len() > MOST {
            used.pop_first();
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000_000);

    fn flow(begun: Timestamp, number: usize) -> Flow {
        let text = format!("{}.state-{number:020}.{:020}.{:020}", begun.millis(), 1, 2);
        Flow::read(&text, begun).unwrap()
    }

    #[test]
    fn a_flow_is_good_once() {
        let used = Used::default();
        let (one, other) = (flow(NOW, 1), flow(NOW, 2));
        assert!(used.take(&one, NOW));
        assert!(!used.take(&one, NOW.plus_millis(599_999)));
        assert!(used.take(&other, NOW));
        assert!(!used.take(&other, NOW));
    }

    #[test]
    fn memory_is_bounded_whatever_comes() {
        let used = Used::default();
        for number in 0..MOST + 5 {
            assert!(used.take(&flow(NOW, number), NOW));
        }
        assert_eq!(used.0.lock().unwrap().len(), MOST);
        let later = NOW.plus_millis(600_001);
        assert!(used.take(&flow(later, 0), later));
        assert_eq!(used.0.lock().unwrap().len(), 1);
    }
}
