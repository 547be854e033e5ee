//! The connections of one VU, as a browser holds them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::task::{AbortHandle, Id};

use super::endpoint::Endpoint;
use super::settings::{Settings, Version};
use super::wire::Wire;
use crate::queue::Token;

/// The connections of one VU.
#[derive(Default)]
pub(super) struct Pool(Vec<Rc<Host>>);

/// The connections of one VU to one host.
pub(super) struct Host {
    pub(super) endpoint: Arc<Endpoint>,
    idle: RefCell<Vec<Rc<Wire>>>,
    waiting: RefCell<VecDeque<Token>>,
    open: Cell<usize>,
    most: usize,
    closed: Cell<bool>,
    sharing: RefCell<Sharing>,
}

/// A connection that requests share.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) sender: SendRequest<Bytes>,
    /// The task that drives it.
    pub(super) task: AbortHandle,
}

/// Whether requests share one connection (HTTP/2).
enum Sharing {
    /// The first connection will tell.
    Unknown,
    No,
    Over(Link),
}

/// The right to send a request.
pub(super) enum Turn {
    /// Over this connection.
    Over(Rc<Wire>),
    /// Over this connection, together with others.
    Share(Link),
    /// Over a new connection, which counts as open from now on.
    Connect,
    /// When a connection is free.
    Wait,
}

impl Pool {
    /// The connections to `endpoint`.
    pub(super) fn host(&mut self, endpoint: &Arc<Endpoint>, settings: &Settings) -> Rc<Host> {
        let known = self.0.iter().find(|host| Arc::ptr_eq(&host.endpoint, endpoint) || host.endpoint == *endpoint);
        if let Some(host) = known {
            return Rc::clone(host);
        }
        let may_share = settings.version == Version::Http2 || endpoint.tls && settings.version == Version::Auto;
        let host = Rc::new(Host {
            endpoint: Arc::clone(endpoint),
            idle: RefCell::default(),
            waiting: RefCell::default(),
            open: Cell::new(0),
            most: settings.connections_per_host.max(1),
            closed: Cell::new(false),
            sharing: RefCell::new(if may_share { Sharing::Unknown } else { Sharing::No }),
        });
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
            if let Sharing::Over(link) = &*host.sharing.borrow() {
                link.task.abort();
            }
        }
    }
}

impl Host {
    /// What a request of `token` may do at `now`, in clock nanoseconds.
    pub(super) fn turn(&self, token: Token, now: i64) -> Turn {
        let learning = match &*self.sharing.borrow() {
            Sharing::Over(link) => return Turn::Share(link.clone()),
            Sharing::Unknown => self.open.get() > 0,
            Sharing::No => false,
        };
        while let Some(wire) = self.pop_idle() {
            if wire.is_usable(now) {
                return Turn::Over(wire);
            }
            wire.close();
            self.leave();
        }
        if !learning && self.open.get() < self.most {
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

    /// Notes what the first connection has told: whether requests share it.
    pub(super) fn learn(&self, shared: Option<Link>) {
        *self.sharing.borrow_mut() = shared.map_or(Sharing::No, Sharing::Over);
    }

    /// The shared connection that `task` drives takes no further requests; false when that was known.
    pub(super) fn retire(&self, task: Id) -> bool {
        let current = matches!(&*self.sharing.borrow(), Sharing::Over(link) if link.task.id() == task);
        if current {
            *self.sharing.borrow_mut() = Sharing::Unknown;
            self.leave();
        }
        current
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
