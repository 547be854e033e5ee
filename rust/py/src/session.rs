//! What one virtual user may ask of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::import_exception;
use pyo3::prelude::*;
use tenantry_core::failure::FailureKind;
use tenantry_core::http::{Endpoint, Job};
use tenantry_core::queue::Exchange;
use tenantry_core::record::Record;
use tenantry_core::sample::{IterationRecord, Origin, Outcome, Sample};
use tenantry_core::scheduler::{Iteration, Next};

use crate::hub::Hub;
use crate::pending::{Pending, Waiting};

import_exception!(tenantry.errors, UsageError);

/// One virtual user's connections and place in the schedule.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Session(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) hub: Arc<Hub>,
    pub(crate) stream: u32,
    index: u32,
    vu: u32,
    tenant: i32,
    headers: Arc<HeaderMap>,
    timeout: Duration,
    recorded: bool,
    interrupted: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    current: Option<(Iteration, i64)>,
    script: i64,
    turn: u64,
    first_request: bool,
    last: Option<Arc<Exchange>>,
    last_failed: bool,
}

/// What a session is for; crosses from Python by name.
#[derive(FromPyObject)]
pub(crate) struct SessionOptions {
    #[pyo3(item)]
    stream: u32,
    #[pyo3(item)]
    index: u32,
    #[pyo3(item)]
    vu: u32,
    #[pyo3(item)]
    tenant: i32,
    #[pyo3(item)]
    headers: Vec<(String, String)>,
    #[pyo3(item)]
    recorded: bool,
}

impl Session {
    pub(crate) fn new(hub: &Arc<Hub>, options: SessionOptions, user_agent: &HeaderValue, timeout: Duration) -> PyResult<Self> {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::USER_AGENT, user_agent.clone());
        headers.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
        headers.insert(HOST, hub.engine.target.endpoint().authority.clone());
        for header in options.headers {
            let (name, value) = parse_header(&header)?;
            headers.insert(name, value);
        }
        Ok(Self(Arc::new(Inner {
            hub: Arc::clone(hub),
            stream: options.stream,
            index: options.index,
            vu: options.vu,
            tenant: options.tenant,
            headers: Arc::new(headers),
            timeout,
            recorded: options.recorded,
            interrupted: AtomicBool::new(false),
            state: Mutex::default(),
        })))
    }
}

fn parse_header((name, value): &(String, String)) -> PyResult<(HeaderName, HeaderValue)> {
    let fault = || UsageError::new_err(format!("{name:?}: {value:?} is not a header that HTTP allows"));
    Ok((HeaderName::try_from(name).map_err(|_| fault())?, HeaderValue::try_from(value).map_err(|_| fault())?))
}

/// Headers beyond those of the session: the host when it is not the target's, the content type, what the script gave.
fn own_headers(options: &RequestOptions, endpoint: &Arc<Endpoint>, target: &Arc<Endpoint>) -> PyResult<Vec<(HeaderName, HeaderValue)>> {
    let mut own = Vec::new();
    if !Arc::ptr_eq(endpoint, target) {
        own.push((HOST, endpoint.authority.clone()));
    }
    if let Some(kind) = &options.content_type {
        own.push((CONTENT_TYPE, HeaderValue::try_from(kind).map_err(|error| UsageError::new_err(error.to_string()))?));
    }
    for header in &options.headers {
        own.push(parse_header(header)?);
    }
    Ok(own)
}

/// What distinguishes a request beyond method and URL; crosses from Python by name.
#[derive(Default)]
struct RequestOptions {
    name: Option<String>,
    group: String,
    body: Bytes,
    content_type: Option<String>,
    headers: Vec<(String, String)>,
    expect: Vec<u16>,
    timeout: Option<Duration>,
}

