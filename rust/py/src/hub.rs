//! What all sessions of an engine share: the engine, the awaitables, the event loop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use pyo3::prelude::*;
use tenantry_core::engine::Engine;
use tenantry_core::http::{Endpoint, Settings};
use tenantry_core::queue::{Completion, Token};

use crate::direct::Tasks;
use crate::labels::Labels;
use crate::pending::{Pending, Waiting};
use crate::response::Response;
use crate::slots::Slots;

/// How many completions one wake-up handles before the event loop gets its turn.
const BATCH: usize = 512;

pub(crate) struct Hub {
    pub(crate) engine: Engine,
    pub(crate) slots: Slots,
    pub(crate) event_loop: Py<PyAny>,
    pub(crate) tasks: Tasks,
    /// What holds for all connections.
    pub(crate) http: Settings,
    /// How many redirects are followed unless a request says otherwise.
    pub(crate) redirects: u8,
    /// Indexes of checks.
    pub(crate) checks: Labels<u32>,
    /// Where the URLs of a script lead, with the indexes of their series.
    pub(crate) routes: Labels<Route>,
    /// Since when the script that runs now has not been accounted for, in clock nanoseconds; 0 when none is known to run.
    pub(crate) resumed: AtomicI64,
    /// Changes whenever a script is resumed and when it waits again.
    pub(crate) turn: AtomicU64,
}

/// A request's destination.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) endpoint: Arc<Endpoint>,
    pub(crate) path: Arc<str>,
    pub(crate) series: u32,
}

impl Hub {
    /// Resumes the tasks whose results have come.
    pub(crate) fn drain(&self, py: Python<'_>) -> PyResult<()> {
        let completions = &self.engine.completions;
        completions.acknowledge();
        self.engine.client.hold();
        // What one script did ends where the next one is resumed: one reading of the clock for both.
        let mut now = self.engine.clock.now_ns();
        let delivered = (0..BATCH).map_while(|_| completions.pop()).try_for_each(|completion| self.deliver(py, completion, &mut now));
        self.engine.client.release();
        if !completions.is_empty() {
            completions.signal();
        }
        delivered
    }

    fn deliver(&self, py: Python<'_>, completion: Completion, now: &mut i64) -> PyResult<()> {
        let (Completion::Response(token, _)
        | Completion::Start(token, _)
        | Completion::Order(token, _)
        | Completion::End(token)
        | Completion::Resume(token)) = completion;
        let Some(pending) = self.slots.take(token) else {
            return Ok(());
        };
        let pending = pending.into_bound(py);
        self.turn.fetch_add(1, Ordering::Relaxed);
        self.resumed.store(*now, Ordering::Relaxed);
        let result = match completion {
            Completion::Response(_, exchange) => {
                let session = match pending.get().kind() {
                    Waiting::Request(session) => session,
                    _ => return Ok(()),
                };
                if session.is_recorded() {
                    self.engine.hand_over(*now - exchange.sample.end);
                }
                session.answered(&exchange);
                Py::new(py, Response::new(exchange, Arc::clone(session)))?.into_any()
            }
            Completion::Start(_, iteration) => match pending.get().kind() {
                Waiting::Iteration(session) => session.begin(py, iteration)?,
                _ => py.None(),
            },
            Completion::Order(_, order) => crate::engine::told(py, order)?,
            Completion::End(_) | Completion::Resume(_) => py.None(),
        };
        Pending::complete(&pending, result);
        if let Waiting::Request(session) | Waiting::Iteration(session) | Waiting::Pause(session) = pending.get().kind() {
            *now = session.worked();
        }
        self.resumed.store(0, Ordering::Relaxed);
        self.turn.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Aborts what an awaitable waited for.
    pub(crate) fn abandon(&self, token: Token, waiting: &Waiting) {
        drop(self.slots.take(token));
        match waiting {
            Waiting::Request(session) => self.engine.client.cancel(token, !session.is_interrupted()),
            Waiting::Iteration(session) => self.engine.scheduler.forget(session.stream, token),
            Waiting::Drill => self.engine.client.cut_off(),
            Waiting::Pause(_) | Waiting::Order => {}
        }
    }
}
