//! Connections to the server: over TLS, unless its address says otherwise.

use super::options::RemoteFault;
use http::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tower_service::Service;

/// A connection, with or without TLS.
pub(super) trait Link: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Link for T {}

impl Connection for Box<dyn Link> {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector(Option<TlsConnector>);

impl Connector {
    pub(super) fn plain() -> Self {
        Self(None)
    }

    /// Over TLS, with whom the authorities of a file, or of this machine, vouch for.
    pub(super) fn tls(authorities: Option<&Path>) -> Result<Self, RemoteFault> {
        let roots = match authorities {
            Some(file) => read_authorities(file)?,
            None => authorities_of_machine()?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| RemoteFault::new(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Some(TlsConnector::from(Arc::new(config)))))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Box<dyn Link>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(connect(self.0.clone(), uri))
    }
}

/// How long a connection may take to be made, when nobody waits for it any more.
const LONGEST: Duration = Duration::from_secs(30);

async fn connect(tls: Option<TlsConnector>, uri: Uri) -> io::Result<TokioIo<Box<dyn Link>>> {
    // An IPv6 address stands in brackets in a URL, and nowhere else.
    let host = uri.host().unwrap_or_default();
    let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    // Whoever asks has a deadline that is shorter.
    let stream = keyward_dial::connect(&name, port, LONGEST).await?;
    stream.set_nodelay(true)?;
    let link: Box<dyn Link> = match tls {
        None => Box::new(stream),
        Some(tls) => {
            let server = ServerName::try_from(name).map_err(io::Error::other)?;
            Box::new(tls.connect(server, stream).await?)
        }
    };
    Ok(TokioIo::new(link))
}

fn read_authorities(file: &Path) -> Result<RootCertStore, RemoteFault> {
    let fault = |fault: String| RemoteFault::new(format!("{}: {fault}", file.display()));
    let pem = std::fs::read(file).map_err(|error| fault(format!("cannot be read: {error}")))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| fault("is no PEM".into()))?;
        roots
            .add(certificate)
            .map_err(|error| fault(format!("holds what is no certificate: {error}")))?;
    }
    if roots.is_empty() {
        return Err(fault("holds no certificate".into()));
    }
    Ok(roots)
}

fn authorities_of_machine() -> Result<RootCertStore, RemoteFault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(RemoteFault::new(
            "this machine has no certificates of authorities: name a file of them",
        ));
    }
    Ok(roots)
}
