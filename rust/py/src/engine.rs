//! The engine as Python sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use http::HeaderValue;
use pyo3::import_exception;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tenantry_core::engine::{Engine as CoreEngine, EngineError};
use tenantry_core::http::ClientError;
use tenantry_core::plan::Plan;
use tenantry_core::record::{Record, this_thread};
use tenantry_core::scheduler::{Control, Order};

use crate::direct::{Direct, Tasks};
use crate::hub::Hub;
use crate::labels::Labels;
use crate::pending::{Pending, Waiting};
use crate::session::{Session, SessionOptions};
use crate::slots::Slots;

import_exception!(tenantry.errors, EnvironmentFault);
import_exception!(tenantry.errors, UsageError);

/// (bucket, count) pairs of a histogram.
type Buckets = Vec<(u32, u64)>;

/// One run's engine. Made, drained and finished on the thread of the event loop.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Engine {
    hub: Arc<Hub>,
    user_agent: HeaderValue,
    timeout: Duration,
}

#[pymethods]
impl Engine {
    /// Starts the engine's threads for `plan` (JSON); tasks of `event_loop` will wait for it.
    #[new]
    fn new(plan: &[u8], event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let plan = read_plan(plan)?;
        let user_agent = HeaderValue::try_from(&plan.user_agent).map_err(|error| UsageError::new_err(error.to_string()))?;
        let timeout = Duration::from_nanos(plan.request_timeout_ns);
        let http = plan.http.clone();
        let engine = CoreEngine::new(plan, this_thread()).map_err(|error| match error {
            EngineError::Target(error) => UsageError::new_err(error.to_string()),
            EngineError::Client(ClientError::System(error)) => EnvironmentFault::new_err(error.to_string()),
            EngineError::Client(error) => UsageError::new_err(error.to_string()),
            EngineError::Drill(error) => UsageError::new_err(error.to_string()),
            EngineError::Profile(error) => UsageError::new_err(error.to_string()),
            EngineError::System(error) => EnvironmentFault::new_err(error.to_string()),
        })?;
        let hub = Arc::new(Hub {
            engine,
            slots: Slots::default(),
            tasks: Tasks::of(event_loop)?,
            event_loop: event_loop.clone().unbind(),
            turn: AtomicU64::new(0),
            redirects: http.redirects,
            http,
            checks: Labels::default(),
            routes: Labels::default(),
            resumed: AtomicI64::new(0),
        });
        Ok(Self { hub, user_agent, timeout })
    }

    /// The descriptor that is readable when `drain` has something to do.
    fn fileno(&self) -> i32 {
        self.hub.engine.completions.fd()
    }

