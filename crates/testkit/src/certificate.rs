//! A self-signed certificate in a folder of its own, and the TLS client that trusts it.

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A self-signed certificate with its key.
#[derive(Clone, Debug)]
pub struct Certificate {
    certificate: PathBuf,
    key: PathBuf,
    der: CertificateDer<'static>,
}

impl Certificate {
    /// Makes a certificate for `localhost` and `127.0.0.1`, as `cert.pem` and `key.pem` in `folder`.
    pub fn create(folder: &Path) -> Self {
        Self::create_for(folder, &["localhost", "127.0.0.1"])
    }

    /// Makes a certificate for these names, as `cert.pem` and `key.pem` in `folder`; overwrites older ones.
    pub fn create_for(folder: &Path, names: &[&str]) -> Self {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let made = rcgen::generate_simple_self_signed(names).expect("make a certificate");
        Self::write(folder, &made.cert, &made.signing_key)
    }

    /// Makes a certificate that has expired.
    pub fn create_expired(folder: &Path) -> Self {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).expect("a name");
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2021, 1, 1));
        let signing = rcgen::KeyPair::generate().expect("a key");
        let made = params.self_signed(&signing).expect("make a certificate");
        Self::write(folder, &made, &signing)
    }

    fn write(folder: &Path, made: &rcgen::Certificate, signing: &rcgen::KeyPair) -> Self {
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&key, signing.serialize_pem()).expect("write the key file");
        fs::write(&certificate, made.pem()).expect("write the certificate file");
        Self {
            certificate,
            key,
            der: made.der().clone(),
        }
    }

    /// The certificate's PEM file.
    pub fn certificate_path(&self) -> &Path {
        &self.certificate
    }

    /// The key's PEM file.
    pub fn key_path(&self) -> &Path {
        &self.key
    }

    /// Certificate and key in one text, as proxies take them.
    pub fn pem(&self) -> String {
        let read =
            |file: &Path| fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        read(&self.certificate) + &read(&self.key)
    }

    /// The certificate's bytes.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// A client that trusts this certificate only and offers these protocols.
    pub fn client_config(&self, alpn: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("trust the certificate");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}
