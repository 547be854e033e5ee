//! A response as the engine keeps it: the bytes of its head as they came, and its body.

use std::borrow::Cow;
use std::io;
use std::mem::MaybeUninit;

use http::header::{CONTENT_ENCODING, SET_COOKIE};
use http::{HeaderMap, StatusCode};

use super::codings::decode;
use super::server_timing::{self, Timing};

/// Most header fields of a response; more are malformed.
pub(super) const MOST_FIELDS: usize = 128;

/// A response, or the empty one of a request that got none. Header fields are taken apart only when asked for.
#[derive(Debug, Default, Clone)]
pub struct Message {
    bytes: Vec<u8>,
    body: usize,
    http2: bool,
    notes: Notes,
}

/// Whether the head has fields that are looked at more closely.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Notes {
    pub(super) coded: bool,
    pub(super) timed: bool,
    pub(super) sets_cookies: bool,
}

impl Message {
    /// A message with `head` and room for `body` bytes.
    pub(super) fn with_head(head: &[u8], body: usize, notes: Notes) -> Self {
        let mut bytes = Vec::with_capacity(head.len() + body);
        bytes.extend_from_slice(head);
        Self { bytes, body: head.len(), http2: false, notes }
    }

    /// A message of another version of HTTP, its head written as one of HTTP/1.1.
    pub(super) fn from_fields(status: StatusCode, fields: &HeaderMap) -> Self {
        let mut head = format!("HTTP/1.1 {} \r\n", status.as_u16()).into_bytes();
        for (name, value) in fields {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                head.extend_from_slice(part);
            }
        }
        head.extend_from_slice(b"\r\n");
        let notes = Notes {
            coded: fields.contains_key(CONTENT_ENCODING),
            timed: fields.contains_key("server-timing"),
            sets_cookies: fields.contains_key(SET_COOKIE),
        };
        Self { http2: true, ..Self::with_head(&head, 0, notes) }
    }

    pub(super) fn push(&mut self, body: &[u8]) {
        self.bytes.extend_from_slice(body);
    }

    /// The body as it came over the wire, after the transfer coding.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.body..).unwrap_or_default()
    }

    /// The body without its content codings.
    ///
    /// # Errors
    /// When it is not in the coding that its head names.
    pub fn decoded(&self) -> io::Result<Cow<'_, [u8]>> {
        let coding = if self.notes.coded { self.field("content-encoding") } else { None };
        let decoded = coding.map(|coding| decode(self.body(), &coding)).transpose()?.flatten();
        Ok(decoded.map_or(Cow::Borrowed(self.body()), Cow::Owned))
    }

    /// What the app says of where its time went.
    pub(super) fn timings(&self) -> Vec<Timing> {
        let mut found = Vec::new();
        if self.notes.timed {
            self.fields(|name, value| {
                if name.eq_ignore_ascii_case("server-timing") {
                    found.append(&mut server_timing::parse(&String::from_utf8_lossy(value)));
                }
            });
        }
        found
    }

    /// The cookies that it sets, as they are written.
    pub(super) fn cookies(&self) -> Vec<String> {
        let mut set = Vec::new();
        if self.notes.sets_cookies {
            self.fields(|name, value| {
                if name.eq_ignore_ascii_case("set-cookie") {
                    set.push(String::from_utf8_lossy(value).into_owned());
                }
            });
        }
        set
    }

    /// Whether it came over HTTP/2.
    #[must_use]
    pub fn is_http2(&self) -> bool {
        self.http2
    }

    /// Calls `visit` with the name and value of every header field, in their order.
    pub fn fields(&self, mut visit: impl FnMut(&str, &[u8])) {
        let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut []);
        let head = self.bytes.get(..self.body).unwrap_or_default();
        if httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, head, &mut fields).is_ok() {
            response.headers.iter().for_each(|field| visit(field.name, field.value));
        }
    }

    /// The first value of the header field `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let mut found = None;
        self.fields(|field, value| {
            if found.is_none() && field.eq_ignore_ascii_case(name) {
                found = Some(String::from_utf8_lossy(value).into_owned());
            }
        });
        found
    }
}
