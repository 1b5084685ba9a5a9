//! That the checker takes what is right, and finds what is not.

use super::check::check;
use super::model::{Act, KeyState, Op, Row, Seen, State, Verdict};

const KEY: KeyState = State::FRESH.key;
const OFF: KeyState = KeyState { active: false, ..KEY };
const GONE: KeyState = KeyState {
    active: false,
    deleted: true,
    ..KEY
};

fn op(act: Act, seen: Seen, invoked: u64, due: u64) -> Op {
    Op {
        lever: Row::Owner,
        act,
        seen,
        invoked,
        due,
        answered: due,
    }
}

fn ask(verdict: Verdict, invoked: u64, due: u64) -> Op {
    op(Act::Ask, Seen::Verdict(verdict, [7, 7]), invoked, due)
}

#[test]
fn the_checker_tells_histories_that_can_be_from_those_that_cannot() {
    use Verdict::{KeyDisabled, KeyInvalid, Passed, RateLimited, SiteForbidden};
    let off = |invoked, due| op(Act::Disable, Seen::Key(OFF), invoked, due);
    let on = |invoked, due| op(Act::Enable, Seen::Key(KEY), invoked, due);
    let limited = KeyState { limited: true, ..KEY };
    let limit = op(Act::Limit(true), Seen::Key(limited), 0, 9);
    let rows: Vec<(&str, bool, Vec<Op>)> = vec![
        ("nothing", true, vec![]),
        (
            "a request during the change passes",
            true,
            vec![off(10, 20), ask(Passed, 15, 30)],
        ),
        ("or does not", true, vec![off(10, 20), ask(KeyDisabled, 15, 30)]),
        (
            "a request before it has begun does",
            false,
            vec![off(10, 20), ask(KeyDisabled, 1, 9)],
        ),
        (
            "after the answer it does not",
            false,
            vec![off(10, 20), ask(Passed, 21, 30)],
        ),
        (
            "after the answer to a change that finds nothing to change neither",
            false,
            vec![off(10, 90), off(12, 20), ask(Passed, 21, 30)],
        ),
        (
            "once it was seen it stays",
            false,
            vec![off(10, 90), ask(KeyDisabled, 20, 30), ask(Passed, 40, 50)],
        ),
        (
            "but for a change back",
            true,
            vec![
                off(10, 90),
                on(11, 91),
                ask(KeyDisabled, 20, 30),
                ask(Passed, 40, 50),
            ],
        ),
        (
            "an answer tells the state that it leaves",
            false,
            vec![op(Act::Disable, Seen::Key(KEY), 10, 20)],
        ),
        (
            "what is shown is in force",
            false,
            vec![
                off(10, 90),
                op(Act::Show, Seen::Key(OFF), 20, 30),
                ask(Passed, 31, 40),
            ],
        ),
        (
            "a conflict says that it is deleted",
            false,
            vec![
                op(Act::Delete, Seen::Key(GONE), 10, 90),
                op(Act::Enable, Seen::Conflict, 20, 30),
                ask(Passed, 31, 40),
            ],
        ),
        (
            "and so it is refused",
            true,
            vec![
                op(Act::Delete, Seen::Key(GONE), 10, 90),
                op(Act::Enable, Seen::Conflict, 20, 30),
                ask(KeyInvalid, 31, 40),
            ],
        ),
        (
            "a conflict without a reason",
            false,
            vec![op(Act::Enable, Seen::Conflict, 20, 30)],
        ),
        (
            "what nobody knows of may be done",
            true,
            vec![
                op(Act::Disable, Seen::Unknown, 10, u64::MAX),
                ask(KeyDisabled, 50, 60),
            ],
        ),
        (
            "or not",
            true,
            vec![op(Act::Disable, Seen::Unknown, 10, u64::MAX), ask(Passed, 50, 60)],
        ),
        (
            "a site that is closed",
            false,
            vec![op(Act::Site(false), Seen::Site(false), 0, 9), ask(Passed, 10, 20)],
        ),
        (
            "an owner without the site",
            true,
            vec![
                op(Act::OwnerSites(false), Seen::Owner(true, false), 0, 9),
                ask(SiteForbidden, 10, 20),
            ],
        ),
        (
            "one passes a limit of one",
            true,
            vec![limit, ask(Passed, 10, 20), ask(RateLimited, 21, 30)],
        ),
        (
            "not two in a minute",
            false,
            vec![limit, ask(Passed, 10, 20), ask(Passed, 21, 30)],
        ),
        (
            "nobody without a limit is over it",
            false,
            vec![ask(RateLimited, 21, 30)],
        ),
    ];
    for (name, is_right, ops) in rows {
        assert_eq!(check(State::FRESH, &ops).is_ok(), is_right, "{name}");
        let mut backwards = ops;
        backwards.reverse();
        assert_eq!(
            check(State::FRESH, &backwards).is_ok(),
            is_right,
            "{name}, backwards"
        );
    }
}

/// SplitMix64.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// What is seen of a key that does one thing at a time, at these instants, by those who began before and ended after.
fn history(mut seed: u64, length: u64) -> Vec<Op> {
    const ACTS: [Act; 8] = [
        Act::Ask,
        Act::Disable,
        Act::Enable,
        Act::Ask,
        Act::Owner(false),
        Act::Owner(true),
        Act::Sites(true),
        Act::Ask,
    ];
    let mut state = State::FRESH;
    let mut ops = Vec::new();
    for turn in 0..length {
        let act = ACTS[usize::try_from(random(&mut seed) % 8).unwrap()];
        let (before, after) = (random(&mut seed) % 300, random(&mut seed) % 300);
        let at = 1000 + turn * 100;
        state = state.changed(act).unwrap();
        let seen = match act {
            Act::Ask if !state.owner_active => Seen::Verdict(Verdict::OwnerInactive, [0, 0]),
            Act::Ask if !state.key.active => Seen::Verdict(Verdict::KeyDisabled, [0, 0]),
            Act::Ask => Seen::Verdict(Verdict::Passed, [0, 0]),
            Act::Owner(_) => Seen::Owner(state.owner_active, true),
            _ => Seen::Key(state.key),
        };
        ops.push(op(act, seen, at - before, at + after));
    }
    ops
}

#[test]
fn the_checker_takes_what_one_thing_after_another_gives_and_finds_one_late_effect_in_it() {
    for seed in 0..20 {
        let mut ops = history(seed, 2000);
        check(State::FRESH, &ops).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        // In the middle a key is switched off, all of it known; and one request that begins after it passes.
        let at = 1000 + 100 * 1000 + 50_000_000;
        ops.iter_mut().skip(1000).for_each(|op| {
            op.invoked += 100_000_000;
            op.due += 100_000_000;
            op.answered += 100_000_000;
        });
        check(State::FRESH, &ops).unwrap_or_else(|fault| panic!("seed {seed}, with a pause: {fault}"));
        let seen = |act, seen, at| op(act, seen, at, at + 1);
        ops.extend([
            seen(Act::Owner(true), Seen::Owner(true, true), at),
            seen(Act::Disable, Seen::Key(OFF), at + 2),
            seen(Act::Ask, Seen::Verdict(Verdict::Passed, [0, 0]), at + 4),
        ]);
        let found = check(State::FRESH, &ops);
        assert!(found.is_err_and(|fault| fault.contains("Ask")), "seed {seed}");
    }
}
