//! The seam between the engine and asyncio.
use pyo3::prelude::*;

/// The native module of tenantry; only `tenantry.engine` imports it.
#[pymodule]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
