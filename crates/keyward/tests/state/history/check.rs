//! Whether the histories of one key, its owner and its site are linearizable (Wing and Gong): whether every thing that was done can be given one instant
//! between its beginning and its due time at which it takes effect, so that all that was seen is right.

use super::model::{Op, Row, Seen, State};
use std::collections::HashSet;

/// How many ways are tried before a history is called undecided, which no test takes for good.
const MOST_TRIED: usize = 2_000_000;

/// What of a history has its place already: all before `first`, and these beyond it, in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Placed {
    first: usize,
    beyond: Vec<usize>,
}

impl Placed {
    fn has(&self, at: usize) -> bool {
        at < self.first || self.beyond.binary_search(&at).is_ok()
    }

    fn place(&mut self, at: usize) {
        if let Err(slot) = self.beyond.binary_search(&at) {
            self.beyond.insert(slot, at);
        }
        let run = self
            .beyond
            .iter()
            .zip(self.first..)
            .take_while(|(at, next)| *at == next);
        let run = run.count();
        self.beyond.drain(..run);
        self.first += run;
    }

    /// Those that may take effect next: nothing without a place was due before they began.
    fn next(&self, ops: &[Op]) -> Vec<usize> {
        let mut due = u64::MAX;
        let mut found = Vec::new();
        for (at, op) in ops.iter().enumerate().skip(self.first) {
            if op.invoked > due {
                break;
            }
            if !self.has(at) {
                due = due.min(op.due);
                found.push(at);
            }
        }
        found.retain(|at| ops[*at].invoked <= due);
        found
    }
}

/// Whether the history of each row is linearizable from a state on.
///
/// # Errors
/// As [`check_row`].
pub(crate) fn check(from: State, ops: &[Op]) -> Result<(), String> {
    Row::ALL.into_iter().try_for_each(|row| {
        let of_row: Vec<Op> = ops.iter().copied().filter(|op| op.is_about(row)).collect();
        check_row(from, of_row, row).map_err(|fault| format!("{row:?}: {fault}"))
    })
}

/// Whether the history of one row is.
///
/// # Errors
/// Where it is not: what could not be given a place, in the longest of all tries.
fn check_row(from: State, mut ops: Vec<Op>, row: Row) -> Result<(), String> {
    ops.sort_by_key(|op| op.invoked);
    let start = Placed {
        first: 0,
        beyond: Vec::new(),
    };
    let mut tried = HashSet::new();
    let mut open = vec![(start.clone(), from)];
    let mut longest = (start, from);
    while let Some((mut placed, state)) = open.pop() {
        let left = place_what_changes_nothing(&mut placed, state, &ops, row);
        if is_done(&placed, &ops) {
            return Ok(());
        }
        if !tried.insert((placed.clone(), state)) {
            continue;
        }
        if tried.len() > MOST_TRIED {
            return Err(format!("undecided after {MOST_TRIED} ways"));
        }
        if placed.first >= longest.0.first {
            longest = (placed.clone(), state);
        }
        // The last that is put here is tried first.
        for at in left.into_iter().rev() {
            for after in state.after(&ops[at], row) {
                let mut placed = placed.clone();
                placed.place(at);
                open.push((placed, after));
            }
        }
    }
    Err(told(&longest.0, longest.1, &ops))
}

/// Gives a place at once to whatever only looks and is right in this state: later it could not be better placed. (A change that
/// finds nothing to change could: after another.)
/// Gives what is left of those that may be next, by their answers.
fn place_what_changes_nothing(placed: &mut Placed, state: State, ops: &[Op], row: Row) -> Vec<usize> {
    loop {
        let mut left = placed.next(ops);
        let before = left.len();
        left.retain(|at| {
            let is_still = ops[*at].only_looks() && state.after(&ops[*at], row) == [state];
            if is_still {
                placed.place(*at);
            }
            !is_still
        });
        if left.len() == before {
            left.sort_by_key(|at| ops[*at].answered);
            return left;
        }
    }
}

/// What nobody knows the outcome of need not have been done.
fn is_done(placed: &Placed, ops: &[Op]) -> bool {
    let mut left = (placed.first..ops.len()).filter(|at| !placed.has(*at));
    left.all(|at| ops[at].seen == Seen::Unknown)
}

fn told(placed: &Placed, state: State, ops: &[Op]) -> String {
    use std::fmt::Write;
    let mut text = format!(
        "{} of {} in order, then {state:?} and none of:\n",
        placed.first,
        ops.len()
    );
    for at in placed.next(ops).into_iter().take(12) {
        let _ = writeln!(text, "  {at}: {:?}", ops[at]);
    }
    text.push_str("after:\n");
    for op in &ops[placed.first.saturating_sub(12)..placed.first] {
        let _ = writeln!(text, "  {op:?}");
    }
    text
}
