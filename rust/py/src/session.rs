//! What one virtual user may ask of the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::HeaderValue;
use pyo3::exceptions::PyValueError;
use pyo3::import_exception;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tenantry_core::http::Inflow;
use tenantry_core::sample::Outcome;
use tenantry_core::scheduler::Next;

use crate::hub::Hub;
use crate::inner::{Inner, Place};
use crate::options::RequestOptions;
use crate::pending::{Pending, Waiting};
use crate::stream::Stream;

import_exception!(tenantry.errors, UsageError);

/// One virtual user's connections and place in the schedule.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Session(Arc<Inner>);

/// What a session is for; crosses from Python by name.
#[derive(FromPyObject)]
pub(crate) struct SessionOptions {
    #[pyo3(item)]
    pub(crate) stream: u32,
    #[pyo3(item)]
    pub(crate) index: u32,
    #[pyo3(item)]
    pub(crate) vu: u32,
    #[pyo3(item)]
    pub(crate) tenant: i32,
    #[pyo3(item)]
    pub(crate) headers: Vec<(String, String)>,
    #[pyo3(item)]
    pub(crate) recorded: bool,
}

impl Session {
    pub(crate) fn new(hub: &Arc<Hub>, options: SessionOptions, user_agent: &HeaderValue, timeout: Duration) -> PyResult<Self> {
        Ok(Self(Arc::new(Inner::new(hub, options, user_agent, timeout)?)))
    }
}

