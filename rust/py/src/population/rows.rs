//! The compiled population, for Python.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pyo3::exceptions::{PyIndexError, PyKeyError, PyKeyboardInterrupt, PyLookupError, PyOSError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{IntoPyDict, PyBool, PyDate, PyDateTime, PyDict, PyType, PyTzInfo};
use tenantry_core::population::{self as core, Filter, Table, Type, Value, WriteError};

use super::functions::{Callback, raised};
use super::row::Row;

/// How often a callback is called, and Ctrl-C noticed.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// A dataset of a certain size: any row of it by arithmetic, and the way to Parquet.
#[pyclass(module = "tenantry._core", frozen, subclass)]
pub(crate) struct Population(pub(crate) Arc<core::Population>);

impl Population {
    fn named(&self, name: &str) -> PyResult<(usize, &Table)> {
        let found = self.0.table_index(name).and_then(|index| Some((index, self.0.tables().get(index)?)));
        found.ok_or_else(|| {
            let known: Vec<&str> = self.0.tables().iter().map(|table| table.name.as_str()).collect();
            PyKeyError::new_err(format!("the dataset {} has no table {name}; known: {}", self.0.name(), known.join(", ")))
        })
    }

    pub(crate) fn table(&self, name: &str) -> PyResult<&Table> {
        Ok(self.named(name)?.1)
    }

    fn tenant_number(&self, index: i64) -> PyResult<u64> {
        let number = u64::try_from(index).ok().filter(|number| *number < self.0.tenants());
        number.ok_or_else(|| {
            PyIndexError::new_err(format!("there are {} tenants, counted from 0; {index} is none of them", self.0.tenants()))
        })
    }

    fn picked(&self, table: usize, tenant: u64, rng: &Bound<'_, PyAny>, filters: &[Filter]) -> PyResult<Option<Row>> {
        let random: u64 = rng.call_method1(intern!(rng.py(), "getrandbits"), (64,))?.extract()?;
        let Some(found) = self.0.tables().get(table) else {
            return Ok(None);
        };
        Ok(self.0.pick(found, tenant, random, filters).map_err(raised)?.map(|at| Row::new(&self.0, table, at)))
    }
}

#[pymethods]
impl Population {
    #[new]
    #[pyo3(signature = (spec, *, tenants, rng_seed, functions=None))]
    fn new(spec: &str, tenants: u64, rng_seed: u64, functions: Option<Py<PyAny>>) -> PyResult<Self> {
        let compiled = core::Population::from_json(spec, tenants, rng_seed).map_err(|faults| PyValueError::new_err(faults.to_string()))?;
        Ok(Self(Arc::new(match functions {
            Some(functions) => compiled.with_functions(Box::new(Callback(functions))),
            None => compiled,
        })))
    }

    #[getter]
    fn name(&self) -> &str {
        self.0.name()
    }

    #[getter]
    fn tenants(&self) -> u64 {
        self.0.tenants()
    }

    #[getter]
    fn rng_seed(&self) -> u64 {
        self.0.rng_seed()
    }

    /// Names of the tables, parents first.
    fn tables(&self) -> Vec<&str> {
        self.0.tables().iter().map(|table| table.name.as_str()).collect()
    }

    /// Names of a table's columns.
    fn columns(&self, table: &str) -> PyResult<Vec<&str>> {
        Ok(self.table(table)?.names())
    }

    /// Number of rows of a table, of one tenant (from 0) or of all.
    #[pyo3(signature = (table, tenant=None))]
    fn count(&self, table: &str, tenant: Option<i64>) -> PyResult<u64> {
        let found = self.table(table)?;
        match tenant {
            Some(tenant) => Ok(found.sizes.of(self.tenant_number(tenant)?)),
            None => Ok(found.rows(self.0.tenants())),
        }
    }

    /// Number of a tenant's first row in a table, both from 0; with the number of tenants, that of all rows.
    fn start(&self, table: &str, tenant: u64) -> PyResult<u64> {
        Ok(self.table(table)?.sizes.start(tenant))
    }

    #[pyo3(signature = (index, /))]
    fn tenant(&self, index: i64) -> PyResult<Row> {
        let tenant = self.tenant_number(index)?;
        let table = self.0.tenant_table();
        let Some(found) = self.0.tables().get(table) else {
            return Err(PyLookupError::new_err("no tenant table"));
        };
        Ok(Row::new(&self.0, table, found.at(tenant, 0)))
    }

    #[pyo3(signature = (tenant, rng, /))]
    fn user(&self, tenant: i64, rng: &Bound<'_, PyAny>) -> PyResult<Row> {
        let tenant = self.tenant_number(tenant)?;
        let fault = || PyLookupError::new_err(format!("the dataset {} names no table of users", self.0.name()));
        let users = self.0.users_table().ok_or_else(fault)?;
        self.picked(users, tenant, rng, &[])?.ok_or_else(fault)
    }

    #[pyo3(signature = (tenant, table, rng, /, **columns))]
    fn pick(&self, tenant: i64, table: &str, rng: &Bound<'_, PyAny>, columns: Option<&Bound<'_, PyDict>>) -> PyResult<Row> {
        let tenant = self.tenant_number(tenant)?;
        let (index, found) = self.named(table)?;
        let mut filters = Vec::new();
        for (name, value) in columns.into_iter().flatten() {
            let name: String = name.extract()?;
            let value = wanted(found, &name, &value)?;
            filters.push(self.0.filter(found, &name, value.as_ref()).map_err(PyValueError::new_err)?);
        }
        let row = self.picked(index, tenant, rng, &filters)?;
        row.ok_or_else(|| {
            let asked = columns.map_or_else(String::new, |columns| format!(" with {columns}"));
            PyLookupError::new_err(format!("tenant {tenant} has no row in {table}{asked}"))
        })
    }

