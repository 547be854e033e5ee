//! One row; its values are computed when they are asked for.

use std::sync::{Arc, OnceLock};

use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDate, PyDateTime, PyDict, PyList, PyString, PyTuple, PyType, PyTzInfo};
use tenantry_core::population::{At, Block, Cells, FunctionFault, NULL, Population, Table, Type, civil, push_plain};

use super::functions::raised;

const MICROS: i64 = 1_000_000;
const DAY_MICROS: i64 = 86_400 * MICROS;

/// A row of the population; its columns are attributes.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Row {
    population: Arc<Population>,
    table: usize,
    at: At,
    /// Where its columns are in which a function has a part: a block, and its row there.
    block: OnceLock<(Arc<Block>, usize)>,
}

impl Row {
    pub(crate) fn new(population: &Arc<Population>, table: usize, at: At) -> Self {
        Self { population: Arc::clone(population), table, at, block: OnceLock::new() }
    }

    fn table(&self) -> PyResult<&Table> {
        self.population.tables().get(self.table).ok_or_else(|| PyAttributeError::new_err("no table"))
    }

    fn value<'py>(&self, py: Python<'py>, table: &Table, column: usize) -> PyResult<Bound<'py, PyAny>> {
        let Some(ty) = table.columns.get(column).map(|column| column.ty) else {
            return Ok(py.None().into_bound(py));
        };
        if table.columns.get(column).is_some_and(|column| column.derived) {
            return self.derived(py, table, column, ty);
        }
        if ty.element().is_some() {
            let mut values = Vec::new();
            let present = self.population.elements(table, column, self.at, &mut values);
            return self.several(py, ty, present.then_some(&values));
        }
        if ty == Type::Bytea {
            let mut bytes = Vec::new();
            let present = self.population.bytes(table, column, self.at, &mut bytes);
            return Ok(if present { PyBytes::new(py, &bytes).into_any() } else { py.None().into_bound(py) });
        }
        if ty.is_text() {
            let mut bytes = Vec::new();
            let present = self.population.text(table, column, self.at, &mut bytes);
            return Ok(text(py, present.then_some(&bytes)));
        }
        self.single(py, ty, self.population.integer(table, column, self.at))
    }

    /// A value in which a function has a part, from a block: one that other rows share, or one of this row alone.
    fn derived<'py>(&self, py: Python<'py>, table: &Table, column: usize, ty: Type) -> PyResult<Bound<'py, PyAny>> {
        if self.block.get().is_none() {
            let block = self.population.row_block(table, self.at).map_err(raised)?;
            let _ = self.block.set((Arc::new(block), 0));
        }
        match self.block.get().and_then(|(block, row)| Some((block.column(column)?, *row))) {
            Some((cells @ Cells::Text { .. }, row)) => Ok(text(py, cells.text(row))),
            Some((cells @ Cells::Lists { .. }, row)) => self.several(py, ty, cells.list(row)),
            Some((cells, row)) => self.single(py, ty, cells.integer(row)),
            None => Ok(py.None().into_bound(py)),
        }
    }

    /// Gives consecutive rows of a table one block.
    pub(crate) fn compute_together(rows: &mut [Self]) -> Result<(), FunctionFault> {
        let Some((population, table, start)) = rows.first().map(|row| (Arc::clone(&row.population), row.table, row.at.row)) else {
            return Ok(());
        };
        let Some(table) = population.tables().get(table) else {
            return Ok(());
        };
        let mut block = Block::default();
        block.fill(&population, table, start..start + rows.len() as u64)?;
        let block = Arc::new(block);
        rows.iter_mut().enumerate().for_each(|(index, row)| row.block = OnceLock::from((Arc::clone(&block), index)));
        Ok(())
    }

    /// An array as a list, a range as its two bounds.
    fn several<'py>(&self, py: Python<'py>, ty: Type, values: Option<&[i64]>) -> PyResult<Bound<'py, PyAny>> {
        let (Some(values), Some(element)) = (values, ty.element()) else {
            return Ok(py.None().into_bound(py));
        };
        let values = values.iter().map(|value| self.single(py, element, *value)).collect::<PyResult<Vec<_>>>()?;
        Ok(if matches!(ty, Type::Range(_)) { PyTuple::new(py, values)?.into_any() } else { PyList::new(py, values)?.into_any() })
    }

    /// The value that an integer stands for, as the Python type that Postgres drivers use for it.
    fn single<'py>(&self, py: Python<'py>, ty: Type, value: i64) -> PyResult<Bound<'py, PyAny>> {
        match ty {
            _ if value == NULL => Ok(py.None().into_bound(py)),
            _ if ty.is_text() => Ok(PyString::new(py, self.population.word(value)).into_any()),
            _ => to_python(py, ty, value),
        }
    }
}

