//! A response as the engine keeps it: the bytes of its head as they came, and its body.

use std::mem::MaybeUninit;

/// Most header fields of a response; more are malformed.
pub(super) const MOST_FIELDS: usize = 128;

/// A response, or the empty one of a request that got none. Header fields are taken apart only when asked for.
#[derive(Debug, Default)]
pub struct Message {
    bytes: Vec<u8>,
    body: usize,
}

impl Message {
    /// A message with `head` and room for `body` bytes.
    pub(super) fn with_head(head: &[u8], body: usize) -> Self {
        let mut bytes = Vec::with_capacity(head.len() + body);
        bytes.extend_from_slice(head);
        Self { bytes, body: head.len() }
    }

    pub(super) fn push(&mut self, body: &[u8]) {
        self.bytes.extend_from_slice(body);
    }

    /// The body as it came over the wire, after the transfer coding.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.bytes.get(self.body..).unwrap_or_default()
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