#[pymethods]
impl Session {
    /// The next iteration: the index of its scenario, None when the VU has nothing more to do, or an awaitable of either.
    ///
    /// An iteration that starts at once needs no awaitable, and most of a closed profile do.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let inner = &self.0;
        let token = inner.hub.slots.reserve();
        match inner.hub.engine.scheduler.next(inner.stream, inner.index, token) {
            Next::Wait => {
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
        Ok(!self.0.state.lock().first_request)
    }

    #[pyo3(signature = (method, url, *, name=None, group=None, body=None, content_type=None, headers=None, expect=None, timeout_s=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of one Python call, handed on as one struct")]
    fn request(
        &self,
        py: Python<'_>,
        method: &str,
        url: &str,
        name: Option<String>,
        group: Option<String>,
        body: Option<Vec<u8>>,
        content_type: Option<String>,
        headers: Option<&Bound<'_, PyAny>>,
        expect: Option<Vec<u16>>,
        timeout_s: Option<f64>,
    ) -> PyResult<Py<Pending>> {
        let headers = match headers {
            Some(mapping) => mapping.call_method0("items")?.try_iter()?.map(|item| item?.extract()).collect::<PyResult<_>>()?,
            None => Vec::new(),
        };
        let timeout = match timeout_s {
            Some(seconds) => {
                Some(Duration::try_from_secs_f64(seconds).map_err(|_| UsageError::new_err(format!("timeout {seconds} s is negative")))?)
            }
            None => None,
        };
        let options = RequestOptions {
            name,
            group: group.unwrap_or_default(),
            body: body.unwrap_or_default().into(),
            content_type,
            headers,
            expect: expect.unwrap_or_default(),
            timeout,
        };
        self.0.request(py, method, url, options)
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
    #[pyo3(signature = (name, ok, group="", /))]
    fn check(&self, name: &str, ok: bool, group: &str) {
        self.0.check(name, ok, group, None);
    }

    /// Nanoseconds since the start of the load.
    fn now_ns(&self) -> i64 {
        self.0.hub.engine.load_ns()
    }

    /// The run gives up on this VU: what is aborted from now on is no failure of the app.
    fn interrupt(&self) {
        self.0.interrupted.store(true, Ordering::Relaxed);
    }

    /// Closes the VU's connections.
    fn close(&self) {
        self.0.hub.engine.client.forget(self.0.vu);
    }
}

impl Inner {
    /// Starts an iteration now; the script gets the index of its scenario.
    pub(crate) fn begin(&self, py: Python<'_>, iteration: Iteration) -> PyResult<Py<PyAny>> {
        let now = self.hub.engine.clock.now_ns();
        self.hub.resumed.store(now, Ordering::Relaxed);
        *self.state.lock() = State {
            current: Some((iteration, now)),
            script: 0,
            turn: self.hub.turn.load(Ordering::Relaxed),
            first_request: true,
            last: None,
            last_failed: false,
        };
        self.hub.engine.scheduler.count_busy(self.stream, 1);
        Ok(iteration.scenario.into_pyobject(py)?.into_any().unbind())
    }

    pub(crate) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// The script of this VU waits again, or has ended: what it took since it was resumed is its iteration's. Returns the time.
    pub(crate) fn worked(&self) -> i64 {
        let now = self.hub.engine.clock.now_ns();
        let resumed = self.hub.resumed.swap(now, Ordering::Relaxed);
        if resumed != 0 {
            self.state.lock().script += now - resumed;
        }
        now
    }

    fn end(&self, outcome: Outcome) {
        let end = self.worked();
        let (current, script) = {
            let mut state = self.state.lock();
            (state.current.take(), state.script)
        };
        let Some((iteration, start)) = current else {
            return;
        };
        let engine = &self.hub.engine;
        engine.scheduler.count_busy(self.stream, -1);
        engine.record(Record::Iteration(IterationRecord {
            stream: iteration.stream,
            scenario: iteration.scenario,
            intended_start: iteration.intended_start,
            start,
            end,
            outcome,
            scheduled: iteration.scheduled,
            script,
        }));
    }

    fn request(self: &Arc<Self>, py: Python<'_>, method: &str, url: &str, options: RequestOptions) -> PyResult<Py<Pending>> {
        let engine = &self.hub.engine;
        let start = engine.clock.now_ns();
        let (endpoint, uri) = engine.target.resolve(url).map_err(|error| UsageError::new_err(error.to_string()))?;
        let method_name = method;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| UsageError::new_err(format!("{method:?} is not an HTTP method")))?;
        let own_headers = own_headers(&options, &endpoint, engine.target.endpoint())?;
        let token = self.hub.slots.reserve();
        engine.client.send(Job {
            token,
            endpoint,
            method,
            uri,
            headers: Arc::clone(&self.headers),
            own_headers,
            body: options.body,
            origin: self.origin(method_name, url, options.name.as_deref(), &options.group, start),
            timeout: options.timeout.unwrap_or(self.timeout),
            expect: options.expect.into_boxed_slice(),
            recorded: self.recorded,
        });
        Pending::waiting(py, &self.hub, Waiting::Request(Arc::clone(self)), token)
    }

    /// Who asks, and since when: the first request of an iteration carries the iteration's start delay. A script that waited for
    /// something else before it is not late by that wait.
    fn origin(&self, method: &str, url: &str, name: Option<&str>, group: &str, start: i64) -> Origin {
        let engine = &self.hub.engine;
        let mut state = self.state.lock();
        let first = std::mem::take(&mut state.first_request);
        let (scenario, number, intended_start) = match &state.current {
            Some((iteration, begun)) => {
                let at_once = state.turn == self.hub.turn.load(Ordering::Relaxed) && iteration.scheduled;
                let intended = if at_once { iteration.intended_start } else { start - (begun - iteration.intended_start) };
                (iteration.scenario, iteration.number, if first { intended } else { start })
            }
            None => (u32::MAX, 0, start),
        };
        let series = match name {
            Some(name) => engine.names.series(scenario, group, name),
            None => engine.names.series(scenario, group, &format!("{method} {}", path_of(url))),
        };
        let id = engine.next_request();
        Origin { id, series, vu: self.vu, iteration: number, tenant: self.tenant, intended_start, start }
    }

    /// Remembers the newest response, so that a failed check can be counted against it.
    pub(crate) fn answered(&self, exchange: &Arc<Exchange>) {
        let mut state = self.state.lock();
        state.last_failed = exchange.sample.failure.is_some();
        state.last = Some(Arc::clone(exchange));
    }

    /// Counts a check on `exchange`, by default the last response of this VU.
    pub(crate) fn check(&self, name: &str, ok: bool, group: &str, exchange: Option<&Arc<Exchange>>) {
        if !self.recorded {
            return;
        }
        let mut state = self.state.lock();
        let scenario = state.current.as_ref().map_or(u32::MAX, |(iteration, _)| iteration.scenario);
        self.hub.engine.names.count_check(scenario, group, name, ok);
        if ok {
            return;
        }
        let is_last = exchange.is_none_or(|exchange| state.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, exchange)));
        if is_last && !state.last_failed {
            state.last_failed = true;
            if let Some(last) = &state.last {
                let sample = Sample { failure: Some(FailureKind::Check), detail: Some(name.into()), ..last.sample.clone() };
                self.hub.engine.record(Record::CheckFailed(sample));
            }
        }
    }
}

/// The path of a URL, without scheme, host, query and fragment.
fn path_of(url: &str) -> &str {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => url,
    };
    path.find(['?', '#']).and_then(|at| path.get(..at)).unwrap_or(path)
}
