//! A response that the script reads while it comes in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tenantry_core::http::{Inflow, Piece};
use tenantry_core::queue::Token;

use crate::inner::Inner as SessionInner;
use crate::pending::{Pending, Waiting};
use crate::response::Response;

/// A response on its way. An awaitable that it gives means: ask again after it.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Stream {
    session: Arc<SessionInner>,
    token: Token,
    inflow: Arc<Inflow>,
    ended: AtomicBool,
}

impl Stream {
    pub(crate) fn new(session: Arc<SessionInner>, token: Token, inflow: Arc<Inflow>) -> Self {
        Self { session, token, inflow, ended: AtomicBool::new(false) }
    }

    fn wait<'py>(&self, py: Python<'py>, token: Token) -> PyResult<Bound<'py, PyAny>> {
        Ok(Pending::waiting(py, &self.session.hub, Waiting::Pause(Arc::clone(&self.session)), token)?.into_bound(py).into_any())
    }
}

#[pymethods]
impl Stream {
    /// The response, without its body, or an awaitable.
    fn head<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let slots = &self.session.hub.slots;
        let token = slots.reserve();
        // The awaitable must exist before the engine can resume it.
        let pending = self.wait(py, token)?;
        let Some(exchange) = self.inflow.head(token) else {
            return Ok(pending);
        };
        slots.release(token);
        self.session.answered(&exchange);
        Ok(Bound::new(py, Response::new(exchange, Arc::clone(&self.session)))?.into_any())
    }

    /// The next piece of the body, the response when it has ended, or an awaitable.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let slots = &self.session.hub.slots;
        let token = slots.reserve();
        let pending = self.wait(py, token)?;
        match self.inflow.next(token) {
            Piece::Wait => Ok(pending),
            Piece::Bytes(piece) => {
                slots.release(token);
                Ok(PyBytes::new(py, &piece).into_any())
            }
            Piece::End(exchange) => {
                slots.release(token);
                self.ended.store(true, Ordering::Relaxed);
                slots.release(self.token);
                self.session.answered(&exchange);
                Ok(Bound::new(py, Response::new(exchange, Arc::clone(&self.session)))?.into_any())
            }
        }
    }

    /// Gives the rest of the response up; its connection is closed. The request counts as cancelled only if `failed`.
    fn close(&self, failed: bool) {
        if !self.ended.swap(true, Ordering::Relaxed) {
            let hub = &self.session.hub;
            hub.engine.client.cancel(self.token, failed && !self.session.is_interrupted());
            hub.slots.release(self.token);
        }
    }
}
