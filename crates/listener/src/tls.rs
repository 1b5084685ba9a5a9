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
    /// A file that cannot be read, by now.
    #[error("{}: cannot be read: {error}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// The system's word.
        error: std::io::Error,
    },
    /// A file that does not hold what it should.
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
    current: RwLock<Arc<InForce>>,
    seen: Mutex<Seen>,
}

type Stamp = [Option<(SystemTime, u64)>; 2];

/// What connections are accepted with.
struct InForce {
    config: Arc<ServerConfig>,
    certificate: CertificateDer<'static>,
}

/// What is known of the files.
struct Seen {
    /// Of the files whose content is known, whether it is of use or not.
    known: Stamp,
    /// Of the files of which it was told that they could not be read.
    told: Option<Stamp>,
}

impl Tls {
    /// Reads the files. `protocols` are offered by ALPN, the preferred first.
    ///
    /// # Errors
    /// The file that is at fault.
    pub fn load(files: TlsFiles, protocols: &[&str]) -> Result<Self, TlsFault> {
        let protocols: Vec<Vec<u8>> = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let seen = Mutex::new(Seen {
            known: stamp(&files),
            told: None,
        });
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
        TlsAcceptor::from(Arc::clone(&self.in_force().config))
    }

    /// The server's own certificate that is in force.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.in_force().certificate.clone()
    }

    fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the files again if they have changed; connections that are open stay as they are.
    ///
    /// # Errors
    /// The file that is at fault; what was read before stays in use, and the same fault is told once. Files that could not
    /// be read are tried again at the next call: that may pass without a change of theirs.
    pub fn reload_if_changed(&self) -> Result<bool, TlsFault> {
        self.reload_by(read)
    }

    fn reload_by(&self, read: impl FnOnce(&TlsFiles, &[Vec<u8>]) -> Read) -> Result<bool, TlsFault> {
        let now = stamp(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.known == now {
            return Ok(false);
        }
        let fresh = match read(&self.files, &self.protocols) {
            Err(TlsFault::Unread { .. }) if seen.told == Some(now) => return Ok(false),
            Err(fault @ TlsFault::Unread { .. }) => {
                seen.told = Some(now);
                return Err(fault);
            }
            read => read,
        };
        *seen = Seen {
            known: now,
            told: None,
        };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(fresh?);
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

/// What became of reading.
type Read = Result<InForce, TlsFault>;

fn read(files: &TlsFiles, protocols: &[Vec<u8>]) -> Read {
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| describe(&files.certificate, error))?;
    let Some(certificate) = chain.first().cloned() else {
        return Err(TlsFault::File {
            path: files.certificate.clone(),
            fault: "holds no certificate in PEM form".into(),
        });
    };
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| describe(&files.key, error))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsFault::Mismatch(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| TlsFault::Mismatch(error.to_string()))?;
    config.alpn_protocols = protocols.to_vec();
    Ok(InForce {
        config: Arc::new(config),
        certificate,
    })
}

fn describe(path: &Path, error: rustls_pki_types::pem::Error) -> TlsFault {
    use rustls_pki_types::pem::Error;
    let path = path.to_owned();
    match error {
        Error::Io(error) => TlsFault::Unread { path, error },
        Error::NoItemsFound => TlsFault::File {
            path,
            fault: "holds no key or certificate in PEM form".into(),
        },
        other => TlsFault::File {
            path,
            fault: format!("is not valid PEM: {other}"),
        },
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
    fn files_that_could_not_be_read_for_a_while_are_in_use_as_soon_as_they_can() {
        let dir = tempfile::tempdir().unwrap();
        let files = write_pair(dir.path(), "one.example");
        let tls = Tls::load(files, &["h2"]).unwrap();
        let before = Arc::clone(&tls.current.read().unwrap());
        write_pair(dir.path(), "another-name.example");
        // There is no descriptor left for a while.
        let out_of_descriptors = |files: &TlsFiles, _: &[Vec<u8>]| {
            Err(TlsFault::Unread {
                path: files.certificate.clone(),
                error: std::io::Error::from_raw_os_error(24),
            })
        };
        let fault = tls.reload_by(out_of_descriptors).unwrap_err().to_string();
        assert!(fault.contains("cert.pem: cannot be read"), "{fault}");
        let again = tls.reload_by(out_of_descriptors).unwrap();
        assert!(!again, "the same fault is told once");
        assert!(Arc::ptr_eq(&before, &tls.current.read().unwrap()));
        assert!(tls.reload_if_changed().unwrap());
        assert!(!Arc::ptr_eq(&before, &tls.current.read().unwrap()));
        assert!(!tls.reload_if_changed().unwrap());
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
