//! Bodies that are read from disk while they are sent: never more than a piece of one in memory.

use std::fs::File;
use std::future::Future;
use std::io::{self, Read};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

/// Bytes read from a file at once.
const PIECE: usize = 256 * 1024;

/// A piece of a body.
#[derive(Debug, Clone)]
pub enum Part {
    /// In memory.
    Bytes(Bytes),
    /// A file with its length in bytes.
    File(PathBuf, u64),
}

/// The length of all parts in bytes.
pub(super) fn length_of(parts: &[Part]) -> u64 {
    let length = |part: &Part| match part {
        Part::Bytes(bytes) => bytes.len() as u64,
        Part::File(_, length) => *length,
    };
    parts.iter().map(length).sum()
}

/// A body on its way.
pub(super) struct Upload {
    parts: Arc<[Part]>,
    next: usize,
    open: Option<Open>,
    reading: Option<Reading>,
}

/// A piece that another thread reads, with what it read it from.
type Reading = JoinHandle<io::Result<(Open, Vec<u8>)>>;

/// A file of which `left` bytes are still to be sent.
struct Open {
    file: File,
    left: u64,
}

impl Upload {
    pub(super) fn new(parts: Arc<[Part]>) -> Self {
        Self { parts, next: 0, open: None, reading: None }
    }

    /// The next bytes; None after the last.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        loop {
            if let Some(reading) = &mut self.reading {
                let read = ready!(Pin::new(reading).poll(cx));
                self.reading = None;
                let (open, piece) = read.map_err(io::Error::other)??;
                self.open = (open.left > 0).then_some(open);
                return Poll::Ready(Ok(Some(piece.into())));
            }
            if let Some(open) = self.open.take() {
                self.reading = Some(tokio::task::spawn_blocking(|| read_piece(open)));
                continue;
            }
            let part = self.parts.get(self.next).cloned();
            self.next += 1;
            match part {
                None => return Poll::Ready(Ok(None)),
                Some(Part::Bytes(bytes)) => return Poll::Ready(Ok(Some(bytes))),
                Some(Part::File(_, 0)) => {}
                Some(Part::File(path, left)) => self.open = Some(Open { file: File::open(path)?, left }),
            }
        }
    }
}

/// On a thread of its own, since a disk may take its time.
fn read_piece(mut open: Open) -> io::Result<(Open, Vec<u8>)> {
    let wanted = PIECE.min(usize::try_from(open.left).unwrap_or(PIECE));
    let mut piece = vec![0; wanted];
    open.file.read_exact(&mut piece).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => io::Error::other("a file has become shorter while it was sent"),
        _ => error,
    })?;
    open.left -= wanted as u64;
    Ok((open, piece))
}