#[pymethods]
impl Session {
    /// The next iteration: the index of its scenario, None when the VU has nothing more to do, or an awaitable of either.
    ///
    /// An iteration that starts at once needs no awaitable, and most of a closed profile do.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let inner = &self.0;
        let token = inner.hub.slots.reserve();
        let next = inner.hub.engine.scheduler.next(inner.stream, inner.index, token);
        if next == Next::Rest {
            inner.hub.engine.client.forget(inner.vu);
        }
        match next {
            Next::Wait | Next::Rest => {
                let pending = Pending::waiting(py, &inner.hub, Waiting::Iteration(Arc::clone(inner)), token)?;
                Ok(pending.into_bound(py).into_any())
            }
            Next::Start(iteration) => {
                inner.hub.slots.release(token);
                Ok(inner.begin(py, iteration)?.into_bound(py))
            }
            Next::End => {
                inner.hub.slots.release(token);
                Ok(py.None().into_bound(py))
            }
        }
    }

    /// Ends the current iteration as `completed`, `failed`, `error` or `interrupted`; tells whether it sent a request.
    fn done(&self, outcome: &str) -> PyResult<bool> {
        let outcome = match outcome {
            "completed" => Outcome::Completed,
            "failed" => Outcome::Failed,
            "error" => Outcome::Error,
            "interrupted" => Outcome::Interrupted,
            other => return Err(PyValueError::new_err(format!("no such outcome: {other}"))),
        };
        self.0.end(outcome);
        Ok(self.0.has_asked())
    }

    /// Starts a request; the options are those of `tenantry.types.RequestOptions`.
    #[pyo3(signature = (method, url, **options))]
    fn request(&self, method: &str, url: &Bound<'_, PyString>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Pending>> {
        let options = RequestOptions::of(options)?;
        let token = self.0.hub.slots.reserve();
        self.0.send(method, url, options, token, None).inspect_err(|_| self.0.hub.slots.release(token))?;
        Pending::waiting(url.py(), &self.0.hub, Waiting::Request(Arc::clone(&self.0)), token)
    }

    /// Starts a request whose response is read while it comes in.
    #[pyo3(signature = (method, url, **options))]
    fn stream(&self, method: &str, url: &Bound<'_, PyString>, options: Option<&Bound<'_, PyDict>>) -> PyResult<Stream> {
        let options = RequestOptions::of(options)?;
        let hub = &self.0.hub;
        let (token, inflow) = (hub.slots.reserve(), Arc::new(Inflow::new(Arc::clone(&hub.engine.completions))));
        self.0.send(method, url, options, token, Some(Arc::clone(&inflow))).inspect_err(|_| hub.slots.release(token))?;
        Ok(Stream::new(Arc::clone(&self.0), token, inflow))
    }

    /// Name and value of the cookies that a request to `url` would carry.
    fn cookies(&self, url: &str) -> PyResult<Vec<(String, String)>> {
        let url = self.0.url_of(url)?;
        Ok(self.0.jar.as_ref().map(|jar| jar.of(&url)).unwrap_or_default())
    }

    /// Sets a cookie for the host of `url`; false when this VU keeps no cookies or it cannot be one.
    fn set_cookie(&self, name: &str, value: &str, url: &str) -> PyResult<bool> {
        let url = self.0.url_of(url)?;
        Ok(self.0.jar.as_ref().is_some_and(|jar| jar.set(name, value, &url)))
    }

    /// Forgets all cookies.
    fn clear_cookies(&self) {
        if let Some(jar) = &self.0.jar {
            jar.clear();
        }
    }

    /// Resumes after `seconds`.
    #[pyo3(signature = (seconds, /))]
    fn pause(&self, py: Python<'_>, seconds: f64) -> PyResult<Py<Pending>> {
        let engine = &self.0.hub.engine;
        let length =
            Duration::try_from_secs_f64(seconds).map_err(|_| UsageError::new_err(format!("a pause of {seconds} s is not possible")))?;
        let at = engine.clock.now_ns().saturating_add(i64::try_from(length.as_nanos()).unwrap_or(i64::MAX));
        let token = self.0.hub.slots.reserve();
        engine.scheduler.pause(token, at);
        Pending::waiting(py, &self.0.hub, Waiting::Pause(Arc::clone(&self.0)), token)
    }

    /// Counts a check; a failed one makes the last response of this VU a failure.
    #[pyo3(signature = (name, ok, group=None, tags=None, /))]
    fn check(
        &self,
        name: &Bound<'_, PyString>,
        ok: bool,
        group: Option<&Bound<'_, PyString>>,
        tags: Option<BTreeMap<String, String>>,
    ) -> PyResult<()> {
        self.0.check(name, ok, Place { group, tags: &tags.into_iter().flatten().collect::<Vec<_>>() }, None)
    }

    /// Takes a value of one of the run's metrics.
    #[pyo3(signature = (metric, value, group="", tags=None, /))]
    fn measure(&self, metric: &str, value: f64, group: &str, tags: Option<BTreeMap<String, String>>) -> PyResult<()> {
        if !value.is_finite() {
            return Err(UsageError::new_err(format!("the metric {metric} was given {value}, which is no number")));
        }
        if self.0.measure(metric, value, group, &tags.into_iter().flatten().collect::<Vec<_>>()) {
            return Ok(());
        }
        Err(UsageError::new_err(format!("the run has no metric {metric}: it was not declared when the scenario file was loaded")))
    }

    /// From now on the VU acts as another user: other headers, other tenant, no cookies, none of the connections that the last one made.
    #[pyo3(signature = (tenant, headers, /))]
    fn identify(&self, tenant: i32, headers: Vec<(String, String)>) -> PyResult<()> {
        self.0.identify(tenant, &headers)
    }

    /// Whether requests, checks and values of metrics are recorded from now on.
    #[pyo3(signature = (recorded, /))]
    fn record(&self, recorded: bool) {
        self.0.recorded.store(recorded, Ordering::Relaxed);
    }

    /// Nanoseconds since the start of the load.
    fn now_ns(&self) -> i64 {
        self.0.hub.engine.load_ns()
    }

    /// The run gives up on this VU's iteration: what is aborted until the next one begins is no failure of the app.
    fn interrupt(&self) {
        self.0.interrupted.store(true, Ordering::Relaxed);
    }

    /// Closes the VU's connections.
    fn close(&self) {
        self.0.hub.engine.client.forget(self.0.vu);
    }
}
