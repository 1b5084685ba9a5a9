//! What it runs, and what must hold: `keyward_console::fuzzed::json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keyward_console::fuzzed::json(bytes));
