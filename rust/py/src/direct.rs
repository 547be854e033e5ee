//! A coroutine that the engine resumes itself.
//!
//! To its task it is two things: the coroutine that it runs, and the future that it waits for while the script waits for the engine.
//! A response then resumes the script without the task, whose protocol costs more than the script's own step. Whatever else the script
//! waits for, and its end, is handed to the task.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pyo3::exceptions::PyStopIteration;
use pyo3::prelude::*;
use pyo3::{PyTraverseError, PyVisit, ffi, intern};

use crate::hub::Hub;
use crate::pending::Pending;
use crate::waiter::{Entered, call_in, call_soon};

/// What one step of a coroutine came to.
enum Step {
    Yielded(Py<PyAny>),
    Returned(Py<PyAny>),
    Raised(PyErr),
    /// None yet: the script is to get this exception.
    Thrown(Py<PyAny>),
}

/// A coroutine whose waits for the engine end without its task.
#[pyclass(module = "tenantry._core", frozen, weakref)]
pub(crate) struct Direct {
    hub: Arc<Hub>,
    coroutine: Py<PyAny>,
    blocking: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whose coroutine it is, known from its first step.
    task: Option<Py<PyAny>>,
    /// What the script waits for while the task waits for this coroutine.
    pending: Option<Py<Pending>>,
    /// How the task is told, and in which context.
    wake: Option<(Py<PyAny>, Option<Py<PyAny>>)>,
    /// A step that was made without the task, and that it is to be given.
    made: Option<Step>,
    /// The task was cancelled while there was nothing to cancel: it has an exception for the script.
    cancelled: bool,
}

impl Direct {
    pub(crate) fn new(hub: &Arc<Hub>, coroutine: Py<PyAny>) -> Self {
        Self { hub: Arc::clone(hub), coroutine, blocking: AtomicBool::new(false), state: Mutex::default() }
    }

    fn step(&self, py: Python<'_>) -> Step {
        let mut result = ptr::null_mut();
        // SAFETY: the thread is attached, both objects are alive, and what comes back is a new reference unless it is an error.
        unsafe {
            match ffi::PyIter_Send(self.coroutine.as_ptr(), ffi::Py_None(), &raw mut result) {
                ffi::PySendResult::PYGEN_NEXT => Step::Yielded(Bound::from_owned_ptr(py, result).unbind()),
                ffi::PySendResult::PYGEN_RETURN => Step::Returned(Bound::from_owned_ptr(py, result).unbind()),
                ffi::PySendResult::PYGEN_ERROR => Step::Raised(PyErr::fetch(py)),
            }
        }
    }

    /// Waits if the script waits for the engine; otherwise the step is the task's.
    fn wait(slf: &Bound<'_, Self>, step: Step) -> Option<Step> {
        let Step::Yielded(yielded) = step else {
            return Some(step);
        };
        let this = slf.get();
        let Ok(pending) = yielded.bind(slf.py()).cast_exact::<Pending>() else {
            return Some(Step::Yielded(yielded));
        };
        let free = {
            let mut state = this.state.lock();
            let free = !state.cancelled && state.pending.is_none();
            if free {
                state.pending = Some(pending.clone().unbind());
            }
            free
        };
        if free && pending.get().wait(slf) {
            return None;
        }
        if free {
            drop(this.state.lock().pending.take());
        }
        Some(Step::Yielded(yielded))
    }

    /// Gives a step to the task.
    fn give<'py>(slf: &Bound<'py, Self>, step: Step) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        match Self::wait(slf, step) {
            None => {
                slf.get().blocking.store(true, Ordering::Relaxed);
                Ok(slf.clone().into_any())
            }
            Some(Step::Yielded(yielded)) => Ok(yielded.into_bound(py)),
            Some(Step::Returned(value)) => Err(PyStopIteration::new_err((value,))),
            Some(Step::Raised(error)) => Err(error),
            Some(Step::Thrown(error)) => {
                let yielded = slf.get().coroutine.bind(py).call_method1(intern!(py, "throw"), (error,))?;
                Self::give(slf, Step::Yielded(yielded.unbind()))
            }
        }
    }

    /// What the task has not been given yet; from now on it has heard of its cancellation.
    fn take_made(&self) -> Option<Step> {
        let mut state = self.state.lock();
        state.cancelled = false;
        state.made.take()
    }

    /// The task, known from its own loop at the first step.
    fn learn_task(&self, py: Python<'_>) -> PyResult<()> {
        if self.state.lock().task.is_none() {
            let task = self.hub.tasks.current(py)?;
            self.state.lock().task = Some(task);
        }
        Ok(())
    }
}

#[pymethods]
impl Direct {
    /// What the script waited for is over: goes on with it.
    #[pyo3(signature = (over, /))]
    pub(crate) fn resume(slf: &Bound<'_, Self>, over: &Bound<'_, Pending>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let (waited, cancelled, task, context) = {
            let mut state = this.state.lock();
            let waited = state.pending.take_if(|pending| pending.is(over));
            let context = state.wake.as_ref().and_then(|(_, context)| context.as_ref());
            let task = state.task.as_ref().map(|task| task.clone_ref(py));
            (waited, state.cancelled, task, context.map(|context| context.clone_ref(py)))
        };
        let (Some(_), Some(task)) = (waited, task) else {
            return Ok(());
        };
        // A cancelled task has an exception for the script, and throws it itself.
        if !cancelled {
            let step = {
                let _entered = context.as_ref().map(|context| Entered::new(context.bind(py))).transpose()?;
                this.hub.tasks.enter(py, &task)?;
                let step = this.step(py);
                this.hub.tasks.leave(py, &task)?;
                step
            };
            let Some(step) = Self::wait(slf, step) else {
                return Ok(());
            };
            this.state.lock().made = Some(step);
        }
        let wake = this.state.lock().wake.take();
        wake.map_or(Ok(()), |(function, context)| call_in(function.bind(py), context.as_ref(), slf.as_any()))
    }

