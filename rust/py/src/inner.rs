//! What a virtual user's session holds: who it is, where it is in the schedule, and its way to the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, USER_AGENT};
use http::{HeaderValue, Method};
use parking_lot::Mutex;
use pyo3::import_exception;
use pyo3::prelude::*;
use pyo3::types::PyString;
use tenantry_core::failure::FailureKind;
use tenantry_core::http::codings::ACCEPTED;
use tenantry_core::http::{Body, Evidence, Headers, Inflow, Jar, Job};
use tenantry_core::queue::{Exchange, Token};
use tenantry_core::record::{Record, Tags};
use tenantry_core::sample::{Extras, IterationRecord, Origin, Outcome, Sample};
use tenantry_core::scheduler::Iteration;

use crate::hub::{Hub, Route};
use crate::options::{RequestOptions, parse_header};
use crate::session::SessionOptions;

import_exception!(tenantry.errors, UsageError);

pub(crate) struct Inner {
    pub(crate) hub: Arc<Hub>,
    pub(crate) stream: u32,
    pub(crate) index: u32,
    pub(crate) vu: u32,
    identity: Mutex<Identity>,
    user_agent: HeaderValue,
    pub(crate) jar: Option<Arc<Jar>>,
    timeout: Duration,
    pub(crate) recorded: AtomicBool,
    pub(crate) interrupted: AtomicBool,
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

impl Inner {
    pub(crate) fn new(hub: &Arc<Hub>, options: SessionOptions, user_agent: &HeaderValue, timeout: Duration) -> PyResult<Self> {
        let headers = Arc::new(all_headers(hub, user_agent, &options.headers)?);
        Ok(Self {
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
        })
    }

    /// Whether the current iteration, or the last one, has sent a request.
    pub(crate) fn has_asked(&self) -> bool {
        !self.state.lock().first_request
    }

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

    pub(crate) fn end(&self, outcome: Outcome) {
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

    pub(crate) fn is_recorded(&self) -> bool {
        self.recorded.load(Ordering::Relaxed)
    }

    pub(crate) fn identify(&self, tenant: i32, headers: &[(String, String)]) -> PyResult<()> {
        let headers = Arc::new(all_headers(&self.hub, &self.user_agent, headers)?);
        *self.identity.lock() = Identity { tenant, headers };
        if let Some(jar) = &self.jar {
            jar.clear();
        }
        self.hub.engine.client.forget(self.vu);
        Ok(())
    }

    /// Takes a value; false when the run has no such metric.
    pub(crate) fn measure(&self, metric: &str, value: f64, group: &str, tags: &Tags) -> bool {
        let engine = &self.hub.engine;
        let scenario = self.state.lock().current.as_ref().map_or(u32::MAX, |(iteration, _)| iteration.scenario);
        !self.is_recorded() || engine.measures.measure(scenario, group, metric, tags, value, engine.clock.now_ns())
    }

    /// Hands a request to the engine.
    pub(crate) fn send(
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

    pub(crate) fn url_of(&self, url: &str) -> PyResult<url::Url> {
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
        let scenario = self.state.lock().current.as_ref().map_or(u32::MAX, |(iteration, _)| iteration.scenario);
        let (names, text) = (&self.hub.engine.names, name.to_str()?);
        let make = || Ok(names.check(scenario, place.group()?, text, place.tags));
        let check = if place.tags.is_empty() { self.hub.checks.get(name, place.group, u64::from(scenario), make)? } else { make()? };
        names.count_check(check, ok);
        if ok {
            return Ok(());
        }
        // Only now the lock: what remembers the name may free another one, and with it run Python.
        let mut state = self.state.lock();
        let is_last = exchange.is_none_or(|exchange| state.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, exchange)));
        if is_last && !state.last_failed {
            state.last_failed = true;
            if let Some(last) = &state.last {
                let detail = Some(text.into());
                let response = Evidence::of_response(last.sample.status, &last.message);
                let evidence = Some(Evidence { response, ..Evidence::default() });
                let extras = Some(Box::new(Extras { evidence, ..Extras::default() }));
                let sample = Sample { failure: Some(FailureKind::Check), detail, extras, ..last.sample.clone() };
                self.hub.engine.record(Record::CheckFailed(sample));
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
