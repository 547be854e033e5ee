//! The awaitable of the engine. It follows asyncio's future protocol, so a task waits for it without a future of its own,
//! and the coroutine protocol, so `TaskGroup.create_task` takes it.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit, import_exception, intern};
use smallvec::SmallVec;
use tenantry_core::queue::Token;

use crate::hub::Hub;
use crate::inner::Inner as SessionInner;

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
    Waiting(SmallVec<[Callback; 1]>),
    Done(Py<PyAny>),
    Cancelled,
}

struct Callback {
    function: Py<PyAny>,
    context: Option<Py<PyAny>>,
}

impl Callback {
    /// Runs it now, in the context it was added with.
    fn run(&self, py: Python<'_>, pending: &Bound<'_, Pending>) -> PyResult<()> {
        let _entered = self.context.as_ref().map(|context| Entered::new(context.bind(py))).transpose()?;
        self.function.bind(py).call1((pending,)).map(drop)
    }
}

/// What `Context.run` does around a call, without looking the method up for every response.
struct Entered<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'a, 'py> Entered<'a, 'py> {
    fn new(context: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        // SAFETY: the thread is attached and the reference is valid; what is no context is answered with an error.
        if unsafe { pyo3::ffi::PyContext_Enter(context.as_ptr()) } != 0 {
            return Err(PyErr::fetch(context.py()));
        }
        Ok(Self(context))
    }
}

impl Drop for Entered<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: as above; this context was entered by `new`, and whatever was entered in between has been left.
        if unsafe { pyo3::ffi::PyContext_Exit(self.0.as_ptr()) } != 0 {
            PyErr::fetch(self.0.py()).write_unraisable(self.0.py(), Some(self.0));
        }
    }
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
        if let State::Waiting(callbacks) = before {
            for callback in callbacks {
                if let Err(error) = callback.run(slf.py(), slf) {
                    error.write_unraisable(slf.py(), Some(slf));
                }
            }
        }
    }

    /// Gives up: the engine aborts what it was doing. Returns the callbacks to be told, None when it was over already.
    fn abandon(&self) -> Option<SmallVec<[Callback; 1]>> {
        let mut state = self.state.lock();
        if !matches!(*state, State::Waiting(_)) {
            return None;
        }
        let State::Waiting(callbacks) = mem::replace(&mut *state, State::Cancelled) else {
            return None;
        };
        drop(state);
        self.hub.abandon(self.token, &self.waiting);
        Some(callbacks)
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
        let callback = Callback { function, context };
        if let State::Waiting(callbacks) = &mut *slf.get().state.lock() {
            callbacks.push(callback);
            return Ok(());
        }
        slf.get().hub.call_soon(slf, &callback.function, callback.context.as_ref())
    }

    fn remove_done_callback(&self, py: Python<'_>, function: &Bound<'_, PyAny>) -> PyResult<usize> {
        let known: Vec<Py<PyAny>> = match &*self.state.lock() {
            State::Waiting(callbacks) => callbacks.iter().map(|callback| callback.function.clone_ref(py)).collect(),
            _ => return Ok(0),
        };
        // Without the lock: the comparison may run Python.
        let equal: Vec<_> = known.iter().filter(|known| known.bind(py).eq(function).unwrap_or(false)).map(Py::as_ptr).collect();
        let mut removed = SmallVec::<[Callback; 1]>::new();
        if let State::Waiting(callbacks) = &mut *self.state.lock() {
            let (gone, kept) = mem::take(callbacks).into_iter().partition(|callback| equal.contains(&callback.function.as_ptr()));
            (removed, *callbacks) = (gone, kept);
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
    fn cancel(slf: &Bound<'_, Self>, msg: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let _ = msg;
        let Some(callbacks) = slf.get().abandon() else {
            return Ok(false);
        };
        for callback in callbacks {
            slf.get().hub.call_soon(slf, &callback.function, callback.context.as_ref())?;
        }
        Ok(true)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.state.try_lock().as_deref() {
            Some(State::Waiting(callbacks)) => callbacks.iter().try_for_each(|callback| {
                visit.call(&callback.function)?;
                callback.context.as_ref().map_or(Ok(()), |context| visit.call(context))
            }),
            Some(State::Done(result)) => visit.call(result),
            _ => Ok(()),
        }
    }

    fn __clear__(&self) {
        let old = self.state.try_lock().map(|mut state| mem::replace(&mut *state, State::Cancelled));
        drop(old);
    }
}

/// Schedules `function(pending)` on the loop, in `context`.
pub(crate) fn call_soon(
    event_loop: &Bound<'_, PyAny>,
    pending: &Bound<'_, Pending>,
    function: &Py<PyAny>,
    context: Option<&Py<PyAny>>,
) -> PyResult<()> {
    let py = event_loop.py();
    let options = PyDict::new(py);
    if let Some(context) = context {
        options.set_item(intern!(py, "context"), context)?;
    }
    event_loop.call_method(intern!(py, "call_soon"), (function, pending), Some(&options))?;
    Ok(())
}
