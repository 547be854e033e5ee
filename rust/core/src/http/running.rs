//! Requests on their way.

use std::cell::Cell;
use std::rc::Rc;

use tokio::task::AbortHandle;

use super::job::Job;
use super::pool::Host;
use super::trace::{Marks, Trace};
use super::wire::Wire;
use crate::queue::Token;

/// A request on its way: one of its attempts, or of the redirects that follow it.
pub(super) struct Request {
    pub(super) job: Box<Job>,
    pub(super) trace: Trace,
    pub(super) host: Rc<Host>,
    pub(super) place: Place,
    /// When the time of all its attempts is up, in clock nanoseconds.
    pub(super) deadline: i64,
    /// How often it was sent before.
    pub(super) attempts: u8,
}

/// What a request waits for.
pub(super) enum Place {
    /// A free connection.
    Waiting,
    /// A connection that this task makes.
    Connecting(AbortHandle),
    /// A response over this connection.
    On(Rc<Wire>),
    /// A response over a connection that it shares with others (HTTP/2).
    Shared(AbortHandle, Rc<Cell<Marks>>),
    /// The moment of its next attempt.
    Later(AbortHandle),
}

/// Requests by token: its lower half is an index, so nothing is hashed.
#[derive(Default)]
pub(super) struct Running(Vec<Option<Request>>);

impl Running {
    pub(super) fn insert(&mut self, request: Request) {
        let index = index_of(request.job.token);
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        if let Some(slot) = self.0.get_mut(index) {
            *slot = Some(request);
        }
    }

    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Request> {
        self.0.get_mut(index_of(token))?.as_mut().filter(|request| request.job.token == token)
    }

    pub(super) fn take(&mut self, token: Token) -> Option<Request> {
        self.0.get_mut(index_of(token))?.take_if(|request| request.job.token == token)
    }

    /// The tokens of all that are overdue at `now`.
    pub(super) fn overdue(&self, now: i64) -> Vec<Token> {
        self.0.iter().flatten().filter(|request| request.deadline <= now).map(|request| request.job.token).collect()
    }

    pub(super) fn earliest_deadline(&self) -> Option<i64> {
        self.0.iter().flatten().map(|request| request.deadline).min()
    }
}

fn index_of(token: Token) -> usize {
    token as u32 as usize
}
