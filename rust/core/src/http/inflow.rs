//! A response that the script reads while it comes in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;

use crate::queue::{Completion, CompletionQueue, Exchange, Token};

/// Unread bytes from which on no more are taken from the connection.
const MOST_UNREAD: usize = 4 * 1024 * 1024;

/// Pieces on their way from a connection to the script.
#[derive(Debug)]
pub struct Inflow {
    completions: Arc<CompletionQueue>,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    head: Option<Arc<Exchange>>,
    pieces: VecDeque<Vec<u8>>,
    unread: usize,
    ended: Option<Arc<Exchange>>,
    reader: Option<Token>,
    writer: Option<Waker>,
}

/// What a script gets that asks for the next piece.
#[derive(Debug)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The response has ended so.
    End(Arc<Exchange>),
    /// The token that was given will be resumed.
    Wait,
}

impl Inflow {
    /// One that resumes its reader through `completions`.
    #[must_use]
    pub fn new(completions: Arc<CompletionQueue>) -> Self {
        Self { completions, inner: Mutex::default() }
    }

    /// The head of the response, or the failure that came instead; None while neither is there, and `token` will be resumed.
    pub fn head(&self, token: Token) -> Option<Arc<Exchange>> {
        let mut inner = self.inner.lock();
        let found = inner.head.clone().or_else(|| inner.ended.clone());
        inner.reader = found.is_none().then_some(token);
        found
    }

    /// The next piece.
    pub fn next(&self, token: Token) -> Piece {
        let mut inner = self.inner.lock();
        if let Some(piece) = inner.pieces.pop_front() {
            inner.unread -= piece.len();
            if inner.unread < MOST_UNREAD
                && let Some(waker) = inner.writer.take()
            {
                waker.wake();
            }
            return Piece::Bytes(piece);
        }
        if let Some(ended) = &inner.ended {
            return Piece::End(Arc::clone(ended));
        }
        inner.reader = Some(token);
        Piece::Wait
    }

    pub(super) fn put_head(&self, head: Exchange) {
        self.change(|inner| inner.head = Some(Arc::new(head)));
    }

    pub(super) fn put(&self, piece: &[u8]) {
        self.change(|inner| {
            inner.unread += piece.len();
            inner.pieces.push_back(piece.to_vec());
        });
    }

    pub(super) fn end(&self, ended: Arc<Exchange>) {
        self.change(|inner| inner.ended = Some(ended));
    }

    /// Whether the script has so much to read that the connection must wait; `waker` is woken when it has not.
    pub(super) fn is_full(&self, waker: &Waker) -> bool {
        let mut inner = self.inner.lock();
        let full = inner.unread >= MOST_UNREAD;
        if full {
            inner.writer = Some(waker.clone());
        }
        full
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.inner.lock();
        change(&mut inner);
        if let Some(reader) = inner.reader.take() {
            self.completions.push(Completion::Resume(reader));
        }
    }
}
