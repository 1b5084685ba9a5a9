//! What it runs, and what must hold: `keyward_domain::fuzzed::path`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keyward_domain::fuzzed::path(bytes));
