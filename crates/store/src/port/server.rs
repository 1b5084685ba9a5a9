//! What a server says of itself.

/// Something about a server that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRemark {
    /// What is so.
    pub what: String,
    /// What to do about it.
    pub way_out: String,
}
