//! The storage port, its conformance suite and the database adapters
