//! Certificates: readable, fitting their key, and of this time.

use super::files;
use super::finding::Finding;
use keyward_domain::Timestamp;
use keyward_engine::{Clock, SystemClock};
use keyward_listener::{Tls, TlsFiles};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

const CHECK: &str = "certificate";
/// From so many days before its end on, a certificate is worth a warning.
const SOON_DAYS: i64 = 14;

pub(super) fn check(key: &'static str, files: Option<&TlsFiles>) -> Vec<Finding> {
    let Some(files) = files else { return Vec::new() };
    if let Err(fault) = Tls::load(files.clone(), &[]) {
        let way_out =
            "give PEM files that this account may read: the chain, the server's own first, and its key";
        return vec![Finding::problem(CHECK, key, fault.to_string(), way_out)];
    }
    let mut findings = vec![check_time(key, files)];
    if files::mode(&files.key).is_some_and(|mode| mode & 0o077 != 0) {
        let way_out = format!("run: chmod 600 {}", files.key.display());
        findings.push(Finding::warning(
            CHECK,
            key,
            "other accounts may read the private key",
            way_out,
        ));
    }
    findings
}

fn check_time(key: &'static str, files: &TlsFiles) -> Finding {
    let place = format!("{key} {}", files.certificate.display());
    let renew = "renew it; Keyward reads the files again when they change";
    let Some((from, until)) = validity(files) else {
        return Finding::problem(
            CHECK,
            place,
            "its dates cannot be read",
            "use an X.509 certificate",
        );
    };
    let now = SystemClock.now();
    if now < from {
        return Finding::problem(
            CHECK,
            place,
            format!("is not valid before {from}"),
            "check the clock, or wait",
        );
    }
    if now >= until {
        return Finding::problem(CHECK, place, format!("has expired at {until}"), renew);
    }
    if now.plus_days(SOON_DAYS) >= until {
        return Finding::warning(CHECK, place, format!("expires at {until}"), renew);
    }
    Finding::good(CHECK, place, format!("fits its key, valid until {until}"))
}

/// The first and last instant of the server's own certificate.
fn validity(files: &TlsFiles) -> Option<(Timestamp, Timestamp)> {
    let der = CertificateDer::pem_file_iter(&files.certificate)
        .ok()?
        .next()?
        .ok()?;
    let (_, certificate) = x509_parser::parse_x509_certificate(&der).ok()?;
    let validity = certificate.validity();
    let instant =
        |time: x509_parser::time::ASN1Time| Timestamp::from_millis(time.timestamp().saturating_mul(1000));
    Some((instant(validity.not_before), instant(validity.not_after)))
}
