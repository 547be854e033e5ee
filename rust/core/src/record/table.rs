//! Parquet files written whole: built under another name, then renamed, so that a reader never sees half of one.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use arrow_array::builder::{Int32Builder, Int64Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow_array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::histogram::Histogram;

/// Columns with their names, in order.
#[derive(Default)]
pub(super) struct Table(Vec<(&'static str, ArrayRef)>);

impl Table {
    pub(super) fn int32(mut self, name: &'static str, values: impl Iterator<Item = i32>) -> Self {
        self.0.push((name, Arc::new(Int32Array::from_iter_values(values))));
        self
    }

    pub(super) fn int64(mut self, name: &'static str, values: impl Iterator<Item = i64>) -> Self {
        self.0.push((name, Arc::new(Int64Array::from_iter_values(values))));
        self
    }

    pub(super) fn count(self, name: &'static str, values: impl Iterator<Item = u64>) -> Self {
        self.int64(name, values.map(|value| i64::try_from(value).unwrap_or(i64::MAX)))
    }

    pub(super) fn double(mut self, name: &'static str, values: impl Iterator<Item = f64>) -> Self {
        self.0.push((name, Arc::new(Float64Array::from_iter_values(values))));
        self
    }

    pub(super) fn text<'a>(mut self, name: &'static str, values: impl Iterator<Item = &'a str>) -> Self {
        self.0.push((name, Arc::new(StringArray::from_iter_values(values))));
        self
    }

    /// A column of keys and values; a row's pairs are written in their order.
    pub(super) fn map<'a, R: Iterator<Item = (&'a str, &'a str)>>(mut self, name: &'static str, rows: impl Iterator<Item = R>) -> Self {
        let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for row in rows {
            for (key, value) in row {
                map.keys().append_value(key);
                map.values().append_value(value);
            }
            // It only fails for keys and values of unequal number.
            let _ = map.append(true);
        }
        self.0.push((name, Arc::new(map.finish())));
        self
    }

    /// Two columns: bucket indexes and their counts.
    pub(super) fn buckets(mut self, names: [&'static str; 2], rows: impl Iterator<Item = Vec<(i32, u64)>>) -> Self {
        let mut indexes = ListBuilder::new(Int32Builder::new());
        let mut counts = ListBuilder::new(Int64Builder::new());
        for row in rows {
            for (index, count) in row {
                indexes.values().append_value(index);
                counts.values().append_value(i64::try_from(count).unwrap_or(i64::MAX));
            }
            indexes.append(true);
            counts.append(true);
        }
        let [index_name, count_name] = names;
        self.0.push((index_name, Arc::new(indexes.finish())));
        self.0.push((count_name, Arc::new(counts.finish())));
        self
    }

    /// Four columns of a histogram: exact sum, exact maximum, buckets, counts.
    pub(super) fn histogram(self, names: [&'static str; 4], rows: &mut [&mut Histogram]) -> Self {
        let [sum, max, buckets, counts] = names;
        let table = self.int64(sum, rows.iter().map(|row| row.sum_ns())).int64(max, rows.iter().map(|row| row.max_ns()));
        table.buckets([buckets, counts], rows.iter_mut().map(|row| signed(row.buckets())))
    }

    /// Writes the table to `path`, replacing what is there.
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        write_batches(&[self.batch()?], path)
    }

    pub(super) fn batch(self) -> io::Result<RecordBatch> {
        RecordBatch::try_from_iter(self.0).map_err(io::Error::other)
    }
}

/// Writes rows of one schema to `path`, replacing what is there.
pub(super) fn write_batches(batches: &[RecordBatch], path: &Path) -> io::Result<()> {
    let Some(first) = batches.first() else {
        return Ok(());
    };
    let partial = path.with_extension("part");
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = ArrowWriter::try_new(File::create(&partial)?, first.schema(), Some(properties)).map_err(into_io)?;
    for batch in batches {
        writer.write(batch).map_err(into_io)?;
    }
    writer.close().map_err(into_io)?;
    fs::rename(&partial, path)
}

fn signed(buckets: &[(u32, u64)]) -> Vec<(i32, u64)> {
    buckets.iter().map(|&(index, count)| (i32::try_from(index).unwrap_or(i32::MAX), count)).collect()
}

/// The system's own error where Parquet wraps one: "no space left" must reach the user as such.
fn into_io(error: parquet::errors::ParquetError) -> io::Error {
    match error {
        parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(inner) => *inner,
            Err(other) => io::Error::other(other.to_string()),
        },
        other => io::Error::other(other.to_string()),
    }
}
