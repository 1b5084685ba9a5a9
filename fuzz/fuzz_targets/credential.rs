//! Whatever is sent as a key: nothing makes the reader panic, and a changed symbol of a secret of ours is noticed.
#![no_main]

use keyward_domain::{Checksum, Prefix, Presented, SecretFormat};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let format = SecretFormat::new(Prefix::new("kw").expect("a prefix"), Vec::new());
    if let Ok(presented) = Presented::parse(bytes) {
        let _ = format.checksum(presented);
    }
    let Some((place, symbol)) = bytes.first().zip(bytes.get(1)) else { return };
    // A constant that the generator takes: it draws again what does not fit its alphabet evenly.
    let secret = format.generate(&mut |random| random.fill(*place % 62));
    let mut changed = secret.reveal().as_bytes().to_vec();
    let at = usize::from(*place) % changed.len();
    if at > 2 && symbol.is_ascii_alphanumeric() && changed[at] != *symbol {
        changed[at] = *symbol;
        let presented = Presented::parse(&changed).expect("visible ASCII");
        assert!(matches!(format.checksum(presented), Checksum::Wrong));
    }
});
