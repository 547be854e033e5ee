//! The histograms of a run folder, read back from its files and merged by whatever a report asks for.

mod merged;

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use merged::Scratch;
pub use merged::{Merged, flat};

const BATCH: usize = 8192;
/// More than any load asks for: where a file says so, it is damaged.
const MOST_COUNTED: u64 = 1 << 36;
const PARTS: [&str; 4] = ["buckets", "counts", "sum_ns", "max_ns"];

/// What to read: the column that places a row, those that name it, whether it has `tags`, and histograms (`response` for `response_buckets`
/// and so on, empty for `buckets`).
#[derive(Debug, Clone)]
pub struct Columns {
    /// Whole numbers, by which rows are merged: the seconds of a table over time.
    pub at: String,
    /// Columns of text.
    pub names: Vec<String>,
    /// Whether there is a map of tags.
    pub tags: bool,
    /// Names of the histograms.
    pub histograms: Vec<String>,
}

/// What names rows: the values of the columns asked for, and the tags.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label {
    /// In the order of the columns.
    pub names: Vec<String>,
    /// In the order in which they were written.
    pub tags: Vec<(String, String)>,
}

/// The histograms of a table, row by row.
#[derive(Debug, Default)]
pub struct Stored {
    labels: Labels,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Labels {
    found: Vec<Label>,
    numbers: HashMap<Label, u32>,
}

/// The rows of one file.
#[derive(Debug, Default)]
struct Part {
    rows: Vec<Row>,
    histograms: Vec<Sparse>,
}

/// A label as it stands in a batch.
type Borrowed<'a> = (Vec<&'a str>, Vec<(&'a str, &'a str)>);

#[derive(Debug, Clone, Copy)]
struct Row {
    at: i32,
    label: u32,
}

/// One histogram of each row, one after the other. A count beyond 16 bits takes several entries of its bucket: that is rare, and there are
/// millions of entries.
#[derive(Debug, Default)]
struct Sparse {
    rows: Vec<Cell>,
    entries: Vec<(u16, u16)>,
}

/// The sum, the maximum and the entries of a histogram.
type Entries<'a> = (i64, i64, &'a [(u16, u16)]);

#[derive(Debug, Clone, Copy)]
struct Cell {
    sum_ns: i64,
    max_ns: i64,
    /// Where its entries end; they begin where those of the row before end.
    end: usize,
}

/// A merged histogram with the line and the place in time that it stands for.
pub type Placed = (u32, i32, Merged);

impl Stored {
    /// Reads the rows from 0 on, which is where the load begins, and before `until`, side by side on all cores. A file that cannot be read
    /// is left out and returned with the reason.
    #[must_use]
    pub fn read(files: &[PathBuf], columns: &Columns, until: Option<i32>) -> (Self, Vec<(PathBuf, String)>) {
        let span = 0..until.unwrap_or(i32::MAX);
        let read = |some: &[PathBuf]| some.iter().map(|file| read_file(file, columns, &span)).collect::<Vec<_>>();
        let (mut whole, mut damaged) = (Self::default(), Vec::new());
        for (file, part) in files.iter().zip(side_by_side(files, read)) {
            match part {
                Ok((labels, part)) => whole.append(labels, part),
                Err(error) => damaged.push((file.clone(), error.to_string())),
            }
        }
        (whole, damaged)
    }

    fn append(&mut self, labels: Labels, mut part: Part) {
        let numbers: Vec<u32> = labels.found.into_iter().map(|label| self.labels.number_of(label)).collect();
        part.rows.iter_mut().for_each(|row| row.label = numbers.get(row.label as usize).copied().unwrap_or(u32::MAX));
        self.parts.push(part);
    }

    /// The different labels; rows refer to them by their place.
    #[must_use]
    pub fn labels(&self) -> &[Label] {
        &self.labels.found
    }

