//! The population and its ways into a database, for Python.

mod database;
mod functions;
mod row;
mod rows;

use pyo3::prelude::*;

/// Adds the classes of the population.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("DatabaseError", module.py().get_type::<database::DatabaseError>())?;
    module.add_class::<row::Row>()?;
    module.add_class::<rows::Population>()?;
    module.add_class::<database::Database>()
}
