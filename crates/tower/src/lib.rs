//! X-API-KEY in, decision out: what any HTTP service needs to ask Keyward
