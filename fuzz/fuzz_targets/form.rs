//! What it runs, and what must hold: `keyward_console::fuzzed::form`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keyward_console::fuzzed::form(bytes));
