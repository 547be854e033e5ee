//! Making a connection: name, TCP, proxy, TLS.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::HeaderValue;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

use super::dns::Names;
use super::endpoint::Endpoint;
use super::settings::{Settings, Version};
use super::trace::{Fault, Phase};
use super::wire::Stream;
use crate::clock::Clock;
use crate::failure::FailureKind;

/// Most bytes of a proxy's answer.
const LONGEST_ANSWER: usize = 16 * 1024;

/// How connections are made.
pub(super) struct Connector {
    pub(super) settings: Settings,
    tls: Arc<ClientConfig>,
    proxy: Option<Endpoint>,
    pub(super) proxy_authorization: Option<HeaderValue>,
    names: Names,
}

/// A connection that was made.
pub(super) struct Made {
    pub(super) stream: Stream,
    /// How long it takes to the server and back, in nanoseconds: measured on the handshake or, through a proxy's tunnel, on both.
    pub(super) round_trip: i64,
    /// Whether HTTP/2 is spoken.
    pub(super) http2: bool,
}

impl Connector {
    pub(super) fn new(settings: Settings, tls: Arc<ClientConfig>, proxy: Option<Endpoint>) -> Self {
        let proxy_authorization = settings.proxy_authorization.as_ref().and_then(|value| HeaderValue::try_from(value).ok());
        Self { settings, tls, proxy, proxy_authorization, names: Names::default() }
    }

    /// Whether requests to `endpoint` name the whole URL, as a proxy wants it for plain HTTP.
    pub(super) fn names_whole_url(&self, endpoint: &Endpoint) -> bool {
        self.proxy.is_some() && !endpoint.tls
    }

    /// A connection to `endpoint` for VU `vu`; `enter` is told as each step begins.
    pub(super) async fn connect(&self, endpoint: &Endpoint, vu: u32, clock: &dyn Clock, enter: impl Fn(Phase)) -> Result<Made, Fault> {
        enter(Phase::Dns);
        let hop = self.proxy.as_ref().unwrap_or(endpoint);
        let addresses = self.names.resolve(&hop.host, hop.port, &self.settings, clock.now_ns()).await?;
        enter(Phase::Connect);
        let (mut stream, begun) = self.connect_any(&addresses, vu, clock).await?;
        stream.set_nodelay(true).map_err(|error| Fault::new(FailureKind::Connect, error.to_string()))?;
        if !endpoint.tls {
            let round_trip = clock.now_ns() - begun;
            return Ok(Made { stream: Stream::Plain(stream), round_trip, http2: self.settings.version == Version::Http2 });
        }
        if self.proxy.is_some() {
            tunnel(&mut stream, endpoint, self.proxy_authorization.as_ref()).await?;
        }
        let round_trip = clock.now_ns() - begun;
        enter(Phase::Tls);
        let fault = |error: String| Fault::new(FailureKind::Tls, error);
        let name = endpoint.server_name.clone().ok_or_else(|| fault(format!("{} cannot be in a certificate", endpoint.host)))?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await.map_err(|error| fault(error.to_string()))?;
        let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2") || self.settings.version == Version::Http2;
        Ok(Made { stream: Stream::Tls(Box::new(stream)), round_trip, http2 })
    }

    /// A connection to the first address that has one, and when it was begun, in clock nanoseconds.
    async fn connect_any(&self, addresses: &[SocketAddr], vu: u32, clock: &dyn Clock) -> Result<(TcpStream, i64), Fault> {
        let mut last = Fault::new(FailureKind::Dns, "the host has no address");
        for address in addresses {
            let begun = clock.now_ns();
            match self.connect_one(*address, vu).await {
                Ok(stream) => return Ok((stream, begun)),
                Err(error) => last = Fault::new(kind_of(&error), format!("{address}: {error}")),
            }
        }
        Err(last)
    }

    async fn connect_one(&self, address: SocketAddr, vu: u32) -> io::Result<TcpStream> {
        let sources: Vec<IpAddr> =
            self.settings.source_addresses.iter().copied().filter(|source| source.is_ipv4() == address.is_ipv4()).collect();
        let Some(source) = sources.get(vu as usize % sources.len().max(1)) else {
            return TcpStream::connect(address).await;
        };
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.bind(SocketAddr::new(*source, 0))?;
        socket.connect(address).await
    }
}

/// Asks a proxy for a tunnel to `endpoint` (RFC 9110, section 9.3.6).
async fn tunnel(stream: &mut TcpStream, endpoint: &Endpoint, authorization: Option<&HeaderValue>) -> Result<(), Fault> {
    let fault = |what: String| Fault::new(FailureKind::Connect, format!("the proxy gave no tunnel: {what}"));
    let shown = if endpoint.host.contains(':') { format!("[{}]", endpoint.host) } else { endpoint.host.clone() };
    let place = format!("{shown}:{}", endpoint.port);
    let mut request = format!("CONNECT {place} HTTP/1.1\r\nhost: {place}\r\n").into_bytes();
    if let Some(value) = authorization {
        request = [&request, b"proxy-authorization: ".as_slice(), value.as_bytes(), b"\r\n"].concat();
    }
    request.extend_from_slice(b"\r\n");
    stream.write_all(&request).await.map_err(|error| fault(error.to_string()))?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        // Byte by byte: what follows the answer belongs to the tunnel.
        let byte = stream.read_u8().await.map_err(|error| fault(error.to_string()))?;
        answer.push(byte);
        if answer.len() > LONGEST_ANSWER {
            return Err(fault("its answer is too long".to_owned()));
        }
    }
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    match response.parse(&answer) {
        Ok(_) if response.code.is_some_and(|code| (200..300).contains(&code)) => Ok(()),
        Ok(_) => Err(fault(format!("status {}", response.code.unwrap_or(0)))),
        Err(error) => Err(fault(error.to_string())),
    }
}

fn kind_of(error: &io::Error) -> FailureKind {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => FailureKind::Refused,
        _ => FailureKind::Connect,
    }
}
