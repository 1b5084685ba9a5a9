//! The limiter: exact requests-per-minute windows
