//! What it runs, and what must hold: `keyward_engine::fuzzed::import`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keyward_engine::fuzzed::import(bytes));
