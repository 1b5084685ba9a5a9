//! For tests only: a running Keyward, an echo upstream that records bytes, raw sockets, clocks