    fn __await__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let this = slf.get();
        if let Some(step) = this.take_made() {
            return Self::give(slf, step);
        }
        this.learn_task(slf.py())?;
        Self::give(slf, this.step(slf.py()))
    }

    #[pyo3(signature = (value, /))]
    fn send<'py>(slf: &Bound<'py, Self>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let _ = value;
        Self::__next__(slf)
    }

    #[pyo3(signature = (kind, value=None, traceback=None, /))]
    fn throw<'py>(
        slf: &Bound<'py, Self>,
        kind: Bound<'py, PyAny>,
        value: Option<Bound<'py, PyAny>>,
        traceback: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let _ = traceback;
        let (py, error) = (slf.py(), value.unwrap_or(kind));
        match slf.get().take_made() {
            // As of a task that was cancelled while it ran: what the script waits for now is cancelled in its place, if it can be.
            Some(Step::Yielded(other)) => {
                if !is_cancelled_by(other.bind(py)) {
                    slf.get().state.lock().made = Some(Step::Thrown(error.unbind()));
                }
                Ok(other.into_bound(py))
            }
            Some(Step::Raised(own)) => Err(own),
            Some(Step::Returned(_)) => Err(PyErr::from_value(error)),
            Some(Step::Thrown(_)) | None => Self::give(slf, Step::Thrown(error.unbind())),
        }
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.coroutine.bind(py).call_method0(intern!(py, "close")).map(drop)
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

    /// Of the task that waits for it; nobody else does.
    #[pyo3(signature = (function, *, context=None))]
    fn add_done_callback(slf: &Bound<'_, Self>, function: Py<PyAny>, context: Option<Py<PyAny>>) -> PyResult<()> {
        let mut state = slf.get().state.lock();
        if state.pending.is_some() {
            let before = state.wake.replace((function, context));
            drop(state);
            drop(before);
            return Ok(());
        }
        drop(state);
        call_soon(slf.get().hub.event_loop.bind(slf.py()), function.bind(slf.py()), context.as_ref(), slf.as_any())
    }

    /// Nothing: the task asks the coroutine how its step ended.
    fn result(&self) {}

    /// Cancels what the script waits for.
    #[pyo3(signature = (msg=None))]
    fn cancel(&self, py: Python<'_>, msg: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let pending = self.state.lock().pending.as_ref().map(|pending| pending.clone_ref(py));
        if let Some(pending) = pending
            && Pending::cancel(pending.bind(py), msg)?
        {
            return Ok(true);
        }
        self.state.lock().cancelled = true;
        Ok(false)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.coroutine)?;
        let Some(state) = self.state.try_lock() else {
            return Ok(());
        };
        if let Some((function, context)) = &state.wake {
            visit.call(function)?;
            context.as_ref().map_or(Ok(()), |context| visit.call(context))?;
        }
        if let Some(Step::Yielded(made) | Step::Returned(made) | Step::Thrown(made)) = &state.made {
            visit.call(made)?;
        }
        state.task.as_ref().map_or(Ok(()), |task| visit.call(task))?;
        state.pending.as_ref().map_or(Ok(()), |pending| visit.call(pending))
    }

    fn __clear__(&self) {
        let old = self.state.try_lock().map(|mut state| std::mem::take(&mut *state));
        drop(old);
    }
}

/// Whether a future was there to be cancelled.
fn is_cancelled_by(awaited: &Bound<'_, PyAny>) -> bool {
    awaited.call_method0(intern!(awaited.py(), "cancel")).and_then(|cancelled| cancelled.is_truthy()).unwrap_or(false)
}

/// Who runs, as asyncio wants to know it of those who run coroutines.
pub(crate) struct Tasks {
    event_loop: Py<PyAny>,
    current: Py<PyAny>,
    enter: Py<PyAny>,
    leave: Py<PyAny>,
}

impl Tasks {
    pub(crate) fn of(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let asyncio = event_loop.py().import("asyncio")?;
        Ok(Self {
            event_loop: event_loop.clone().unbind(),
            current: asyncio.getattr("current_task")?.unbind(),
            enter: asyncio.getattr("_enter_task")?.unbind(),
            leave: asyncio.getattr("_leave_task")?.unbind(),
        })
    }

    fn current(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        self.current.call1(py, (&self.event_loop,))
    }

    fn enter(&self, py: Python<'_>, task: &Py<PyAny>) -> PyResult<()> {
        self.enter.call1(py, (&self.event_loop, task)).map(drop)
    }

    fn leave(&self, py: Python<'_>, task: &Py<PyAny>) -> PyResult<()> {
        self.leave.call1(py, (&self.event_loop, task)).map(drop)
    }
}
