//! The management API over real sockets. Tests name the rows of the security contract that they cover.

mod audit;
mod bodies;
mod documents;
mod edits;
mod limits;
mod plane;
mod rights;
mod secrets;
mod support;
