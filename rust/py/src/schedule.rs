//! What a plan would start and when, as Python sees it.

use pyo3::import_exception;
use pyo3::prelude::*;
use tenantry_core::scheduler::Listing;

use crate::engine::read_plan;

import_exception!(tenantry.errors, UsageError);

/// How many starts one step of the iteration hands over.
const BATCH: usize = 10_000;

/// The intended starts and numbers of VUs of a plan.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Schedule(Listing);

#[pymethods]
impl Schedule {
    /// The schedule of `plan` (JSON).
    #[new]
    fn new(plan: &[u8]) -> PyResult<Self> {
        Listing::new(&read_plan(plan)?).map(Self).map_err(|error| UsageError::new_err(error.to_string()))
    }

    /// The intended starts of a scenario in an open stream, in nanoseconds, in lists; none of a closed one.
    fn starts(&self, stream: u32, scenario: u32) -> Starts {
        Starts(Box::new(self.0.starts(stream, scenario)))
    }

    /// When the number of VUs of a closed stream changes, and to what; None of an open one.
    fn vus(&self, stream: u32) -> Option<Vec<(i64, u64)>> {
        self.0.vus(stream)
    }
}

/// Starts in lists of bounded length.
#[pyclass(module = "tenantry._core")]
pub(crate) struct Starts(Box<dyn Iterator<Item = i64> + Send + Sync>);

#[pymethods]
impl Starts {
    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__(&mut self) -> Option<Vec<i64>> {
        let batch: Vec<i64> = self.0.by_ref().take(BATCH).collect();
        (!batch.is_empty()).then_some(batch)
    }
}
