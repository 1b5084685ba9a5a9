//! How much a test does: by itself little, so that all tests are done within minutes, and with `KEYWARD_HEAVY=1` the security contract's
//! numbers.

/// Whether `KEYWARD_HEAVY=1` is set.
pub fn is_heavy() -> bool {
    std::env::var("KEYWARD_HEAVY").is_ok_and(|value| value == "1")
}

/// `light`, or `heavy` when `KEYWARD_HEAVY=1` is set.
pub fn sized<T>(light: T, heavy: T) -> T {
    if is_heavy() { heavy } else { light }
}