    /// The row at a position of a tenant, both from 0.
    fn row(&self, table: &str, tenant: i64, position: u64) -> PyResult<Row> {
        let tenant = self.tenant_number(tenant)?;
        let (index, found) = self.named(table)?;
        let size = found.sizes.of(tenant);
        if position >= size {
            return Err(PyIndexError::new_err(format!("tenant {tenant} has {size} rows in {table}, counted from 0")));
        }
        Ok(Row::new(&self.0, index, found.at(tenant, position)))
    }

    /// Consecutive rows of a table, by number from 0.
    fn rows(&self, table: &str, start: u64, count: u64) -> PyResult<Vec<Row>> {
        let (index, found) = self.named(table)?;
        let end = start.saturating_add(count).min(found.rows(self.0.tenants()));
        let mut rows: Vec<Row> = (start..end).map(|row| Row::new(&self.0, index, found.at_row(row))).collect();
        if found.columns.iter().any(|column| column.derived) {
            for rows in rows.chunks_mut(found.block_rows() as usize) {
                Row::compute_together(rows).map_err(raised)?;
            }
        }
        Ok(rows)
    }

    /// Writes a table's files into `folder`; `progress` is told the rows so far.
    #[pyo3(signature = (table, folder, progress=None))]
    fn write_parquet(&self, py: Python<'_>, table: &str, folder: PathBuf, progress: Option<Py<PyAny>>) -> PyResult<u64> {
        let found = self.table(table)?;
        let mut watch = Watch::new(progress);
        let result = py.detach(|| core::write_parquet(&self.0, found, &folder, &mut |rows| watch.tell(rows)));
        result.map_err(|error| match error {
            WriteError::Interrupted => watch.failure(),
            WriteError::Function(fault) => raised(fault),
            WriteError::Io { path, source } => os_error(&source, &path.display().to_string()),
            WriteError::Parquet { path, source } => {
                let cause = std::error::Error::source(&source).and_then(|cause| cause.downcast_ref::<std::io::Error>());
                let place = path.display().to_string();
                cause.map_or_else(|| PyOSError::new_err(format!("{place}: {source}")), |cause| os_error(cause, &place))
            }
        })
    }
}

fn os_error(error: &std::io::Error, place: &str) -> PyErr {
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, error.to_string(), place.to_owned())),
        None => PyOSError::new_err(format!("{place}: {error}")),
    }
}

/// A value of a filter in terms of the core: dates as days, times as microseconds, decimals in units of the last digit.
fn wanted(table: &Table, column: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<Value>> {
    let py = value.py();
    let ty = table.by_name.get(column).and_then(|index| table.columns.get(*index)).map(|column| column.ty);
    if value.is_none() {
        return Ok(None);
    }
    if let Ok(text) = value.extract::<String>() {
        return Ok(Some(Value::Text(text)));
    }
    if ty.is_some_and(|ty| ty == Type::Uuid || ty.is_long()) {
        return Ok(Some(Value::Text(value.str()?.to_string())));
    }
    let number: i64 = match ty {
        Some(Type::Numeric { scale, .. }) => {
            static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            let decimal = DECIMAL.import(py, "decimal", "Decimal")?.call1((value.str()?,))?;
            decimal.call_method1("scaleb", (scale,))?.call_method0("__int__")?.extract()?
        }
        Some(Type::Timestamptz) if value.is_instance_of::<PyDateTime>() => {
            let seconds: f64 = value.call_method0("timestamp")?.extract()?;
            (seconds * 1e6).round() as i64
        }
        Some(Type::Timestamp) if value.is_instance_of::<PyDateTime>() => {
            let utc = PyTzInfo::utc(py)?;
            let zoned = value.call_method("replace", (), Some(&[("tzinfo", utc)].into_py_dict(py)?))?;
            let seconds: f64 = zoned.call_method0("timestamp")?.extract()?;
            (seconds * 1e6).round() as i64
        }
        Some(Type::Double) => (value.extract::<f64>()? * 1e6).round() as i64,
        Some(Type::Date) if value.is_instance_of::<PyDate>() => {
            let ordinal: i64 = value.call_method0("toordinal")?.extract()?;
            ordinal - 719_163
        }
        _ if value.is_instance_of::<PyBool>() => i64::from(value.extract::<bool>()?),
        _ => value.extract().map_err(|_| PyValueError::new_err(format!("{}.{column} cannot equal {value}", table.name)))?,
    };
    Ok(Some(Value::Int(number)))
}

/// Calls back to Python now and then from detached work, and notices Ctrl-C; a failure of either ends the work.
pub(crate) struct Watch {
    progress: Option<Py<PyAny>>,
    last: Instant,
    failure: Option<PyErr>,
}

impl Watch {
    pub(crate) fn new(progress: Option<Py<PyAny>>) -> Self {
        Self { progress, last: Instant::now(), failure: None }
    }

    /// Whether to go on.
    pub(crate) fn tell(&mut self, rows: u64) -> bool {
        if self.last.elapsed() < REPORT_EVERY {
            return true;
        }
        self.last = Instant::now();
        Python::attach(|py| {
            let told = self.progress.as_ref().map_or(Ok(()), |progress| progress.call1(py, (rows,)).map(drop));
            self.failure = told.and_then(|()| py.check_signals()).err();
        });
        self.failure.is_none()
    }

    /// Whether to go on, without anything to tell.
    pub(crate) fn go_on(&mut self) -> bool {
        Python::attach(|py| self.failure = py.check_signals().err());
        self.failure.is_none()
    }

    pub(crate) fn failure(self) -> PyErr {
        self.failure.unwrap_or_else(|| PyKeyboardInterrupt::new_err("interrupted"))
    }
}
