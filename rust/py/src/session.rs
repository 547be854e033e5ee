//! What one virtual user may ask of the engine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderValue, Method};
use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::import_exception;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use tenantry_core::failure::FailureKind;
use tenantry_core::http::codings::ACCEPTED;
use tenantry_core::http::{Body, Headers, Inflow, Jar, Job};
use tenantry_core::queue::{Exchange, Token};
use tenantry_core::record::{Record, Tags};
use tenantry_core::sample::{IterationRecord, Origin, Outcome, Sample};
use tenantry_core::scheduler::{Iteration, Next};

use crate::hub::{Hub, Route};
use crate::options::{RequestOptions, parse_header};
use crate::pending::{Pending, Waiting};
use crate::stream::Stream;

import_exception!(tenantry.errors, UsageError);

/// One virtual user's connections and place in the schedule.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Session(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) hub: Arc<Hub>,
    pub(crate) stream: u32,
    index: u32,
    vu: u32,
    identity: Mutex<Identity>,
    user_agent: HeaderValue,
    jar: Option<Arc<Jar>>,
    timeout: Duration,
    recorded: AtomicBool,
    interrupted: AtomicBool,
    state: Mutex<State>,
}

/// Who the virtual user acts as.
#[derive(Clone)]
struct Identity {
    tenant: i32,
    headers: Arc<Headers>,
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
        let headers = Arc::new(all_headers(hub, user_agent, &options.headers)?);
        Ok(Self(Arc::new(Inner {
            hub: Arc::clone(hub),
            stream: options.stream,
            index: options.index,
            vu: options.vu,
            identity: Mutex::new(Identity { tenant: options.tenant, headers }),
            user_agent: user_agent.clone(),
            jar: hub.http.cookies.then(Arc::default),
            timeout,
            recorded: AtomicBool::new(options.recorded),
            interrupted: AtomicBool::new(false),
            state: Mutex::default(),
        })))
    }
}

/// The headers of every request of a virtual user: those that all send, and `own`, which win.
fn all_headers(hub: &Hub, user_agent: &HeaderValue, own: &[(String, String)]) -> PyResult<Headers> {
    let mut headers = vec![(USER_AGENT, user_agent.clone()), (ACCEPT, HeaderValue::from_static("*/*"))];
    if hub.http.compressed {
        headers.push((ACCEPT_ENCODING, HeaderValue::from_static(ACCEPTED)));
    }
    for header in own {
        headers.push(parse_header(header)?);
    }
    Ok(Headers::new(headers))
}

/// A group, and the tags that hold in it.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a, 'py> {
    pub(crate) group: Option<&'a Bound<'py, PyString>>,
    pub(crate) tags: &'a Tags,
}

impl Place<'_, '_> {
    /// The group's name; none is the empty one.
    fn group(&self) -> PyResult<&str> {
        self.group.map_or(Ok(""), |group| group.to_str())
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
        self.interrupted.store(false, Ordering::Relaxed);
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
        engine.scheduler.count_busy(self.stream, -1);
    }

    fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Relaxed)
    }

    fn identify(&self, tenant: i32, headers: &[(String, String)]) -> PyResult<()> {
        let headers = Arc::new(all_headers(&self.hub, &self.user_agent, headers)?);
        *self.identity.lock() = Identity { tenant, headers };
        if let Some(jar) = &self.jar {
            jar.clear();
        }
        self.hub.engine.client.forget(self.vu);
        Ok(())
    }

    /// Takes a value; false when the run has no such metric.
    fn measure(&self, metric: &str, value: f64, group: &str, tags: &Tags) -> bool {
        let engine = &self.hub.engine;
        let scenario = self.state.lock().current.as_ref().map_or(u32::MAX, |(iteration, _)| iteration.scenario);
        !self.is_recorded() || engine.measures.measure(scenario, group, metric, tags, value, engine.clock.now_ns())
    }

    /// Hands a request to the engine.
    fn send(
        &self,
        method: &str,
        url: &Bound<'_, PyString>,
        mut options: RequestOptions<'_>,
        token: Token,
        inflow: Option<Arc<Inflow>>,
    ) -> PyResult<()> {
        let engine = &self.hub.engine;
        let start = engine.clock.now_ns();
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| UsageError::new_err(format!("{method:?} is not an HTTP method")))?;
        let own_headers = options.own_headers()?;
        let (scenario, iteration, intended_start) = self.place(start);
        let route = match (&options.name, number_of(&method)) {
            (None, Some(number)) if options.tags.is_empty() => {
                let key = u64::from(scenario) << 8 | number;
                self.hub.routes.get(url, options.group.as_ref(), key, || self.route(&method, url, &options, scenario))?
            }
            _ => self.route(&method, url, &options, scenario)?,
        };
        let (id, series) = (engine.next_request(), route.series);
        let redirects = if inflow.is_some() { 0 } else { options.redirects.unwrap_or(self.hub.redirects) };
        let who = self.identity.lock().clone();
        engine.client.send(Job {
            token,
            endpoint: route.endpoint,
            method,
            path: route.path,
            headers: who.headers,
            own_headers,
            rules: options.rules(inflow),
            body: options.body.unwrap_or(Body::Bytes(Bytes::new())),
            origin: Origin { id, series, vu: self.vu, iteration, tenant: who.tenant, intended_start, start },
            timeout: options.timeout.unwrap_or(self.timeout),
            expect: options.expect.into_boxed_slice(),
            recorded: self.is_recorded(),
            jar: self.jar.clone(),
            redirects,
        });
        Ok(())
    }

    fn url_of(&self, url: &str) -> PyResult<url::Url> {
        let (endpoint, path) = self.hub.engine.target.resolve(url).map_err(|error| UsageError::new_err(error.to_string()))?;
        endpoint.url(&path).ok_or_else(|| UsageError::new_err(format!("{url:?} is not a URL")))
    }

    /// Scenario, iteration and intended start of a request that starts now: the first one of an iteration carries the iteration's start
    /// delay. A script that waited for something else before it is not late by that wait.
    fn place(&self, start: i64) -> (u32, u64, i64) {
        let mut state = self.state.lock();
        let first = std::mem::take(&mut state.first_request);
        let Some((iteration, begun)) = &state.current else {
            return (u32::MAX, 0, start);
        };
        let at_once = state.turn == self.hub.turn.load(Ordering::Relaxed) && iteration.scheduled;
        let intended = if at_once { iteration.intended_start } else { start - (begun - iteration.intended_start) };
        (iteration.scenario, iteration.number, if first { intended } else { start })
    }

    fn route(&self, method: &Method, url: &Bound<'_, PyString>, options: &RequestOptions<'_>, scenario: u32) -> PyResult<Route> {
        let engine = &self.hub.engine;
        let url = url.to_str()?;
        let place = Place { group: options.group.as_ref(), tags: &options.tags };
        let group = place.group()?;
        let (endpoint, path) = engine.target.resolve(url).map_err(|error| UsageError::new_err(error.to_string()))?;
        let series = match &options.name {
            Some(name) => engine.names.series(scenario, group, name, place.tags),
            None => engine.names.request_series(scenario, group, method.as_str(), path_of(url), place.tags),
        };
        Ok(Route { endpoint, path, series })
    }

    /// Remembers the newest response, so that a failed check can be counted against it.
    pub(crate) fn answered(&self, exchange: &Arc<Exchange>) {
        let mut state = self.state.lock();
        state.last_failed = exchange.sample.failure.is_some();
        state.last = Some(Arc::clone(exchange));
    }

    /// Counts a check on `exchange`, by default the last response of this VU.
    pub(crate) fn check(
        &self,
        name: &Bound<'_, PyString>,
        ok: bool,
        place: Place<'_, '_>,
        exchange: Option<&Arc<Exchange>>,
    ) -> PyResult<()> {
        if !self.is_recorded() {
            return Ok(());
        }
        let mut state = self.state.lock();
        let scenario = state.current.as_ref().map_or(u32::MAX, |(iteration, _)| iteration.scenario);
        let names = &self.hub.engine.names;
        let make = || Ok(names.check(scenario, place.group()?, name.to_str()?, place.tags));
        let check = if place.tags.is_empty() { self.hub.checks.get(name, place.group, u64::from(scenario), make)? } else { make()? };
        names.count_check(check, ok);
        if ok {
            return Ok(());
        }
        let is_last = exchange.is_none_or(|exchange| state.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, exchange)));
        if is_last && !state.last_failed {
            state.last_failed = true;
            if let Some(last) = &state.last {
                let detail = Some(name.to_str()?.into());
                self.hub.engine.record(Record::CheckFailed(Sample { failure: Some(FailureKind::Check), detail, ..last.sample.clone() }));
            }
        }
        Ok(())
    }
}

/// A number for each method of HTTP.
fn number_of(method: &Method) -> Option<u64> {
    let known = [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    (0..).zip(&known).find_map(|(number, one)| (one == method).then_some(number))
}

/// The path of a URL, without scheme, host, query and fragment.
fn path_of(url: &str) -> &str {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/"),
        None => url,
    };
    path.find(['?', '#']).and_then(|at| path.get(..at)).unwrap_or(path)
}
