//! The awaitable of the engine. It follows asyncio's future protocol, so a task waits for it without a future of its own,
//! and the coroutine protocol, so `TaskGroup.create_task` takes it.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, import_exception};
use smallvec::SmallVec;
use tenantry_core::queue::Token;

use crate::direct::Direct;
use crate::hub::Hub;
use crate::inner::Inner as SessionInner;
use crate::waiter::Waiter;

import_exception!(asyncio, CancelledError);
import_exception!(asyncio, InvalidStateError);

/// What an awaitable waits for.
pub(crate) enum Waiting {
    /// The response to a request.
    Request(Arc<SessionInner>),
    /// The VU's next iteration.
    Iteration(Arc<SessionInner>),
    /// The end of a pause.
    Pause(Arc<SessionInner>),
    /// An order of the scheduler.
    Order,
    /// The end of the last VU without a script.
    Drill,
}

/// A result to come: of a request, a pause, or the wait for the next iteration.
#[pyclass(module = "tenantry._core", frozen, weakref)]
pub(crate) struct Pending {
    hub: Arc<Hub>,
    token: Token,
    waiting: Waiting,
    blocking: AtomicBool,
    state: Mutex<State>,
}

enum State {
    Waiting(SmallVec<[Waiter; 1]>),
    Done(Py<PyAny>),
    Cancelled,
}

impl Pending {
    /// An awaitable that the completion with `token`, a reserved one, will end.
    pub(crate) fn waiting(py: Python<'_>, hub: &Arc<Hub>, waiting: Waiting, token: Token) -> PyResult<Py<Self>> {
        let state = Mutex::new(State::Waiting(SmallVec::new()));
        let pending = Py::new(py, Self { hub: Arc::clone(hub), token, waiting, blocking: AtomicBool::new(false), state })?;
        hub.slots.fill(token, pending.clone_ref(py));
        Ok(pending)
    }

    pub(crate) fn kind(&self) -> &Waiting {
        &self.waiting
    }

    /// Sets the result and resumes whoever waits, at once.
    pub(crate) fn complete(slf: &Bound<'_, Self>, result: Py<PyAny>) {
        let before = mem::replace(&mut *slf.get().state.lock(), State::Done(result));
        if let State::Waiting(waiters) = before {
            for waiter in waiters {
                if let Err(error) = waiter.tell(slf) {
                    error.write_unraisable(slf.py(), Some(slf));
                }
            }
        }
    }

    /// Has a coroutine of the engine wait for it; false when it is over already.
    pub(crate) fn wait(&self, direct: &Bound<'_, Direct>) -> bool {
        let waiter = Waiter::Direct(direct.clone().unbind());
        self.blocking.store(false, Ordering::Relaxed);
        self.add(waiter).is_ok()
    }

    /// Adds one who waits, or gives it back because all is over.
    fn add(&self, waiter: Waiter) -> Result<(), Waiter> {
        match &mut *self.state.lock() {
            State::Waiting(waiters) => {
                waiters.push(waiter);
                Ok(())
            }
            _ => Err(waiter),
        }
    }

    /// Gives up: the engine aborts what it was doing. Returns those to be told, None when it was over already.
    fn abandon(&self) -> Option<SmallVec<[Waiter; 1]>> {
        let mut state = self.state.lock();
        if !matches!(*state, State::Waiting(_)) {
            return None;
        }
        let State::Waiting(waiters) = mem::replace(&mut *state, State::Cancelled) else {
            return None;
        };
        drop(state);
        self.hub.abandon(self.token, &self.waiting);
        Some(waiters)
    }
}

#[pymethods]
impl Pending {
    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        match &*this.state.lock() {
            State::Done(result) => {
                return Err(PyStopIteration::new_err((result.clone_ref(slf.py()),)));
            }
            State::Cancelled => return Err(CancelledError::new_err(())),
            State::Waiting(_) => {}
        }
        this.blocking.store(true, Ordering::Relaxed);
        Ok(slf.into_any())
    }

    /// As of a coroutine that was never started: waits for the result.
    #[pyo3(signature = (value, /))]
    fn send<'py>(slf: Bound<'py, Self>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        Self::__next__(slf)
    }

    /// As of a coroutine: gives up and raises.
    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw(&self, kind: Bound<'_, PyAny>, value: Option<Bound<'_, PyAny>>, traceback: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let _ = traceback;
        self.abandon();
        Err(PyErr::from_value(value.unwrap_or(kind)))
    }

    /// As of a coroutine: gives up.
    fn close(&self) {
        self.abandon();
    }

    #[getter]
    fn _asyncio_future_blocking(&self) -> bool {
        self.blocking.load(Ordering::Relaxed)
    }

    #[setter(_asyncio_future_blocking)]
    fn set_blocking(&self, value: bool) {
        self.blocking.store(value, Ordering::Relaxed);
    }

    fn get_loop(&self, py: Python<'_>) -> Py<PyAny> {
        self.hub.event_loop.clone_ref(py)
    }

    #[pyo3(signature = (function, *, context=None))]
    fn add_done_callback(slf: &Bound<'_, Self>, function: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let added = slf.get().add(Waiter::Callback(function, context));
        added.or_else(|waiter| waiter.tell_soon(slf.get().hub.event_loop.bind(slf.py()), slf))
    }

    fn remove_done_callback(&self, py: Python<'_>, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        let known: Vec<Py<PyAny>> = match &*self.state.lock() {
            State::Waiting(waiters) => waiters.iter().filter_map(|waiter| waiter.callback(py)).collect(),
            _ => return Ok(0),
        };
        // Without the lock: the comparison may run Python.
        let equal: Vec<_> = known.iter().filter(|known| known.bind(py).eq(function).unwrap_or(false)).collect();
        let mut removed = SmallVec::<[Waiter; 1]>::new();
        if let State::Waiting(waiters) = &mut *self.state.lock() {
            let (gone, kept) = mem::take(waiters).into_iter().partition(|waiter| equal.iter().any(|function| waiter.is(function)));
            (removed, *waiters) = (gone, kept);
        }
        Ok(removed.len())
    }

    fn done(&self) -> bool {
        !matches!(*self.state.lock(), State::Waiting(_))
    }

    fn cancelled(&self) -> bool {
        matches!(*self.state.lock(), State::Cancelled)
    }

    fn result(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match &*self.state.lock() {
            State::Done(result) => Ok(result.clone_ref(py)),
            State::Cancelled => Err(CancelledError::new_err(())),
            State::Waiting(_) => Err(InvalidStateError::new_err("Result is not set.")),
        }
    }

    fn exception(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.result(py).map(|_| None)
    }

    #[pyo3(signature = (msg=None))]
    pub(crate) fn cancel(slf: &Bound<'_, Self>, msg: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let _ = msg;
        let Some(waiters) = slf.get().abandon() else {
            return Ok(false);
        };
        for waiter in waiters {
            waiter.tell_soon(slf.get().hub.event_loop.bind(slf.py()), slf)?;
        }
        Ok(true)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.state.try_lock().as_deref() {
            Some(State::Waiting(waiters)) => waiters.iter().try_for_each(|waiter| waiter.traverse(&visit)),
            Some(State::Done(result)) => visit.call(result),
            _ => Ok(()),
        }
    }

    fn __clear__(&self) {
        let old = self.state.try_lock().map(|mut state| mem::replace(&mut *state, State::Cancelled));
        drop(old);
    }
}
