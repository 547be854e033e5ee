//! A request as the script asks for it, and its bytes on an HTTP/1.1 connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, COOKIE, HOST, PROXY_AUTHORIZATION, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method};

use super::cookies::Jar;
use super::endpoint::Endpoint;
use super::inflow::Inflow;
use super::upload::{Part, length_of};
use crate::queue::Token;
use crate::sample::Origin;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A request to send.
#[derive(Debug)]
pub struct Job {
    /// The awaitable that waits for it.
    pub token: Token,
    /// Where it goes.
    pub endpoint: Arc<Endpoint>,
    /// What is asked.
    pub method: Method,
    /// Path and query, percent-encoded.
    pub path: Arc<str>,
    /// Headers that many requests share.
    pub headers: Arc<Headers>,
    /// Headers of this request alone; they replace shared ones of the same name.
    pub own_headers: Vec<(HeaderName, HeaderValue)>,
    /// What is sent.
    pub body: Body,
    /// Who sends it, and when.
    pub origin: Origin,
    /// Longest time for the whole of it, redirects and retries included.
    pub timeout: Duration,
    /// Statuses that are no failure; empty for 200 to 399.
    pub expect: Box<[u16]>,
    /// Whether it belongs to the measured load.
    pub recorded: bool,
    /// Where its cookies come from and go to.
    pub jar: Option<Arc<Jar>>,
    /// What is rarely asked for.
    pub rules: Option<Box<Rules>>,
    /// How many redirects are followed.
    pub redirects: u8,
}

/// What is sent.
#[derive(Debug, Clone)]
pub enum Body {
    /// These bytes.
    Bytes(Bytes),
    /// Pieces in memory and files, read while they are sent.
    Parts(Arc<[Part]>),
}

impl Body {
    /// Its length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Parts(parts) => length_of(parts),
        }
    }
}

/// What is rarely asked for of a request.
#[derive(Debug, Default)]
pub struct Rules {
    /// How often a failed request is sent again.
    pub retries: u8,
    /// Name and password for digest authentication.
    pub digest: Option<(String, String)>,
    /// Whether the response's body is counted and forgotten.
    pub discard: bool,
    /// Longest body of the response in bytes; 0 for any.
    pub most_body: u64,
    /// Where the response goes while it comes in.
    pub inflow: Option<Arc<Inflow>>,
}

/// What belongs to one attempt of a request rather than to the request.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    pub(super) traceparent: Option<[u8; 55]>,
    pub(super) whole_url: bool,
    pub(super) proxy_authorization: Option<HeaderValue>,
    pub(super) close: bool,
}

impl Job {
    pub(super) fn expects(&self, status: u16) -> bool {
        if self.expect.is_empty() { (200..400).contains(&status) } else { self.expect.contains(&status) }
    }

    /// RFC 9110, section 9.2.2.
    pub(super) fn is_idempotent(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
    }

    /// Appends the request's head to `out`, and its body if that is in memory.
    pub(super) fn encode(&self, attempt: &Attempt, out: &mut Vec<u8>) {
        let method = self.method.as_str().as_bytes();
        let host = if attempt.whole_url { self.endpoint.authority.as_bytes() } else { b"" };
        let scheme: &[u8] = if attempt.whole_url { b"http://" } else { b"" };
        for part in [method, b" ", scheme, host, self.path.as_bytes(), b" HTTP/1.1\r\n"] {
            out.extend_from_slice(part);
        }
        if !self.has(&HOST) {
            put(out, &HOST, self.endpoint.authority.as_bytes());
        }
        if self.own_headers.iter().any(|(name, _)| self.headers.has(name)) {
            self.shared().for_each(|(name, value)| put(out, name, value.as_bytes()));
        } else {
            out.extend_from_slice(&self.headers.block);
        }
        self.varying(attempt, |name, value| put(out, name, value));
        if attempt.close {
            put(out, &CONNECTION, b"close");
        }
        out.extend_from_slice(b"\r\n");
        if let Body::Bytes(bytes) = &self.body {
            out.extend_from_slice(bytes);
        }
    }

    /// The header fields beyond the shared ones. The framing is ours: a length or a coding that the script gives is left out.
    pub(super) fn varying(&self, attempt: &Attempt, mut visit: impl FnMut(&HeaderName, &[u8])) {
        let framing = |name: &HeaderName| *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING;
        self.own_headers.iter().filter(|(name, _)| !framing(name)).for_each(|(name, value)| visit(name, value.as_bytes()));
        if let Some(jar) = &self.jar
            && !self.has(&COOKIE)
            && let Some(cookies) = jar.header(&self.endpoint, &self.path)
        {
            visit(&COOKIE, cookies.as_bytes());
        }
        if let Some(traceparent) = &attempt.traceparent {
            visit(&TRACEPARENT, traceparent);
        }
        if let Some(value) = &attempt.proxy_authorization {
            visit(&PROXY_AUTHORIZATION, value.as_bytes());
        }
        let length = self.body.length();
        if length > 0 || matches!(self.method, Method::POST | Method::PUT | Method::PATCH) {
            visit(&CONTENT_LENGTH, HeaderValue::from(length).as_bytes());
        }
    }

    /// The shared header fields that none of its own replaces.
    pub(super) fn shared(&self) -> impl Iterator<Item = &(HeaderName, HeaderValue)> {
        self.headers.list.iter().filter(|(name, _)| !self.has_own(name))
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.has_own(name) || self.headers.has(name)
    }

    fn has_own(&self, wanted: &HeaderName) -> bool {
        self.own_headers.iter().any(|(name, _)| name == wanted)
    }
}

fn put(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    for part in [name.as_str().as_bytes(), b": ", value, b"\r\n"] {
        out.extend_from_slice(part);
    }
}

/// Headers that many requests share, with their bytes made once.
#[derive(Debug, Default)]
pub struct Headers {
    list: Vec<(HeaderName, HeaderValue)>,
    block: Vec<u8>,
}

impl Headers {
    /// Of several with the same name the last one counts.
    #[must_use]
    pub fn new(fields: Vec<(HeaderName, HeaderValue)>) -> Self {
        let mut list: Vec<(HeaderName, HeaderValue)> = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            match list.iter_mut().find(|(known, _)| *known == name) {
                Some(known) => known.1 = value,
                None => list.push((name, value)),
            }
        }
        let mut block = Vec::new();
        list.iter().for_each(|(name, value)| put(&mut block, name, value.as_bytes()));
        Self { list, block }
    }

    fn has(&self, wanted: &HeaderName) -> bool {
        self.list.iter().any(|(name, _)| name == wanted)
    }

    /// These without some that are not for every host.
    pub(super) fn without(self: &Arc<Self>, names: &[HeaderName]) -> Arc<Self> {
        if names.iter().any(|name| self.has(name)) {
            Arc::new(Self::new(self.list.iter().filter(|(name, _)| !names.contains(name)).cloned().collect()))
        } else {
            Arc::clone(self)
        }
    }
}
