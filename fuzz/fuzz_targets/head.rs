//! What it runs, and what must hold: `keyward_gateway::fuzzed::head`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| keyward_gateway::fuzzed::head(bytes));