    /// The rows in `span` merged by line and by place, in this order; a place is `step` wide, counted from the start of the span.
    /// `histogram` is its place among the columns. Rows with the label at place `i` belong to the line `lines[i]`, or to none where
    /// that is negative.
    #[must_use]
    pub fn merged(&self, histogram: usize, lines: &[i32], step: i32, span: &Range<i32>) -> Vec<Placed> {
        let line_of = |row: &Row| lines.get(row.label as usize).and_then(|&line| u32::try_from(line).ok());
        let rows =
            self.parts.iter().enumerate().flat_map(|(part, found)| found.rows.iter().enumerate().map(move |(at, row)| (part, at, row)));
        let mut keyed: Vec<(u32, i32, usize, usize)> = rows
            .filter(|(_, _, row)| span.contains(&row.at))
            .filter_map(|(part, at, row)| Some((line_of(row)?, (row.at - span.start) / step.max(1), part, at)))
            .collect();
        keyed.sort_unstable();
        let groups: Vec<&[(u32, i32, usize, usize)]> = keyed.chunk_by(|left, right| (left.0, left.1) == (right.0, right.1)).collect();
        let merge = |some: &[&[(u32, i32, usize, usize)]]| {
            let mut scratch = Scratch::default();
            let sum = |rows: &&[(u32, i32, usize, usize)]| {
                let cells = rows.iter().filter_map(|&(_, _, part, at)| self.parts.get(part)?.histograms.get(histogram)?.cell(at));
                rows.first().map(|&(line, place, ..)| (line, place, scratch.sum(cells)))
            };
            some.iter().filter_map(sum).collect()
        };
        let mut found = side_by_side(&groups, merge);
        found.retain(|(_, _, merged): &Placed| merged.total > 0);
        found
    }
}

impl Labels {
    fn number_of(&mut self, label: Label) -> u32 {
        let next = u32::try_from(self.found.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(label).or_insert_with_key(|label| {
            self.found.push(label.clone());
            next
        })
    }

    /// The number of each row's label. Neighbours are often alike, and there are few different ones.
    fn of(&mut self, batch: &RecordBatch, columns: &Columns) -> io::Result<Vec<u32>> {
        let names: Vec<_> =
            columns.names.iter().map(|name| typed(batch, name, |column| column.as_string_opt::<i32>())).collect::<Result<_, _>>()?;
        let tags = if columns.tags { Some(typed(batch, "tags", |column| column.as_map_opt())?) } else { None };
        let pairs = match tags {
            Some(tags) => {
                let text = |column| inner(column, |values: &ArrayRef| values.as_string_opt::<i32>());
                Some((tags.value_offsets(), text(tags.keys())?, text(tags.values())?))
            }
            None => None,
        };
        let mut known: HashMap<Borrowed<'_>, u32, foldhash::fast::FixedState> = HashMap::default();
        let mut found = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let of_row =
                pairs.iter().flat_map(|(offsets, keys, values)| range_of(offsets, row).map(|at| (keys.value(at), values.value(at))));
            let key = (names.iter().map(|column| column.value(row)).collect::<Vec<_>>(), of_row.collect::<Vec<_>>());
            let number = match known.get(&key) {
                Some(&number) => number,
                None => {
                    let label = Label {
                        names: key.0.iter().map(ToString::to_string).collect(),
                        tags: key.1.iter().map(|(key, value)| ((*key).to_string(), (*value).to_string())).collect(),
                    };
                    let number = self.number_of(label);
                    known.insert(key, number);
                    number
                }
            };
            found.push(number);
        }
        Ok(found)
    }
}

fn read_file(file: &Path, columns: &Columns, span: &Range<i32>) -> io::Result<(Labels, Part)> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(file)?).map_err(io::Error::other)?;
    let histograms: Vec<[String; 4]> = columns.histograms.iter().map(|name| parts_of(name)).collect();
    let fixed = [columns.at.as_str(), if columns.tags { "tags" } else { &columns.at }];
    let wanted = columns.names.iter().chain(histograms.iter().flatten()).map(String::as_str).chain(fixed);
    let mask = ProjectionMask::columns(builder.parquet_schema(), wanted);
    let (mut labels, mut part) = (Labels::default(), Part::default());
    part.histograms.resize_with(histograms.len(), Sparse::default);
    for batch in builder.with_projection(mask).with_batch_size(BATCH).build().map_err(io::Error::other)? {
        let batch = batch.map_err(io::Error::other)?;
        let at = typed(&batch, &columns.at, |column| column.as_primitive_opt::<Int32Type>())?;
        let numbers = labels.of(&batch, columns)?;
        let wanted: Vec<usize> = (0..batch.num_rows()).filter(|&row| span.contains(&at.value(row))).collect();
        part.rows.extend(wanted.iter().filter_map(|&row| Some(Row { at: at.value(row), label: *numbers.get(row)? })));
        for (sparse, names) in part.histograms.iter_mut().zip(&histograms) {
            sparse.add(&batch, names, &wanted)?;
        }
    }
    Ok((labels, part))
}

