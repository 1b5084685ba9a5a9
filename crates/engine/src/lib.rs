//! The replica, authenticate() and the use cases that change keys, users and sites
