//! What holds for all connections of a run.

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// Which version of HTTP is spoken.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Version {
    /// What the server prefers in the TLS handshake (ALPN); without TLS HTTP/1.1.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1.
    #[serde(rename = "1.1")]
    Http1,
    /// HTTP/2; without TLS by prior knowledge.
    #[serde(rename = "2")]
    Http2,
}

/// Which addresses of a name are used, and in which order.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// As the system orders them.
    #[default]
    Any,
    /// Only IPv4.
    Only4,
    /// Only IPv6.
    Only6,
    /// IPv4 first.
    Prefer4,
    /// IPv6 first.
    Prefer6,
}

/// Settings of all connections; each has a default.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Longest time for name, TCP and TLS together.
    pub connect_timeout_ns: u64,
    /// The version of HTTP.
    pub version: Version,
    /// Whether a connection carries more than one request.
    pub keep_alive: bool,
    /// Whether all VUs share their connections; otherwise each has its own, as a browser.
    pub shared_connections: bool,
    /// Connections to one host, of each VU or of all that share them.
    pub connections_per_host: usize,
    /// How long an address is remembered; 0 asks for every connection.
    pub dns_ttl_ns: u64,
    /// Which addresses are used.
    pub family: Family,
    /// Addresses of names, which are not asked for then.
    pub hosts: HashMap<String, IpAddr>,
    /// `http://host:port` of a proxy for everything.
    pub proxy: Option<String>,
    /// What the proxy is told of who asks: the value of `proxy-authorization`.
    pub proxy_authorization: Option<String>,
    /// PEM file with authorities that are trusted besides the system's.
    pub ca: Option<PathBuf>,
    /// PEM file with the client's certificate chain, and its key unless `client_key` has it.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with the client's key.
    pub client_key: Option<PathBuf>,
    /// Whether certificates are verified.
    pub verify: bool,
    /// Addresses of this machine that connections come from, in turn by VU.
    pub source_addresses: Vec<IpAddr>,
    /// Whether cookies are kept, per VU.
    pub cookies: bool,
    /// How many redirects are followed.
    pub redirects: u8,
    /// Whether compressed responses are asked for.
    pub compressed: bool,
    /// Whether requests carry a W3C `traceparent`.
    pub traceparent: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout_ns: 10_000_000_000,
            version: Version::Auto,
            keep_alive: true,
            shared_connections: false,
            connections_per_host: 6,
            dns_ttl_ns: 300_000_000_000,
            family: Family::Any,
            hosts: HashMap::new(),
            proxy: None,
            proxy_authorization: None,
            ca: None,
            client_certificate: None,
            client_key: None,
            verify: true,
            source_addresses: Vec::new(),
            cookies: true,
            redirects: 10,
            compressed: true,
            traceparent: true,
        }
    }
}
