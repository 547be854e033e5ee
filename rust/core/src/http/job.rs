//! A request as the script asks for it, and its bytes on an HTTP/1.1 connection.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Method};

use super::endpoint::Endpoint;
use crate::queue::Token;
use crate::sample::Origin;

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
    pub body: Bytes,
    /// Who sends it, and when.
    pub origin: Origin,
    /// Longest time for the whole of it.
    pub timeout: Duration,
    /// Statuses that are no failure; empty for 200 to 399.
    pub expect: Box<[u16]>,
    /// Whether it belongs to the measured load.
    pub recorded: bool,
}

impl Job {
    /// When its time is up, in clock nanoseconds.
    pub(super) fn deadline(&self) -> i64 {
        self.origin.start.saturating_add(i64::try_from(self.timeout.as_nanos()).unwrap_or(i64::MAX))
    }

    pub(super) fn expects(&self, status: u16) -> bool {
        if self.expect.is_empty() { (200..400).contains(&status) } else { self.expect.contains(&status) }
    }

    /// RFC 9110, section 9.2.2.
    pub(super) fn is_idempotent(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE)
    }

    /// Appends the request's head and body to `out`. Its framing is ours: a length or a coding that the script gives is left out.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        for part in [self.method.as_str(), " ", &self.path, " HTTP/1.1\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
        if !self.has_own(&HOST) && !self.headers.has(&HOST) {
            put(out, &HOST, &self.endpoint.authority);
        }
        if self.own_headers.iter().any(|(name, _)| self.headers.has(name)) {
            self.headers.list.iter().filter(|(name, _)| !self.has_own(name)).for_each(|(name, value)| put(out, name, value));
        } else {
            out.extend_from_slice(&self.headers.block);
        }
        let framing = |name: &HeaderName| *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING;
        self.own_headers.iter().filter(|(name, _)| !framing(name)).for_each(|(name, value)| put(out, name, value));
        if !self.body.is_empty() || matches!(self.method, Method::POST | Method::PUT | Method::PATCH) {
            put(out, &CONTENT_LENGTH, &HeaderValue::from(self.body.len()));
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
    }

    fn has_own(&self, wanted: &HeaderName) -> bool {
        self.own_headers.iter().any(|(name, _)| name == wanted)
    }
}

fn put(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
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
        list.iter().for_each(|(name, value)| put(&mut block, name, value));
        Self { list, block }
    }

    fn has(&self, wanted: &HeaderName) -> bool {
        self.list.iter().any(|(name, _)| name == wanted)
    }
}
