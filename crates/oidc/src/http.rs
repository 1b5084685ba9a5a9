//! One HTTP request to a provider, bounded: 10 s for all of it, 256 KiB of body, no redirect followed, no connection kept.

use crate::fault::StartFault;
use crate::settings::{Settings, is_loopback};
use ::http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use url::Url;

/// How long a request may take, from the look-up of the name to the last byte of the answer.
const LONGEST: Duration = Duration::from_secs(10);
/// The largest body of an answer.
const LARGEST: usize = 256 * 1024;
/// The largest head of an answer.
const LARGEST_HEAD: usize = 64 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpFault {
    #[error("no answer within {} s", LONGEST.as_secs())]
    Slow,
    #[error("{0} is no address that may be asked")]
    Address(String),
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    #[error("no HTTP answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("the answer is longer than {} KiB, or ends early", LARGEST / 1024)]
    Body,
}

/// Whom to speak to, and how.
pub(crate) enum HttpClient {
    /// With servers on this machine alone, without TLS.
    Plain,
    /// With whom the authorities vouch for, over TLS.
    Tls(TlsConnector),
}

impl HttpClient {
    /// For a provider: over TLS, unless its issuer is plain.
    pub(crate) fn new(settings: &Settings) -> Result<Self, StartFault> {
        if settings.issuer.is_plain() {
            return Ok(Self::Plain);
        }
        let roots = match &settings.ca_file {
            Some(file) => read_authorities(file)?,
            None => authorities_of_machine()?,
        };
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|_| StartFault::NoAuthorities)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self::Tls(TlsConnector::from(Arc::new(config))))
    }

    /// Whether this client, or the browser that it sends there, may go to an address.
    pub(crate) fn allows(&self, url: &Url) -> bool {
        match self {
            Self::Plain => url.scheme() == "http" && is_loopback(url),
            Self::Tls(_) => url.scheme() == "https" && url.has_host(),
        }
    }

    /// Sends a request and gives the answer, whatever its status.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpFault> {
        tokio::time::timeout(LONGEST, self.exchange(request))
            .await
            .unwrap_or(Err(HttpFault::Slow))
    }

    async fn exchange(&self, request: HttpRequest) -> Result<HttpResponse, HttpFault> {
        let unfit = || HttpFault::Address(crate::fault::bounded(&request.uri().to_string()));
        let url = Url::parse(&request.uri().to_string()).map_err(|_| unfit())?;
        if !self.allows(&url) {
            return Err(unfit());
        }
        let host = url.host_str().ok_or_else(unfit)?;
        // An IPv6 address stands in brackets in a URL, and nowhere else.
        let name = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_or_known_default().ok_or_else(unfit)?;
        let stream = keyward_dial::connect(&name, port, LONGEST)
            .await
            .map_err(HttpFault::Connect)?;
        let request = in_origin_form(request, &url).ok_or_else(|| HttpFault::Address(name.clone()))?;
        match self {
            Self::Plain => send_over(stream, request).await,
            Self::Tls(connector) => {
                let server = ServerName::try_from(name.clone()).map_err(|_| HttpFault::Address(name))?;
                let stream = connector
                    .connect(server, stream)
                    .await
                    .map_err(HttpFault::Connect)?;
                send_over(stream, request).await
            }
        }
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = HttpFault;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpFault>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// The request as it goes over a connection of its own (RFC 9112, section 3.2.1).
fn in_origin_form(request: HttpRequest, url: &Url) -> Option<Request<Full<Bytes>>> {
    let (mut parts, body) = request.into_parts();
    let authority = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str()?),
        None => url.host_str()?.to_owned(),
    };
    let path = parts.uri.path_and_query()?.clone();
    parts.uri = Uri::from(path);
    parts
        .headers
        .insert(header::HOST, HeaderValue::from_str(&authority).ok()?);
    parts
        .headers
        .insert(header::USER_AGENT, HeaderValue::from_static("keyward"));
    Some(Request::from_parts(parts, Full::from(body)))
}

async fn send_over<S>(stream: S, request: Request<Full<Bytes>>) -> Result<HttpResponse, HttpFault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(LARGEST_HEAD)
        .handshake(TokioIo::new(stream))
        .await?;
    let exchange = async {
        let (parts, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await;
        let body = body.map_err(|_| HttpFault::Body)?.to_bytes().to_vec();
        Ok(Response::from_parts(parts, body))
    };
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        biased;
        done = &mut exchange => return done,
        // The connection has ended; what it brought is still to be read.
        _ = connection => {}
    }
    exchange.await
}

fn read_authorities(file: &Path) -> Result<RootCertStore, StartFault> {
    let fault = |fault: String| StartFault::Authorities {
        path: file.to_owned(),
        fault,
    };
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

fn authorities_of_machine() -> Result<RootCertStore, StartFault> {
    let mut roots = RootCertStore::empty();
    // What cannot be read on a machine is told by what it then does not trust.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(StartFault::NoAuthorities);
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
