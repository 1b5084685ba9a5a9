//! Administration: to members and strangers it is not there; to administrators it works, in both languages.

mod audit;
mod rights;
mod sites;
mod system;
mod users;
