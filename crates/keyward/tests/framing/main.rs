//! Framing and forwarding: on connections that stay open, the upstream sees exactly the requests that were judged, each
//! client gets its own answer, and what an upstream does wrong stays with it. Each test names the rows of the security
//! contract that it covers.
//!
//! `drain` holds what becomes of long connections, and how a server ends.

#[cfg(test)]
mod answers;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod early;
#[cfg(test)]
mod exchanges;
#[cfg(test)]
mod forwarding;
#[cfg(test)]
mod h2c;
#[cfg(test)]
mod kept;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod stalls;
#[cfg(test)]
mod world;