fn parts_of(histogram: &str) -> [String; 4] {
    PARTS.map(|part| if histogram.is_empty() { part.to_string() } else { format!("{histogram}_{part}") })
}

impl Sparse {
    fn add(&mut self, batch: &RecordBatch, names: &[String; 4], wanted: &[usize]) -> io::Result<()> {
        let [buckets, counts, sums, longest] = names;
        let sum_ns = typed(batch, sums, |column| column.as_primitive_opt::<Int64Type>())?;
        let max_ns = typed(batch, longest, |column| column.as_primitive_opt::<Int64Type>())?;
        let buckets = typed(batch, buckets, |column| column.as_list_opt::<i32>())?;
        let counts = typed(batch, counts, |column| column.as_list_opt::<i32>())?;
        let bucket_values = inner(buckets.values(), |values| values.as_primitive_opt::<Int32Type>())?.values();
        let count_values = inner(counts.values(), |values| values.as_primitive_opt::<Int64Type>())?.values();
        for &row in wanted {
            let (in_buckets, in_counts) = (range_of(buckets.value_offsets(), row), range_of(counts.value_offsets(), row));
            if in_buckets.len() != in_counts.len() {
                return Err(io::Error::other("a histogram has more buckets than counts, or fewer"));
            }
            let pairs = bucket_values.get(in_buckets).into_iter().flatten().zip(count_values.get(in_counts).into_iter().flatten());
            for (&bucket, &count) in pairs {
                let count = u64::try_from(count).unwrap_or(0);
                if count > MOST_COUNTED {
                    return Err(io::Error::other(format!("a histogram counts {count} in one bucket")));
                }
                self.push(u16::try_from(bucket).unwrap_or(u16::MAX), count);
            }
            self.rows.push(Cell { sum_ns: sum_ns.value(row), max_ns: max_ns.value(row), end: self.entries.len() });
        }
        Ok(())
    }

    fn push(&mut self, bucket: u16, mut count: u64) {
        while count > 0 {
            let some = u16::try_from(count).unwrap_or(u16::MAX);
            self.entries.push((bucket, some));
            count -= u64::from(some);
        }
    }

    /// The sum, the maximum and the entries of a row; none where the row has nothing in this histogram.
    fn cell(&self, at: usize) -> Option<Entries<'_>> {
        let cell = self.rows.get(at)?;
        let start = at.checked_sub(1).and_then(|before| self.rows.get(before)).map_or(0, |before| before.end);
        let entries = self.entries.get(start..cell.end).filter(|entries| !entries.is_empty())?;
        Some((cell.sum_ns, cell.max_ns, entries))
    }
}

/// What `work` makes of the items, which all cores share; in their order.
fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&[T]) -> Vec<R> + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let share = items.len().div_ceil(cores).max(1);
    thread::scope(|scope| {
        let threads: Vec<_> = items.chunks(share).map(|some| scope.spawn(|| work(some))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn typed<'a, T>(batch: &'a RecordBatch, name: &str, cast: impl Fn(&'a ArrayRef) -> Option<T>) -> io::Result<T> {
    let column = batch.column_by_name(name).ok_or_else(|| io::Error::other(format!("it has no column {name}")))?;
    cast(column).ok_or_else(|| io::Error::other(format!("column {name} is of type {}", column.data_type())))
}

fn inner<'a, T>(values: &'a ArrayRef, cast: impl Fn(&'a ArrayRef) -> Option<T>) -> io::Result<T> {
    cast(values).ok_or_else(|| io::Error::other(format!("a list or map holds {}", values.data_type())))
}

fn range_of(offsets: &[i32], row: usize) -> Range<usize> {
    let at = |place: usize| offsets.get(place).and_then(|&offset| usize::try_from(offset).ok()).unwrap_or(0);
    at(row)..at(row + 1)
}

#[cfg(test)]
mod tests;