#[pymethods]
impl Row {
    fn __getattr__<'py>(&self, py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        let table = self.table()?;
        match table.by_name.get(name) {
            Some(column) => self.value(py, table, *column),
            None => {
                let known = table.names().join(", ");
                Err(PyAttributeError::new_err(format!("a row of {} has no column {name}; known: {known}", table.name)))
            }
        }
    }

    /// All columns by name, in the order of the table.
    fn _asdict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (dict, table) = (PyDict::new(py), self.table()?);
        for (name, column) in table.names().into_iter().zip(&table.visible) {
            dict.set_item(name, self.value(py, table, *column)?)?;
        }
        Ok(dict)
    }

    fn __dir__(&self) -> PyResult<Vec<&str>> {
        Ok(self.table()?.names().into_iter().chain(["_asdict"]).collect())
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| {
            let other = other.get();
            self.same_population(other) && (self.table, self.at) == (other.table, other.at)
        })
    }

    fn __hash__(&self) -> u64 {
        self.at.row ^ ((self.table as u64) << 48)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let shown: Vec<String> = self._asdict(py)?.iter().map(|(name, value)| format!("{name}={}", represent(&value))).collect();
        Ok(format!("{}({})", self.table()?.name, shown.join(", ")))
    }
}

impl Row {
    fn same_population(&self, other: &Self) -> bool {
        let key = |row: &Self| (row.population.name().to_owned(), row.population.rng_seed());
        Arc::ptr_eq(&self.population, &other.population) || key(self) == key(other)
    }
}

fn represent(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string())
}

fn text<'py>(py: Python<'py>, bytes: Option<impl AsRef<[u8]>>) -> Bound<'py, PyAny> {
    bytes.map_or_else(|| py.None().into_bound(py), |bytes| PyString::new(py, &String::from_utf8_lossy(bytes.as_ref())).into_any())
}

pub(super) fn plain(ty: Type, value: i64) -> String {
    let mut text = Vec::new();
    push_plain(&mut text, ty, value);
    String::from_utf8_lossy(&text).into_owned()
}

fn to_python(py: Python<'_>, ty: Type, value: i64) -> PyResult<Bound<'_, PyAny>> {
    match ty {
        Type::Bool => Ok((value != 0).into_pyobject(py)?.to_owned().into_any()),
        Type::Date => {
            let (year, month, day) = civil(value);
            Ok(PyDate::new(py, year as i32, month as u8, day as u8)?.into_any())
        }
        Type::Timestamptz => timestamp(py, value, true),
        Type::Timestamp => timestamp(py, value, false),
        Type::Double => Ok((value as f64 / 1e6).into_pyobject(py)?.into_any()),
        Type::Numeric { .. } => {
            static DECIMAL: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            DECIMAL.import(py, "decimal", "Decimal")?.call1((plain(ty, value),))
        }
        Type::Uuid => {
            static UUID: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            UUID.import(py, "uuid", "UUID")?.call1((plain(ty, value),))
        }
        Type::Bytea | Type::Array(_) | Type::Range(_) => Ok(py.None().into_bound(py)),
        Type::Bigint | Type::Int | Type::Smallint | Type::Text | Type::Json | Type::Jsonb => Ok(value.into_pyobject(py)?.into_any()),
    }
}

fn timestamp(py: Python<'_>, micros: i64, zoned: bool) -> PyResult<Bound<'_, PyAny>> {
    let (year, month, day) = civil(micros.div_euclid(DAY_MICROS));
    let of_day = micros.rem_euclid(DAY_MICROS);
    let seconds = of_day / MICROS;
    let (hour, minute, second) = ((seconds / 3600) as u8, (seconds / 60 % 60) as u8, (seconds % 60) as u8);
    let zone = zoned.then(|| PyTzInfo::utc(py)).transpose()?.map(|utc| utc.to_owned());
    let time = PyDateTime::new(py, year as i32, month as u8, day as u8, hour, minute, second, (of_day % MICROS) as u32, zone.as_ref())?;
    Ok(time.into_any())
}
