//! The connections of one VU, as a browser holds them.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::endpoint::Endpoint;
use super::wire::Wire;

/// Connections of a VU to one host, as in today's browsers.
const MOST_PER_HOST: usize = 6;

/// The connections of one VU.
#[derive(Default)]
pub(super) struct Pool {
    hosts: RefCell<Vec<Host>>,
}

struct Host {
    endpoint: Arc<Endpoint>,
    idle: Vec<Wire>,
    open: usize,
    waiting: VecDeque<oneshot::Sender<()>>,
}

/// The right to one connection; gives it back when dropped.
pub(super) struct Permit {
    pool: Rc<Pool>,
    endpoint: Arc<Endpoint>,
}

impl Pool {
    /// Waits until the VU may use one more connection to `endpoint`, and takes an idle one if there is any.
    pub(super) async fn acquire(self: &Rc<Self>, endpoint: &Arc<Endpoint>) -> (Permit, Option<Wire>) {
        loop {
            let turn = match self.try_acquire(endpoint) {
                Ok(wire) => {
                    return (Permit { pool: Rc::clone(self), endpoint: Arc::clone(endpoint) }, wire);
                }
                Err(turn) => turn,
            };
            let _ = turn.await;
        }
    }

    fn try_acquire(&self, endpoint: &Arc<Endpoint>) -> Result<Option<Wire>, oneshot::Receiver<()>> {
        self.with_host(endpoint, |host| {
            if host.open < MOST_PER_HOST {
                host.open += 1;
                return Ok(host.idle.pop());
            }
            let (sender, receiver) = oneshot::channel();
            host.waiting.push_back(sender);
            Err(receiver)
        })
    }

    fn with_host<T>(&self, endpoint: &Arc<Endpoint>, act: impl FnOnce(&mut Host) -> T) -> T {
        let mut hosts = self.hosts.borrow_mut();
        if let Some(host) = hosts.iter_mut().find(|host| Arc::ptr_eq(&host.endpoint, endpoint) || host.endpoint == *endpoint) {
            return act(host);
        }
        let mut host = Host { endpoint: Arc::clone(endpoint), idle: Vec::new(), open: 0, waiting: VecDeque::new() };
        let result = act(&mut host);
        hosts.push(host);
        result
    }
}

impl Permit {
    /// Another idle connection of the same host, if there is one.
    pub(super) fn idle(&self) -> Option<Wire> {
        self.pool.with_host(&self.endpoint, |host| host.idle.pop())
    }

    /// Gives a connection back for the next request.
    pub(super) fn keep(self, wire: Wire) {
        self.pool.with_host(&self.endpoint, |host| host.idle.push(wire));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.pool.with_host(&self.endpoint, |host| {
            host.open -= 1;
            while let Some(next) = host.waiting.pop_front() {
                if next.send(()).is_ok() {
                    break;
                }
            }
        });
    }
}
