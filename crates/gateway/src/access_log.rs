//! One line per request, when it is over.

use crate::request_id::RequestId;
use keyward_domain::KeyId;
use std::net::IpAddr;
use tokio::time::Instant;

/// What is written when the last byte of an answer is handed over. Never a header, a query or a body.
pub(crate) struct Access {
    pub(crate) id: RequestId,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) client: Option<IpAddr>,
    pub(crate) key: Option<KeyId>,
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) began: Instant,
}

impl Drop for Access {
    fn drop(&mut self) {
        let millis = self.began.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            target: "keyward::access",
            request_id = %self.id,
            method = ?self.method,
            path = ?self.path,
            client = self.client.map(tracing::field::display),
            key = self.key.map(tracing::field::display),
            outcome = self.code,
            status = self.status,
            duration_ms = format_args!("{millis:.2}"),
            "request"
        );
    }
}
