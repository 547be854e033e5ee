//! Making a connection: name, TCP, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::endpoint::Endpoint;
use super::trace::{Fault, Phase};
use super::wire::Stream;
use crate::failure::FailureKind;

/// Trust in the system's certificate authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others).
///
/// # Errors
/// When the cryptography provider supports no safe protocol version.
pub(super) fn tls_config() -> Result<Arc<ClientConfig>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// A connected stream to `endpoint`; `enter` is told as each step begins.
pub(super) async fn connect(endpoint: &Endpoint, tls: &Arc<ClientConfig>, enter: impl Fn(Phase)) -> Result<Stream, Fault> {
    enter(Phase::Dns);
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((endpoint.host.as_str(), endpoint.port))
        .await
        .map_err(|error| Fault::new(FailureKind::Dns, format!("{}: {error}", endpoint.host)))?
        .collect();
    enter(Phase::Connect);
    let stream = connect_any(&addresses, endpoint).await?;
    stream.set_nodelay(true).map_err(|error| Fault::new(FailureKind::Connect, error.to_string()))?;
    if !endpoint.tls {
        return Ok(Stream::Plain(stream));
    }
    enter(Phase::Tls);
    let tls_fault = |error: String| Fault::new(FailureKind::Tls, error);
    let name = endpoint.server_name.clone().ok_or_else(|| tls_fault(format!("{} cannot be in a certificate", endpoint.host)))?;
    let connected = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await.map_err(|error| tls_fault(error.to_string()))?;
    Ok(Stream::Tls(Box::new(connected)))
}

async fn connect_any(addresses: &[SocketAddr], endpoint: &Endpoint) -> Result<TcpStream, Fault> {
    let mut last = Fault::new(FailureKind::Dns, format!("{} has no address", endpoint.host));
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Fault::new(kind_of(&error), format!("{address}: {error}")),
        }
    }
    Err(last)
}

fn kind_of(error: &io::Error) -> FailureKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureKind::Refused,
        _ => FailureKind::Connect,
    }
}
