//! What passes as a network is written back as the same network.
#![no_main]

use keyward_domain::AddressRule;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(rule) = AddressRule::listed([text]) else { return };
    let shown = rule.nets().expect("a list")[0].to_string();
    assert_eq!(AddressRule::listed([shown.as_str()]), Ok(rule), "{text}");
});
