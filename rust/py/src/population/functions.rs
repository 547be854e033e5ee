//! The functions of a dataset, which are Python's.

use super::row::plain;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use tenantry_core::population::{Call, Cells, FunctionFault, Functions, NULL, Population, Type};

/// A callable `(table, column, inputs, random)`: an input is the bytes of 64-bit integers or a list of texts, and whether there may be nulls; a
/// random array is the bytes of 64-bit integers; what it returns is again one of the first two.
#[derive(Debug)]
pub(crate) struct Callback(pub(crate) Py<PyAny>);

impl Functions for Callback {
    fn call(&self, population: &Population, call: &Call<'_>) -> Result<Cells, FunctionFault> {
        Python::attach(|py| self.called(py, population, call)).map_err(|error| FunctionFault(Box::new(error)))
    }
}

impl Callback {
    fn called(&self, py: Python<'_>, population: &Population, call: &Call<'_>) -> PyResult<Cells> {
        let inputs =
            call.inputs.iter().map(|(column, cells)| Ok((input(py, population, column.ty, cells, call.rows)?, column.may_be_null())));
        let inputs = inputs.collect::<PyResult<Vec<_>>>()?;
        let random: Vec<_> = call.random.iter().map(|drawn| native(py, drawn.iter().map(|value| value.to_ne_bytes()))).collect();
        let given = self.0.bind(py).call1((call.table, call.column, inputs, random))?;
        let cells = match given.cast::<PyBytes>() {
            Ok(bytes) => Cells::Integers(bytes.as_bytes().as_chunks::<8>().0.iter().map(|chunk| i64::from_ne_bytes(*chunk)).collect()),
            Err(_) => texts(given.extract()?),
        };
        let rows = match &cells {
            Cells::Integers(values) => values.len(),
            Cells::Text { ends, .. } | Cells::Lists { ends, .. } => ends.len(),
        };
        if rows == call.rows { Ok(cells) } else { Err(PyRuntimeError::new_err(format!("{rows} values for {} rows", call.rows))) }
    }
}

/// The values of a column: texts as a list, all else as integers.
fn input<'py>(py: Python<'py>, population: &Population, ty: Type, cells: &Cells, rows: usize) -> PyResult<Bound<'py, PyAny>> {
    let text = |row: usize| match cells {
        Cells::Integers(_) => {
            let value = cells.integer(row);
            (value != NULL).then(|| if ty.is_text() { population.word(value).to_owned() } else { plain(ty, value) })
        }
        _ => cells.text(row).map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
    };
    match cells {
        Cells::Integers(values) if !ty.is_text() && ty != Type::Uuid => {
            Ok(native(py, values.iter().map(|value| value.to_ne_bytes())).into_any())
        }
        _ => Ok(PyList::new(py, (0..rows).map(text))?.into_any()),
    }
}

fn native<'py>(py: Python<'py>, values: impl Iterator<Item = [u8; 8]>) -> Bound<'py, PyBytes> {
    PyBytes::new(py, &values.flatten().collect::<Vec<u8>>())
}

fn texts(given: Vec<Option<String>>) -> Cells {
    let mut bytes = Vec::new();
    let ends = given.iter().map(|text| {
        bytes.extend_from_slice(text.as_deref().unwrap_or_default().as_bytes());
        (bytes.len(), text.is_none())
    });
    let ends = ends.collect();
    Cells::Text { bytes, ends }
}

/// What a function raised.
pub(crate) fn raised(fault: FunctionFault) -> PyErr {
    match fault.0.downcast::<PyErr>() {
        Ok(error) => *error,
        Err(other) => PyRuntimeError::new_err(other.to_string()),
    }
}
