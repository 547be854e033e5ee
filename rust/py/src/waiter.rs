//! Who is told when an awaitable is over.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{PyTraverseError, PyVisit, intern};

use crate::direct::Direct;
use crate::pending::Pending;

pub(crate) enum Waiter {
    /// A function, and the context that it was added with.
    Callback(Py<PyAny>, Option<Py<PyAny>>),
    /// A coroutine of the engine.
    Direct(Py<Direct>),
}

impl Waiter {
    /// Tells it now that `over` is.
    pub(crate) fn tell(&self, over: &Bound<'_, Pending>) -> PyResult<()> {
        match self {
            Self::Callback(function, context) => call_in(function.bind(over.py()), context.as_ref(), over.as_any()),
            Self::Direct(direct) => Direct::resume(direct.bind(over.py()), over),
        }
    }

    /// Has the loop tell it in its next turn.
    pub(crate) fn tell_soon(&self, event_loop: &Bound<'_, PyAny>, over: &Bound<'_, Pending>) -> PyResult<()> {
        match self {
            Self::Callback(function, context) => call_soon(event_loop, function.bind(over.py()), context.as_ref(), over.as_any()),
            Self::Direct(direct) => {
                let resume = direct.bind(over.py()).getattr(intern!(over.py(), "resume"))?;
                call_soon(event_loop, &resume, None, over.as_any())
            }
        }
    }

    /// The function that it calls.
    pub(crate) fn callback(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        match self {
            Self::Callback(function, _) => Some(function.clone_ref(py)),
            Self::Direct(_) => None,
        }
    }

    /// Whether it calls this very function.
    pub(crate) fn is(&self, function: &Py<PyAny>) -> bool {
        matches!(self, Self::Callback(own, _) if own.is(function))
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Callback(function, context) => {
                visit.call(function)?;
                context.as_ref().map_or(Ok(()), |context| visit.call(context))
            }
            Self::Direct(direct) => visit.call(direct),
        }
    }
}

/// Calls `function(over)` in `context`.
pub(crate) fn call_in(function: &Bound<'_, PyAny>, context: Option<&Py<PyAny>>, over: &Bound<'_, PyAny>) -> PyResult<()> {
    let _entered = context.map(|context| Entered::new(context.bind(over.py()))).transpose()?;
    function.call1((over,)).map(drop)
}

/// Schedules `function(over)` on the loop, in `context`.
pub(crate) fn call_soon(
    event_loop: &Bound<'_, PyAny>,
    function: &Bound<'_, PyAny>,
    context: Option<&Py<PyAny>>,
    over: &Bound<'_, PyAny>,
) -> PyResult<()> {
    let py = event_loop.py();
    let options = PyDict::new(py);
    if let Some(context) = context {
        options.set_item(intern!(py, "context"), context)?;
    }
    event_loop.call_method(intern!(py, "call_soon"), (function, over), Some(&options))?;
    Ok(())
}

/// What `Context.run` does around a call, without looking the method up for every response.
pub(crate) struct Entered<'a, 'py>(&'a Bound<'py, PyAny>);

impl<'a, 'py> Entered<'a, 'py> {
    pub(crate) fn new(context: &'a Bound<'py, PyAny>) -> PyResult<Self> {
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
