//! When the certificates end that are in force, whatever the files hold by now.

use crate::exit::Failure;
use keyward_listener::Tls;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntGaugeVec, Opts};
use std::sync::Arc;

/// The certificates of the planes that speak TLS.
pub(crate) struct CertificateNumbers {
    planes: Vec<(&'static str, Arc<Tls>)>,
    expiry: IntGaugeVec,
}

impl CertificateNumbers {
    pub(crate) fn new(planes: Vec<(&'static str, Arc<Tls>)>) -> Result<Self, Failure> {
        let expiry = Opts::new(
            "keyward_certificate_expiry_timestamp_seconds",
            "When the certificate of a plane ends, Unix seconds.",
        );
        let expiry = IntGaugeVec::new(expiry, &["plane"])
            .map_err(|error| Failure::failed(format!("metrics: {error}")))?;
        Ok(Self { planes, expiry })
    }
}

impl Collector for CertificateNumbers {
    fn desc(&self) -> Vec<&Desc> {
        self.expiry.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (plane, tls) in &self.planes {
            // One that rustls takes and this does not read tells nothing.
            if let Ok((_, certificate)) = x509_parser::parse_x509_certificate(&tls.certificate()) {
                let ends = certificate.validity().not_after.timestamp();
                self.expiry.with_label_values(&[plane]).set(ends);
            }
        }
        self.expiry.collect()
    }
}
