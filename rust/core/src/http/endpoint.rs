//! Where requests go: base URL, relative and absolute URLs, the host to connect to.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use rustls::pki_types::ServerName;
use url::{Host, Url};

/// A host that connections are made to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether the connection is encrypted.
    pub tls: bool,
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The `host` header.
    pub authority: HeaderValue,
    /// The name that the certificate must carry.
    pub server_name: Option<ServerName<'static>>,
}

/// Why a URL cannot be requested.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TargetError {
    /// It is not a URL.
    #[error("{0:?} is not a URL: {1}")]
    Unparsable(String, String),
    /// Its scheme is not http or https.
    #[error("{0:?} has the scheme {1:?}; only http and https are supported")]
    Scheme(String, String),
    /// It has no host.
    #[error("{0:?} names no host")]
    NoHost(String),
    /// Its host is neither the target nor this machine, and was not allowed by name.
    #[error("{0:?} leads to {1}, which is neither the target nor this machine; if it may be put under load, name it in [safety] allow")]
    NotAllowed(String, String),
}

impl Endpoint {
    fn of(url: &Url) -> Result<Self, TargetError> {
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            other => return Err(TargetError::Scheme(url.to_string(), other.to_owned())),
        };
        let no_host = || TargetError::NoHost(url.to_string());
        let host = match url.host().ok_or_else(no_host)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        let port = url.port_or_known_default().ok_or_else(no_host)?;
        let shown = url.host_str().unwrap_or(&host);
        let authority = url.port().map_or_else(|| shown.to_owned(), |port| format!("{shown}:{port}"));
        let authority = HeaderValue::try_from(authority).map_err(|_| no_host())?;
        let server_name = ServerName::try_from(host.clone()).ok();
        Ok(Self { tls, host, port, authority, server_name })
    }
}

impl Endpoint {
    /// The host that a URL names.
    pub(super) fn parse(url: &str) -> Result<Self, TargetError> {
        Self::of(&Url::parse(url).map_err(|error| TargetError::Unparsable(url.to_owned(), error.to_string()))?)
    }

    /// The URL of a path with query at this host.
    #[must_use]
    pub fn url(&self, path: &str) -> Option<Url> {
        let scheme = if self.tls { "https" } else { "http" };
        Url::parse(&format!("{scheme}://{}{path}", self.authority.to_str().ok()?)).ok()
    }
}

/// The base URL of a run.
#[derive(Debug, Clone)]
pub struct Target {
    allow: Vec<String>,
    base: Url,
    prefix: String,
    endpoint: Arc<Endpoint>,
}

impl Target {
    /// The target at `url`; a path in it is put before every relative URL. `allow` names further hosts that requests may go to.
    ///
    /// # Errors
    /// When `url` is not an absolute http or https URL.
    pub fn parse(url: &str, allow: &[String]) -> Result<Self, TargetError> {
        let base = Url::parse(url).map_err(|error| TargetError::Unparsable(url.to_owned(), error.to_string()))?;
        let endpoint = Arc::new(Endpoint::of(&base)?);
        let prefix = base.path().trim_end_matches('/').to_owned();
        let allow = allow.iter().map(|host| host.to_ascii_lowercase()).collect();
        Ok(Self { allow, base, prefix, endpoint })
    }

    /// The endpoint of `url`, which is absolute or begins with a slash, and its percent-encoded path with query.
    ///
    /// # Errors
    /// When it is neither, or not a URL.
    pub fn resolve(&self, url: &str) -> Result<(Arc<Endpoint>, Arc<str>), TargetError> {
        if url.starts_with('/') && !url.starts_with("//") && url.bytes().all(is_plain) && !url.contains("/.") {
            let path = if self.prefix.is_empty() { url.into() } else { [&self.prefix, url].concat().into() };
            return Ok((Arc::clone(&self.endpoint), path));
        }
        let full = if url.starts_with('/') { format!("{}{url}", self.prefix) } else { url.to_owned() };
        let unparsable = |error: String| TargetError::Unparsable(url.to_owned(), error);
        if !url.starts_with('/') && !url.contains("://") {
            return Err(unparsable("it is neither absolute nor does it begin with a slash".to_owned()));
        }
        self.resolve_absolute(&self.base.join(&full).map_err(|error| unparsable(error.to_string()))?)
    }

    /// The same for a URL that has been parsed.
    pub(super) fn resolve_absolute(&self, url: &Url) -> Result<(Arc<Endpoint>, Arc<str>), TargetError> {
        let endpoint = Endpoint::of(url)?;
        if endpoint.host != self.endpoint.host && !is_loopback(&endpoint.host) && !self.allow.contains(&endpoint.host) {
            return Err(TargetError::NotAllowed(url.to_string(), endpoint.host));
        }
        let path = url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        Ok((if endpoint == *self.endpoint { Arc::clone(&self.endpoint) } else { Arc::new(endpoint) }, path.into()))
    }

    /// The host that the run loads.
    #[must_use]
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }
}

/// Whether a byte stands in a path or query for itself.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~/?:@!$&'()*+,;=%[]|".contains(&byte)
}

/// Whether a host is this machine beyond doubt.
fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_urls_join_the_base_and_absolute_ones_replace_it() {
        let target = Target::parse("http://127.0.0.1:8000/v1/", &["example.test".to_owned()]).unwrap();
        for (url, host, path) in [
            ("/pets", "127.0.0.1:8000", "/v1/pets"),
            ("/search?q=a%20b", "127.0.0.1:8000", "/v1/search?q=a%20b"),
            ("/räume", "127.0.0.1:8000", "/v1/r%C3%A4ume"),
            ("http://[::1]:9/x", "[::1]:9", "/x"),
            ("https://example.test", "example.test", "/"),
        ] {
            let (endpoint, found) = target.resolve(url).unwrap();
            assert_eq!((endpoint.authority.to_str().unwrap(), &*found), (host, path), "{url}");
        }
    }

    #[test]
    fn a_foreign_host_is_refused_however_it_is_written() {
        let target = Target::parse("http://127.0.0.1:8000", &["staging.test".to_owned()]).unwrap();
        for url in
            ["http://example.com/x", "//example.com/x", "https://127.0.0.1.nip.io/", "http://staging.test.evil.com/", "http://10.0.0.1/"]
        {
            assert!(matches!(target.resolve(url), Err(TargetError::NotAllowed(..))), "{url}");
        }
        for url in ["http://localhost:1/", "http://127.9.9.9/", "http://[::1]/", "https://STAGING.test/"] {
            assert!(target.resolve(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn what_is_not_a_url_is_refused() {
        let target = Target::parse("http://localhost", &[]).unwrap();
        for url in ["pets", "ftp://localhost/x", "http://", ""] {
            assert!(target.resolve(url).is_err(), "{url}");
        }
        assert!(Target::parse("localhost:8000", &[]).is_err());
    }
}
