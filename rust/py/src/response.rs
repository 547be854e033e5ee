//! The answer to a request; body, headers and JSON become Python objects only when asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use pyo3::import_exception;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyAny, PyBytes, PyDict, PyString};
use tenantry_core::failure::FailureKind;
use tenantry_core::histogram::seconds;
use tenantry_core::queue::Exchange;

use crate::inner::{Inner as SessionInner, Place};

import_exception!(tenantry.errors, CheckFailed);
import_exception!(tenantry.errors, RequestFailed);

static DECODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
static CURRENT_PLACE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The answer to one request, or the failure that came instead (`status` 0).
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Response {
    exchange: Arc<Exchange>,
    session: Arc<SessionInner>,
}

/// One expected status or several.
#[derive(FromPyObject)]
enum Statuses {
    One(u16),
    Several(Vec<u16>),
}

impl Response {
    pub(crate) fn new(exchange: Arc<Exchange>, session: Arc<SessionInner>) -> Self {
        Self { exchange, session }
    }

    /// The body without its content codings.
    fn decoded(&self) -> PyResult<Cow<'_, [u8]>> {
        let coding = || self.exchange.message.field("content-encoding").unwrap_or_default();
        self.exchange.message.decoded().map_err(|error| RequestFailed::new_err(format!("the body is not {}: {error}", coding())))
    }

    fn describe(&self) -> String {
        let sample = &self.exchange.sample;
        let detail = sample.detail.as_deref().unwrap_or("");
        match sample.failure {
            Some(FailureKind::Status) => detail.to_owned(),
            kind => format!("the request failed ({}): {detail}", kind.map_or("", FailureKind::name)),
        }
    }
}

#[pymethods]
impl Response {
    #[getter]
    fn status(&self) -> u16 {
        self.exchange.sample.status
    }

    #[getter]
    fn ok(&self) -> bool {
        self.exchange.sample.failure.is_none()
    }

    #[getter]
    fn failure(&self) -> Option<&'static str> {
        self.exchange.sample.failure.map(FailureKind::name)
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let mut fields: Vec<(String, String)> = Vec::new();
        self.exchange.message.fields(|name, value| {
            let (name, value) = (name.to_ascii_lowercase(), String::from_utf8_lossy(value));
            match fields.iter_mut().find(|(known, _)| *known == name) {
                Some((_, values)) => *values = format!("{values}, {value}"),
                None => fields.push((name, value.into_owned())),
            }
        });
        fields.into_py_dict(py)
    }

    #[getter]
    fn body<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.decoded()?))
    }

    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        let body = self.decoded()?;
        Ok(std::str::from_utf8(&body).map_or_else(|_| PyString::new(py, &String::from_utf8_lossy(&body)), |text| PyString::new(py, text)))
    }

    /// The version of HTTP that it came over.
    #[getter]
    fn http_version(&self) -> &'static str {
        if self.exchange.message.is_http2() { "2" } else { "1.1" }
    }

    /// The decoded body. Raises RequestFailed when the request failed or the body is not JSON: the app's failure, not the script's.
    fn json<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if self.exchange.sample.failure.is_some() {
            return Err(RequestFailed::new_err(self.describe()));
        }
        let decode = DECODE.import(py, "msgspec.json", "decode")?;
        decode.call1((self.body(py)?,)).map_err(|error| RequestFailed::new_err(format!("the body is not JSON: {}", error.value(py))))
    }

    /// Counts a check that the status is (one of) `status`, by default that the request did not fail; raises CheckFailed if not.
    #[pyo3(signature = (status=None))]
    fn expect(slf: PyRef<'_, Self>, status: Option<Statuses>) -> PyResult<PyRef<'_, Self>> {
        let got = slf.exchange.sample.status;
        let (met, name) = match &status {
            None => (slf.exchange.sample.failure.is_none(), "request did not fail".to_owned()),
            Some(Statuses::One(wanted)) => (got == *wanted, format!("status is {wanted}")),
            Some(Statuses::Several(wanted)) => {
                let list: Vec<String> = wanted.iter().map(u16::to_string).collect();
                (wanted.contains(&got), format!("status is one of {}", list.join(", ")))
            }
        };
        let place = CURRENT_PLACE.import(slf.py(), "tenantry.metrics.place", "current_place")?.call0()?;
        let (group, tags): (Bound<'_, PyString>, Option<BTreeMap<String, String>>) = place.extract()?;
        let place = Place { group: Some(&group), tags: &tags.into_iter().flatten().collect::<Vec<_>>() };
        slf.session.check(&PyString::new(slf.py(), &name), met, place, Some(&slf.exchange))?;
        if met {
            return Ok(slf);
        }
        let failure = if slf.exchange.sample.failure.is_some() { slf.describe() } else { format!("the status was {got}") };
        Err(CheckFailed::new_err(format!("{name}: {failure}")))
    }

    #[getter]
    fn service_time_s(&self) -> f64 {
        seconds(self.exchange.sample.service_time())
    }

    #[getter]
    fn response_time_s(&self) -> f64 {
        seconds(self.exchange.sample.response_time())
    }

    #[getter]
    fn blocked_s(&self) -> f64 {
        seconds(self.exchange.sample.phases.blocked)
    }

    #[getter]
    fn dns_s(&self) -> f64 {
        seconds(self.exchange.sample.phases.dns)
    }

    #[getter]
    fn connect_s(&self) -> f64 {
        seconds(self.exchange.sample.phases.connect)
    }

    #[getter]
    fn tls_s(&self) -> f64 {
        seconds(self.exchange.sample.phases.tls)
    }

    #[getter]
    fn send_s(&self) -> f64 {
        seconds(self.exchange.sample.phases.send)
    }

    #[getter]
    fn wait_s(&self) -> f64 {
        seconds(self.exchange.sample.phases.wait)
    }

    #[getter]
    fn receive_s(&self) -> f64 {
        seconds(self.exchange.sample.phases.receive)
    }

    fn __repr__(&self) -> String {
        let sample = &self.exchange.sample;
        match sample.failure {
            Some(kind) => format!("<Response {} {}>", sample.status, kind.name()),
            None => format!("<Response {}>", sample.status),
        }
    }
}
