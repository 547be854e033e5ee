//! A connection to Postgres, for Python.

use std::path::PathBuf;

use parking_lot::Mutex;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;
use tenantry_core::population as core;

use super::functions;
use super::rows::{Population, Watch};

create_exception!(tenantry._core, DatabaseError, PyException, "code, message, detail, hint, table, constraint; no code: no connection.");

/// An open connection; every call releases the interpreter while the server works.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Database(Mutex<Option<core::Database>>);

#[pymethods]
impl Database {
    #[new]
    #[pyo3(signature = (dsn, *, password=None))]
    fn new(py: Python<'_>, dsn: &str, password: Option<&str>) -> PyResult<Self> {
        let opened = py.detach(|| core::Database::connect(dsn, password)).map_err(|error| raised(error, None))?;
        Ok(Self(Mutex::new(Some(opened))))
    }

    /// The hosts that a DSN names, addresses included.
    #[staticmethod]
    fn hosts(dsn: &str) -> PyResult<Vec<String>> {
        core::hosts(dsn).map_err(|error| raised(error, None))
    }

    /// Host, port and database of a DSN.
    #[staticmethod]
    fn place(dsn: &str) -> PyResult<String> {
        core::place(dsn).map_err(|error| raised(error, None))
    }

    /// Runs one or several statements.
    fn execute(&self, py: Python<'_>, sql: &str) -> PyResult<()> {
        self.with(py, None, |database, watch| database.execute(sql, &mut || watch.go_on()))
    }

    /// Runs one or several statements and returns their rows, every value as text.
    fn query(&self, py: Python<'_>, sql: &str) -> PyResult<core::Rows> {
        self.with(py, None, |database, watch| database.query(sql, &mut || watch.go_on()))
    }

    /// The same, each row as a dict by the names of the columns.
    fn records(&self, py: Python<'_>, sql: &str) -> PyResult<core::Records> {
        self.with(py, None, |database, watch| database.records(sql, &mut || watch.go_on()))
    }

    /// Streams rows of the population's table, by number, into `statement` (COPY ... FROM STDIN, binary).
    #[pyo3(signature = (population, table, statement, *, start, stop, progress=None))]
    fn copy(
        &self,
        population: &Bound<'_, Population>,
        table: &str,
        statement: &str,
        start: u64,
        stop: u64,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<u64> {
        let source = population.get();
        let found = source.table(table)?;
        self.with(population.py(), progress, |database, watch| {
            database.copy(&source.0, found, start..stop, statement, &mut |rows| watch.tell(rows))
        })
    }

    /// Streams a table's Parquet files into `statement`, as `copy` does.
    #[pyo3(signature = (population, table, statement, *, files, progress=None))]
    fn copy_files(
        &self,
        population: &Bound<'_, Population>,
        table: &str,
        statement: &str,
        files: Vec<PathBuf>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<u64> {
        let found = population.get().table(table)?;
        self.with(population.py(), progress, |database, watch| database.copy_files(found, &files, statement, &mut |rows| watch.tell(rows)))
    }

    /// Ends the connection.
    fn close(&self, py: Python<'_>) {
        py.detach(|| drop(self.0.lock().take()));
    }
}

impl Database {
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        progress: Option<Py<PyAny>>,
        work: impl FnOnce(&mut core::Database, &mut Watch) -> Result<T, core::DatabaseError> + Send,
    ) -> PyResult<T> {
        let mut watch = Watch::new(progress);
        let result = py.detach(|| match self.0.lock().as_mut() {
            Some(database) => work(database, &mut watch),
            None => Err(core::DatabaseError::Connection("the connection is closed".to_owned())),
        });
        result.map_err(|error| raised(error, Some(watch)))
    }
}

fn raised(error: core::DatabaseError, watch: Option<Watch>) -> PyErr {
    let none = String::new;
    match (error, watch) {
        (core::DatabaseError::Dsn(message), _) => PyValueError::new_err(message),
        (core::DatabaseError::File(error), _) => PyOSError::new_err(error.to_string()),
        (core::DatabaseError::Function(fault), _) => functions::raised(fault),
        (core::DatabaseError::Interrupted, Some(watch)) => watch.failure(),
        (core::DatabaseError::Refused(told), _) => {
            DatabaseError::new_err((told.code, told.message, told.detail, told.hint, told.table, told.constraint))
        }
        (other, _) => DatabaseError::new_err((none(), other.to_string(), none(), none(), none(), none())),
    }
}
