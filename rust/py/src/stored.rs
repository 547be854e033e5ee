//! The histograms of a run folder, for Python.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::prelude::*;
use tenantry_core::stored as core;

/// The histograms of a table's files, row by row.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Stored {
    rows: core::Stored,
    damaged: Vec<(PathBuf, String)>,
}

#[pymethods]
impl Stored {
    /// Reads `histograms` of the rows whose `at` is from 0 on and before `until`; `names` are the columns of text that name a row.
    #[new]
    #[pyo3(signature = (files, histograms, *, at, names, tags, until=None))]
    fn new(
        py: Python<'_>,
        files: Vec<PathBuf>,
        histograms: Vec<String>,
        at: String,
        names: Vec<String>,
        tags: bool,
        until: Option<i32>,
    ) -> Self {
        let (rows, damaged) = py.detach(|| core::Stored::read(&files, &core::Columns { at, names, tags, histograms }, until));
        Self { rows, damaged }
    }

    /// Files that could not be read, each with the reason.
    #[getter]
    fn damaged(&self) -> Vec<(PathBuf, String)> {
        self.damaged.clone()
    }

    /// The different labels of rows: values of the columns of text, and tags.
    #[getter]
    fn labels(&self) -> Vec<(Vec<String>, BTreeMap<String, String>)> {
        self.rows.labels().iter().map(|label| (label.names.clone(), label.tags.iter().cloned().collect())).collect()
    }

    /// The histogram at that place of the rows from `start` until before `end`, merged by the line of their label (none where negative) and
    /// by (at - `start`) // `step`.
    fn merged(&self, py: Python<'_>, histogram: usize, lines: Vec<i32>, step: i32, start: i32, end: i32) -> Vec<(u32, i32, Merged)> {
        let found = py.detach(|| self.rows.merged(histogram, &lines, step, &(start..end)));
        found.into_iter().map(|(line, place, merged)| (line, place, Merged(merged))).collect()
    }
}

/// Rows merged into one histogram; never empty.
#[pyclass(module = "tenantry._core", frozen)]
pub(crate) struct Merged(core::Merged);

#[pymethods]
impl Merged {
    /// All of a group as one, for each of the groups.
    #[staticmethod]
    fn sums(groups: Vec<Vec<PyRef<'_, Self>>>) -> Vec<Self> {
        let groups: Vec<Vec<&core::Merged>> = groups.iter().map(|group| group.iter().map(|part| &part.0).collect()).collect();
        core::Merged::sums(&groups).into_iter().map(Self).collect()
    }

    #[getter]
    fn n(&self) -> u64 {
        self.0.total
    }

    #[getter]
    fn sum_ns(&self) -> i64 {
        self.0.sum_ns
    }

    #[getter]
    fn max_ns(&self) -> i64 {
        self.0.max_ns
    }

    /// The bucket that holds rank `rank`, from 1.
    fn bucket_at_rank(&self, rank: u64) -> u32 {
        self.0.bucket_at_rank(rank)
    }

    /// The highest value of the bucket that holds rank `rank`, from 1, in nanoseconds; at most the maximum.
    fn at_rank(&self, rank: u64) -> i64 {
        self.0.at_rank(rank)
    }

    /// (bucket, count) pairs in ascending order.
    fn buckets(&self) -> Vec<(u32, u64)> {
        self.0.counts.clone()
    }

    /// The same in buckets of 32 to a doubling.
    fn coarse(&self) -> Vec<(u32, u64)> {
        self.0.coarse()
    }

    /// The coarse buckets as pages carry them, each with its count or, with `base`, with how much that is more.
    #[pyo3(signature = (base=None))]
    fn flat(&self, base: Option<&Self>) -> Vec<i64> {
        core::flat(&self.0.coarse(), &base.map_or_else(Vec::new, |base| base.0.coarse()))
    }
}
