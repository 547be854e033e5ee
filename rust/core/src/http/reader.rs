//! Takes an HTTP/1.1 response apart while its bytes come in (RFC 9112).

use std::mem::MaybeUninit;

use super::chunked::Chunks;
use super::message::{MOST_FIELDS, Message, Notes};
use super::sink::Sink;
use super::trace::Fault;
use crate::failure::FailureKind;

/// Most bytes of a response's head; more are malformed.
const LONGEST_HEAD: usize = 256 * 1024;
/// Memory reserved at most on the word of a `content-length`; longer bodies grow as they come.
const MOST_RESERVED: u64 = 4 * 1024 * 1024;

/// Why a response is not read to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// The bytes are no HTTP/1.1 response: what is wrong with them.
    Because(&'static str),
    /// Its body is longer than the script allows.
    TooLong(u64),
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Because(what) => Self::new(FailureKind::Malformed, format!("the response is malformed: {what}")),
            Malformed::TooLong(most) => Self::new(FailureKind::TooLarge, format!("the body is longer than {most} bytes")),
        }
    }
}

/// How far a response has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    More,
    /// It is whole; whether the connection may carry another request.
    Whole {
        reusable: bool,
    },
}

/// The reader of one response.
pub(super) struct Reader {
    stage: Stage,
    to_head: bool,
    keep_alive: bool,
    status: u16,
    pending: Vec<u8>,
    sink: Sink,
}

enum Stage {
    Head,
    Length(u64),
    Chunked(Chunks),
    UntilClose,
}

/// What the head of a response says of its body and its connection.
struct Head {
    length: usize,
    status: u16,
    body: Body,
    keep_alive: bool,
    notes: Notes,
}

enum Body {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Reader {
    /// The reader of the response to a request, whose body goes to `sink`; one to HEAD has no body, whatever its head says.
    pub(super) fn new(to_head: bool, sink: Sink) -> Self {
        Self { stage: Stage::Head, to_head, keep_alive: false, status: 0, pending: Vec::new(), sink }
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, data: &[u8]) -> Result<Progress, Malformed> {
        if !matches!(self.stage, Stage::Head) {
            self.body(data)
        } else if self.pending.is_empty() {
            self.head(data)
        } else {
            let mut joined = std::mem::take(&mut self.pending);
            joined.extend_from_slice(data);
            self.head(&joined)
        }
    }

    fn head(&mut self, mut data: &[u8]) -> Result<Progress, Malformed> {
        loop {
            let Some(head) = parse_head(data, self.to_head)? else {
                if data.len() > LONGEST_HEAD {
                    return Err(Malformed::Because("its head is too long"));
                }
                self.pending = data.to_vec();
                return Ok(Progress::More);
            };
            let (own, rest) = data.split_at_checked(head.length).unwrap_or((data, &[]));
            if head.status >= 200 {
                self.begin_body(&head, own);
                return self.body(rest);
            }
            if head.status == 101 {
                return Err(Malformed::Because("it switches to a protocol that was not asked for"));
            }
            data = rest;
        }
    }

    fn begin_body(&mut self, head: &Head, bytes: &[u8]) {
        self.status = head.status;
        self.keep_alive = head.keep_alive;
        let reserved = if let Body::Length(length) = head.body { usize::try_from(length.min(MOST_RESERVED)).unwrap_or(0) } else { 0 };
        self.sink.begin(Message::with_head(bytes, if self.sink.keeps() { reserved } else { 0 }, head.notes));
        self.stage = match head.body {
            Body::Length(length) => Stage::Length(length),
            Body::Chunked => Stage::Chunked(Chunks::default()),
            Body::UntilClose => Stage::UntilClose,
        };
    }

    fn body(&mut self, data: &[u8]) -> Result<Progress, Malformed> {
        let left = match &mut self.stage {
            Stage::Head => return Ok(Progress::More),
            Stage::UntilClose => {
                self.sink.put(data)?;
                return Ok(Progress::More);
            }
            Stage::Length(missing) => {
                let own = data.len().min(usize::try_from(*missing).unwrap_or(usize::MAX));
                let (body, rest) = data.split_at_checked(own).unwrap_or((data, &[]));
                self.sink.put(body)?;
                *missing -= own as u64;
                (*missing == 0).then_some(rest)
            }
            Stage::Chunked(chunks) => chunks.feed(data, |body| self.sink.put(body))?,
        };
        // Bytes that nobody asked for: the next response would begin with them.
        Ok(left.map_or(Progress::More, |rest| Progress::Whole { reusable: self.keep_alive && rest.is_empty() }))
    }

    /// The connection was closed: whether that is how this response ends.
    pub(super) fn ends_by_close(&self) -> bool {
        matches!(self.stage, Stage::UntilClose)
    }

    /// The status and the response, as far as it came.
    pub(super) fn take(&mut self) -> (u16, Message) {
        (self.status, self.sink.take())
    }

    /// The status, once the head is whole.
    pub(super) fn status(&self) -> Option<u16> {
        (!matches!(self.stage, Stage::Head)).then_some(self.status)
    }

    pub(super) fn sink(&self) -> &Sink {
        &self.sink
    }
}

/// The head at the start of `data`; None while it is not whole.
fn parse_head(data: &[u8], to_head: bool) -> Result<Option<Head>, Malformed> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, data, &mut fields);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Malformed::Because("it has too many header fields")),
        Err(httparse::Error::Version) => return Err(Malformed::Because("it does not begin with HTTP/1.1")),
        Err(_) => return Err(Malformed::Because("its head is not HTTP/1.1")),
    };
    let status = response.code.unwrap_or(0);
    let mut found = Found { keep_alive: response.version == Some(1), ..Found::default() };
    for field in response.headers.iter() {
        found.note(field.name, field.value)?;
    }
    let body = found.body(status, to_head);
    let keep_alive = found.keep_alive && !matches!(body, Body::UntilClose);
    Ok(Some(Head { length, status, body, keep_alive, notes: found.notes }))
}