    /// Resumes the tasks whose results have come.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        self.hub.drain(py)
    }

    /// `coroutine`, to be the coroutine of a task or awaited in one: its waits for the engine end without the task.
    #[pyo3(signature = (coroutine, /))]
    fn direct(&self, coroutine: Py<PyAny>) -> Direct {
        Direct::new(&self.hub, coroutine)
    }

    /// A virtual user's side of the engine.
    #[pyo3(signature = (**options))]
    fn session(&self, options: Option<SessionOptions>) -> PyResult<Session> {
        let options = options.ok_or_else(|| UsageError::new_err("a session needs stream, index, vu, tenant, headers and recorded"))?;
        Session::new(&self.hub, options, &self.user_agent, self.timeout)
    }

    /// Fixes the start of the load, `lead_s` seconds from now; returns it on the machine's clock, for `start_at` of other processes.
    fn start(&self, lead_s: f64) -> i64 {
        self.hub.engine.start(Duration::try_from_secs_f64(lead_s).unwrap_or_default())
    }

    /// Fixes the start of the load as another process did.
    fn start_at(&self, at_ns: i64) {
        self.hub.engine.start_at(at_ns);
    }

    /// Starts no more iterations.
    fn stop(&self) {
        self.hub.engine.scheduler.stop();
    }

    /// Changes the load while it goes on, by an order (JSON); returns the names of the streams that it concerns.
    fn control(&self, order: &[u8]) -> PyResult<Vec<String>> {
        let order: Control =
            serde_json::from_slice(order).map_err(|error| UsageError::new_err(format!("the engine does not take this order: {error}")))?;
        self.hub.engine.scheduler.control(&order).map_err(|refused| UsageError::new_err(refused.to_string()))
    }

    /// What is to be done next while the load runs: a word, the index of the stream, and that of the VU in it.
    fn order(&self, py: Python<'_>) -> PyResult<Py<Pending>> {
        let token = self.hub.slots.reserve();
        let pending = Pending::waiting(py, &self.hub, Waiting::Order, token)?;
        self.hub.engine.scheduler.listen(token);
        Ok(pending)
    }

    /// Lets the VUs work that send the requests of the plan's drill; over when the last one has ended, and cut off when cancelled.
    fn drill(&self, py: Python<'_>) -> PyResult<Py<Pending>> {
        let token = self.hub.slots.reserve();
        let pending = Pending::waiting(py, &self.hub, Waiting::Drill, token)?;
        self.hub.engine.client.drill(token);
        Ok(pending)
    }

    /// Ends the VUs of the plan's drill, with the requests that they wait for.
    fn cut_off(&self) {
        self.hub.engine.client.cut_off();
    }

    /// Nanoseconds from the start of the load to its end; None before the start.
    fn load_end_ns(&self) -> Option<i64> {
        self.hub.engine.scheduler.load_end()
    }

    /// Nanoseconds since the start of the load; negative before it.
    fn now_ns(&self) -> i64 {
        self.hub.engine.load_ns()
    }

    /// Puts a mark on the time line, now or `at_ns` after the start of the load.
    #[pyo3(signature = (kind, text, at_ns=None))]
    fn event(&self, kind: String, text: String, at_ns: Option<i64>) {
        let engine = &self.hub.engine;
        let at = at_ns.map_or(0, |at| at - engine.load_ns()) + engine.clock.now_ns();
        engine.record(Record::Event(at, kind, text));
    }

    /// Whether a thread of the engine has broken off, so that nothing will be answered any more.
    fn is_broken(&self) -> bool {
        self.hub.engine.is_broken()
    }

    /// Why the run folder could not be written, if so.
    fn fault(&self) -> Option<String> {
        self.hub.engine.fault()
    }

    /// The newest figures.
    fn progress<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let now = self.hub.engine.progress();
        let figures = PyDict::new(py);
        for (name, value) in [
            ("due", now.due),
            ("started", now.started),
            ("completed", now.completed),
            ("failed", now.failed),
            ("errors", now.errors),
            ("dropped", now.dropped),
            ("requests", now.requests),
            ("failures", now.failures),
            ("checks_passed", now.checks_passed),
            ("checks_failed", now.checks_failed),
            ("tenants", now.tenants),
        ] {
            figures.set_item(name, value)?;
        }
        let [p50, p95, p99] = now.response_ns;
        for (name, value) in [
            ("elapsed_ns", now.elapsed_ns),
            ("busy_vus", now.busy_vus),
            ("response_p50_ns", p50),
            ("response_p95_ns", p95),
            ("response_p99_ns", p99),
            ("start_delay_p99_ns", now.start_delay_p99_ns),
        ] {
            figures.set_item(name, value)?;
        }
        figures.set_item("loop_busy", now.loop_busy)?;
        figures.set_item("io_busy", now.io_busy)?;
        Ok(figures)
    }

    /// Response times and start delays of the last full second, each as (bucket, count) pairs.
    fn last_second(&self) -> (Buckets, Buckets) {
        let now = self.hub.engine.last_second();
        (now.response, now.start_delay)
    }

    /// Ends the engine's threads and writes what is left of the run.
    fn finish(&self, py: Python<'_>) {
        py.detach(|| self.hub.engine.finish());
    }
}

/// The plan of this JSON.
pub(crate) fn read_plan(json: &[u8]) -> PyResult<Plan> {
    serde_json::from_slice(json).map_err(|error| UsageError::new_err(format!("the engine does not take this plan: {error}")))
}

/// An order as Python gets it.
pub(crate) fn told(py: Python<'_>, order: Order) -> PyResult<Py<PyAny>> {
    let told = match order {
        Order::Hire { stream, vu } => ("hire", stream, vu),
        Order::Interrupt { stream, vu } => ("interrupt", stream, vu),
        Order::CutOff { stream } => ("cut_off", stream, 0),
    };
    Ok(told.into_pyobject(py)?.into_any().unbind())
}
