//! The console as people meet it: in Debian's Chromium, in both languages, themes and sizes, with and without scripts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code")]

mod account;
mod design;
mod every_page;
mod furnish;
mod keyboard;
mod keys;
mod pages;
mod provider;
mod screenshots;
mod walk;
