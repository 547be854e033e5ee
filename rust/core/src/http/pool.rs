//! The connections of one VU, as a browser holds them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::wire::Wire;
use crate::queue::Token;

/// Connections of a VU to one host, as in today's browsers.
const MOST_PER_HOST: usize = 6;

/// The connections of one VU.
#[derive(Default)]
pub(super) struct Pool(Vec<Rc<Host>>);

/// The connections of one VU to one host.
pub(super) struct Host {
    pub(super) endpoint: Arc<Endpoint>,
    idle: RefCell<Vec<Rc<Wire>>>,
    waiting: RefCell<VecDeque<Token>>,
    open: Cell<usize>,
    closed: Cell<bool>,
}

/// The right to send a request.
pub(super) enum Turn {
    /// Over this connection.
    Over(Rc<Wire>),
    /// Over a new connection, which counts as open from now on.
    Connect,
    /// When a connection is free.
    Wait,
}

impl Pool {
    /// The connections to `endpoint`.
    pub(super) fn host(&mut self, endpoint: &Arc<Endpoint>) -> Rc<Host> {
        let known = self.0.iter().find(|host| Arc::ptr_eq(&host.endpoint, endpoint) || host.endpoint == *endpoint);
        if let Some(host) = known {
            return Rc::clone(host);
        }
        let endpoint = Arc::clone(endpoint);
        let host = Host { endpoint, idle: RefCell::default(), waiting: RefCell::default(), open: Cell::new(0), closed: Cell::new(false) };
        let host = Rc::new(host);
        self.0.push(Rc::clone(&host));
        host
    }
}

impl Drop for Pool {
    /// Idle connections and their hosts hold each other: this is where they part.
    fn drop(&mut self) {
        for host in &self.0 {
            host.closed.set(true);
            host.idle.borrow_mut().drain(..).for_each(|wire| wire.close());
        }
    }
}

impl Host {
    /// What a request of `token` may do now.
    pub(super) fn turn(&self, token: Token) -> Turn {
        while let Some(wire) = self.pop_idle() {
            if wire.is_usable() {
                return Turn::Over(wire);
            }
            wire.close();
            self.leave();
        }
        if self.open.get() < MOST_PER_HOST {
            self.enter();
            return Turn::Connect;
        }
        self.waiting.borrow_mut().push_back(token);
        Turn::Wait
    }

    fn pop_idle(&self) -> Option<Rc<Wire>> {
        self.idle.borrow_mut().pop()
    }

    /// The token of the request that waits the longest; it may have ended meanwhile.
    pub(super) fn next_waiting(&self) -> Option<Token> {
        self.waiting.borrow_mut().pop_front()
    }

    /// Keeps a connection for the next request, or closes it when there will be none.
    pub(super) fn keep(&self, wire: &Rc<Wire>) {
        if self.closed.get() {
            wire.close();
        } else {
            self.idle.borrow_mut().push(Rc::clone(wire));
        }
    }

    /// Takes a connection that broke out of the idle ones.
    pub(super) fn forget(&self, wire: &Rc<Wire>) {
        self.idle.borrow_mut().retain(|other| !Rc::ptr_eq(other, wire));
    }

    /// Counts a connection that is about to be made.
    pub(super) fn enter(&self) {
        self.open.set(self.open.get() + 1);
    }

    /// Counts a connection that is gone.
    pub(super) fn leave(&self) {
        self.open.set(self.open.get().saturating_sub(1));
    }
}
