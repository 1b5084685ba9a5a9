//! TLS by rustls: versions 1.2 and 1.3, forward secrecy only, certificate and key read again when the files change.

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where certificate chain and private key stand, as PEM.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// The chain, the server's certificate first.
    pub certificate: PathBuf,
    /// The private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// Why TLS cannot be offered; names the file and the way out.
#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    /// A file that cannot be read as what it should be.
    #[error("{}: {fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        fault: String,
    },
    /// The key is not that of the certificate, or of an algorithm that is not supported.
    #[error("certificate and key do not fit together: {0}")]
    Mismatch(String),
}

/// A TLS configuration that follows its files.
pub struct Tls {
    files: TlsFiles,
    protocols: Vec<Vec<u8>>,
    current: RwLock<Arc<ServerConfig>>,
    seen: Mutex<Stamp>,
}

type Stamp = [Option<(SystemTime, u64)>; 2];

impl Tls {
    /// Reads the files. `protocols` are offered by ALPN, the preferred first.
    ///
    /// # Errors
    /// The file that is at fault.
    pub fn load(files: TlsFiles, protocols: &[&str]) -> Result<Self, TlsFault> {
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let seen = Mutex::new(stamp(&files));
        let current = RwLock::new(Arc::new(read(&files, &protocols)?));
        Ok(Self {
            files,
            protocols,
            current,
            seen,
        })
    }

    /// What the next connection is to be accepted with.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(
            &self.current.read().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    /// Reads the files again if they have changed; connections that are open stay as they are.
    ///
    /// # Errors
    /// The file that is at fault; what was read before stays in use, and the same fault is told once.
    pub fn reload_if_changed(&self) -> Result<bool, TlsFault> {
        let now = stamp(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Ok(false);
        }
        *seen = now;
        drop(seen);
        let fresh = Arc::new(read(&self.files, &self.protocols)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(true)
    }
}

/// Follows the files of a plane that speaks TLS, and logs under the plane's name what became of a change.
pub async fn follow_certificate(tls: Option<&Tls>, plane: &str) -> Infallible {
    let Some(tls) = tls else {
        return std::future::pending().await;
    };
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match tls.reload_if_changed() {
            Ok(true) => tracing::info!("{plane}: certificate and key were read again"),
            Ok(false) => {}
            Err(fault) => {
                tracing::error!(%fault, "{plane}: the changed certificate cannot be used; the old one stays");
            }
        }
    }
}

fn stamp(files: &TlsFiles) -> Stamp {
    [&files.certificate, &files.key].map(|path| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len()))
    })
}

fn read(files: &TlsFiles, protocols: &[Vec<u8>]) -> Result<ServerConfig, TlsFault> {
    let fault = |path: &Path, fault: String| TlsFault::File {
        path: path.to_owned(),
        fault,
    };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| fault(&files.certificate, describe(&error)))?;
    if chain.is_empty() {
        return Err(fault(
            &files.certificate,
            "holds no certificate in PEM form".into(),
        ));
    }
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| fault(&files.key, describe(&error)))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsFault::Mismatch(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| TlsFault::Mismatch(error.to_string()))?;
    config.alpn_protocols = protocols.to_vec();
    Ok(config)
}

fn describe(error: &rustls_pki_types::pem::Error) -> String {
    use rustls_pki_types::pem::Error;
    match error {
        Error::Io(error) => format!("cannot be read: {error}"),
        Error::NoItemsFound => "holds no key or certificate in PEM form".into(),
        other => format!("is not valid PEM: {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_pair(dir: &Path, name: &str) -> TlsFiles {
        let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
        let files = TlsFiles {
            certificate: dir.join("cert.pem"),
            key: dir.join("key.pem"),
        };
        std::fs::write(&files.certificate, made.cert.pem()).unwrap();
        std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
        files
    }

    #[test]
    fn files_are_read_again_when_they_change_and_a_bad_one_leaves_the_old_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let files = write_pair(dir.path(), "one.example");
        let tls = Tls::load(files.clone(), &["h2", "http/1.1"]).unwrap();
        assert!(!tls.reload_if_changed().unwrap());
        write_pair(dir.path(), "another-name.example");
        assert!(tls.reload_if_changed().unwrap());
        std::fs::write(&files.certificate, "nonsense").unwrap();
        let fault = tls.reload_if_changed().unwrap_err().to_string();
        assert!(fault.contains("cert.pem"), "{fault}");
        assert!(!tls.reload_if_changed().unwrap(), "the same fault is told once");
        let _still_there = tls.acceptor();
    }

    #[test]
    fn a_fault_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let files = write_pair(dir.path(), "one.example");
        std::fs::remove_file(&files.key).unwrap();
        let fault = Tls::load(files, &[])
            .err()
            .map(|fault| fault.to_string())
            .unwrap();
        assert!(
            fault.contains("key.pem") && fault.contains("cannot be read"),
            "{fault}"
        );
    }
}