#[derive(Default)]
struct Found {
    length: Option<u64>,
    chunked: Option<bool>,
    keep_alive: bool,
    notes: Notes,
}

impl Found {
    fn note(&mut self, name: &str, value: &[u8]) -> Result<(), Malformed> {
        match name.len() {
            10 if name.eq_ignore_ascii_case("set-cookie") => self.notes.sets_cookies = true,
            10 if name.eq_ignore_ascii_case("connection") => {
                if lists(value, "close") {
                    self.keep_alive = false;
                } else if lists(value, "keep-alive") {
                    self.keep_alive = true;
                }
            }
            14 if name.eq_ignore_ascii_case("content-length") => {
                let length = std::str::from_utf8(value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                let length = length.and_then(|text| text.parse().ok()).ok_or(Malformed::Because("its content-length is no number"))?;
                if self.length.is_some_and(|other| other != length) {
                    return Err(Malformed::Because("it has two lengths"));
                }
                self.length = Some(length);
            }
            13 if name.eq_ignore_ascii_case("server-timing") => self.notes.timed = true,
            16 if name.eq_ignore_ascii_case("content-encoding") => self.notes.coded = true,
            17 if name.eq_ignore_ascii_case("transfer-encoding") => {
                let last = value.rsplit(|&byte| byte == b',').next().unwrap_or_default();
                self.chunked = Some(last.trim_ascii().eq_ignore_ascii_case(b"chunked"));
            }
            _ => {}
        }
        Ok(())
    }

    /// RFC 9112, section 6.3.
    fn body(&self, status: u16, to_head: bool) -> Body {
        if to_head || status < 200 || status == 204 || status == 304 {
            return Body::Length(0);
        }
        match (self.chunked, self.length) {
            (Some(true), _) => Body::Chunked,
            (None, Some(length)) => Body::Length(length),
            (Some(false), _) | (None, None) => Body::UntilClose,
        }
    }
}

/// Whether a comma-separated list holds `word`.
fn lists(value: &[u8], word: &str) -> bool {
    value.split(|&byte| byte == b',').any(|part| part.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> Result<(Progress, u16, Vec<u8>), Malformed> {
        let mut reader = Reader::new(false, Sink::default());
        let progress = reader.feed(bytes)?;
        let (status, message) = reader.take();
        Ok((progress, status, message.body().to_vec()))
    }

    #[test]
    fn the_end_of_a_body_is_found_as_the_standard_says() {
        let table: [(&str, u16, &str, bool); 8] = [
            ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", 200, "hi", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", 200, "hi", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, "hi", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nhi", 200, "hi", true),
            ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
            ("HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", 304, "", true),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2;x=1\r\nhi\r\n0\r\nx: y\r\n\r\n", 200, "hi", true),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 201 C\r\ncontent-length: 0\r\n\r\n",
                201,
                "",
                true,
            ),
        ];
        for (bytes, status, body, reusable) in table {
            assert_eq!(whole(bytes.as_bytes()), Ok((Progress::Whole { reusable }, status, body.into())), "{bytes}");
        }
    }

    #[test]
    fn a_body_without_a_length_lasts_until_the_connection_is_closed() {
        let mut reader = Reader::new(false, Sink::default());
        assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhi"), Ok(Progress::More));
        assert!(reader.ends_by_close());
        assert_eq!(reader.take().1.body(), b"hi");
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let mut reader = Reader::new(true, Sink::default());
        assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"), Ok(Progress::Whole { reusable: true }));
    }

    #[test]
    fn bytes_after_the_end_forbid_another_request() {
        let answered = whole(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi!");
        assert_eq!(answered, Ok((Progress::Whole { reusable: false }, 200, b"hi".into())));
    }

    #[test]
    fn what_is_not_http_is_malformed() {
        for bytes in [
            "this is not HTTP at all\r\n\r\n",
            "HTTP/1.1 abc OK\r\n\r\n",
            "HTTP/1.1 101 Switching\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        ] {
            assert!(whole(bytes.as_bytes()).is_err(), "{bytes}");
        }
        assert!(whole(&b"HTTP/1.1 200 OK\r\nx: ".iter().chain(&[b'a'; LONGEST_HEAD]).copied().collect::<Vec<_>>()).is_err());
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(cuts in prop::collection::vec(0_usize..120, 0..6)) {
            let bytes = b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nx: y\r\n\r\n5;a=\"b\"\r\nhello\r\n6\r\n world\r\n0\r\nt: 1\r\n\r\n";
            let mut ends: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).chain([bytes.len()]).collect();
            ends.sort_unstable();
            ends.dedup();
            let (mut reader, mut start, mut progress) = (Reader::new(false, Sink::default()), 0, Progress::More);
            for end in ends {
                prop_assert_eq!(&progress, &Progress::More);
                if start < end {
                    progress = reader.feed(&bytes[start..end]).unwrap();
                }
                start = end;
            }
            prop_assert_eq!(progress, Progress::Whole { reusable: true });
            prop_assert_eq!(reader.take().1.body().to_vec(), b"hello world".to_vec());
        }

        #[test]
        fn no_bytes_make_it_fail_otherwise_than_as_malformed(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut data = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
            let _ = whole(&bytes);
            data.extend(bytes);
            let _ = whole(&data);
        }
    }
}
