//! Whom TLS trusts, and how the client proves itself.

use std::sync::Arc;

use rustls::ClientConfig;

use super::settings::{Settings, Version};
use crate::tls::{TlsError, TrustAll, add_roots, authenticated, system_roots};

/// The configuration of all connections: trust in the system's authorities (`SSL_CERT_FILE` and `SSL_CERT_DIR` name others) and in those
/// of the settings.
///
/// # Errors
/// When a file is not PEM, or certificate and key do not fit.
pub(super) fn tls_config(settings: &Settings) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = system_roots();
    if let Some(file) = &settings.ca {
        add_roots(&mut roots, file)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let builder = if settings.verify {
        builder.with_root_certificates(roots)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustAll(provider)))
    };
    let mut config = authenticated(builder, settings.client_certificate.as_deref(), settings.client_key.as_deref())?;
    config.alpn_protocols = match settings.version {
        Version::Auto => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        Version::Http1 => vec![b"http/1.1".to_vec()],
        Version::Http2 => vec![b"h2".to_vec()],
    };
    Ok(Arc::new(config))
}
