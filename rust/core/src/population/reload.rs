//! Rows of Parquet files in Postgres' binary COPY format: the way back from what `parquet` wrote.

use super::model::Table;
use super::parquet::schema;
use super::pgcopy::{DAYS_TO_2000, MICROS_TO_2000, array, fixed, numeric, range, text};
use super::spec::Type;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use arrow_array::{
    Array, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Rows that are held in memory at once.
const BATCH_ROWS: usize = 4096;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct ReadError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

/// The rows of a table's files, one file after the other.
pub(super) struct Reader<'a> {
    table: &'a Table,
    files: std::slice::Iter<'a, PathBuf>,
    open: Option<(&'a PathBuf, ParquetRecordBatchReader)>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(table: &'a Table, files: &'a [PathBuf]) -> Self {
        Self { table, files: files.iter(), open: None }
    }

    /// Appends some rows, without header and trailer, and tells how many; none is the end.
    pub(super) fn append(&mut self, out: &mut Vec<u8>) -> Result<u64, ReadError> {
        loop {
            if let Some((path, reader)) = &mut self.open
                && let Some(batch) = reader.next()
            {
                let batch = batch.map_err(|error| refused(path, error))?;
                let columns = columns(self.table, &batch).ok_or_else(|| refused(path, "its columns are not those of the table"))?;
                encode(&columns, batch.num_rows(), out);
                return Ok(batch.num_rows() as u64);
            }
            let Some(path) = self.files.next() else {
                return Ok(0);
            };
            self.open = Some((path, open(self.table, path)?));
        }
    }
}

fn open(table: &Table, path: &Path) -> Result<ParquetRecordBatchReader, ReadError> {
    let file = File::open(path).map_err(|error| refused(path, error))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| refused(path, error))?;
    let (found, wanted) = (builder.schema().fields(), schema(table).fields);
    if found.len() != wanted.len() || found.iter().zip(&wanted).any(|(a, b)| a.name() != b.name() || a.data_type() != b.data_type()) {
        return Err(refused(path, "its columns are not those of the table"));
    }
    builder.with_batch_size(BATCH_ROWS).build().map_err(|error| refused(path, error))
}

fn refused(path: &Path, what: impl ToString) -> ReadError {
    ReadError { path: path.to_path_buf(), what: what.to_string() }
}

fn columns<'a>(table: &Table, batch: &'a RecordBatch) -> Option<Vec<Column<'a>>> {
    let types = table.visible.iter().filter_map(|index| Some(table.columns.get(*index)?.ty));
    types.zip(batch.columns()).map(|(ty, array)| Column::of(ty, array.as_ref())).collect()
}

fn encode(columns: &[Column<'_>], rows: usize, out: &mut Vec<u8>) {
    let count = (columns.len() as i16).to_be_bytes();
    for row in 0..rows {
        out.extend_from_slice(&count);
        columns.iter().for_each(|column| column.append(row, out));
    }
}

/// A column of a batch, by what its values become.
enum Column<'a> {
    Bigint(&'a Int64Array),
    Int(&'a Int32Array),
    Smallint(&'a Int16Array),
    Double(&'a Float64Array),
    Numeric(&'a Decimal128Array, u8),
    Bool(&'a BooleanArray),
    Date(&'a Date32Array),
    Time(&'a TimestampMicrosecondArray),
    Uuid(&'a StringArray),
    Text(&'a StringArray, Type),
    Bytea(&'a BinaryArray),
    List(&'a ListArray, Type),
    Range(&'a StructArray, Type),
}

impl<'a> Column<'a> {
    fn of(ty: Type, array: &'a dyn Array) -> Option<Self> {
        let array = array.as_any();
        match ty {
            Type::Bigint => array.downcast_ref().map(Self::Bigint),
            Type::Int => array.downcast_ref().map(Self::Int),
            Type::Smallint => array.downcast_ref().map(Self::Smallint),
            Type::Double => array.downcast_ref().map(Self::Double),
            Type::Numeric { scale, .. } => array.downcast_ref().map(|array| Self::Numeric(array, scale)),
            Type::Bool => array.downcast_ref().map(Self::Bool),
            Type::Date => array.downcast_ref().map(Self::Date),
            Type::Timestamptz | Type::Timestamp => array.downcast_ref().map(Self::Time),
            Type::Uuid => array.downcast_ref().map(Self::Uuid),
            Type::Text | Type::Json | Type::Jsonb => array.downcast_ref().map(|array| Self::Text(array, ty)),
            Type::Bytea => array.downcast_ref().map(Self::Bytea),
            Type::Array(element) => array.downcast_ref().map(|array| Self::List(array, element.ty())),
            Type::Range(element) => array.downcast_ref().map(|array| Self::Range(array, element.ty())),
        }
    }

    fn array(&self) -> &dyn Array {
        match self {
            Self::Bigint(array) => array,
            Self::Int(array) => array,
            Self::Smallint(array) => array,
            Self::Double(array) => array,
            Self::Numeric(array, _) => array,
            Self::Bool(array) => array,
            Self::Date(array) => array,
            Self::Time(array) => array,
            Self::Uuid(array) => array,
            Self::Text(array, _) => array,
            Self::Bytea(array) => array,
            Self::List(array, _) => array,
            Self::Range(array, _) => array,
        }
    }

    fn append(&self, row: usize, out: &mut Vec<u8>) {
        if self.array().is_null(row) {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            return;
        }
        match self {
            Self::Bigint(array) => fixed(&array.value(row).to_be_bytes(), out),
            Self::Int(array) => fixed(&array.value(row).to_be_bytes(), out),
            Self::Smallint(array) => fixed(&array.value(row).to_be_bytes(), out),
            Self::Double(array) => fixed(&array.value(row).to_be_bytes(), out),
            Self::Numeric(array, scale) => numeric(array.value(row) as i64, *scale, out),
            Self::Bool(array) => fixed(&[u8::from(array.value(row))], out),
            Self::Date(array) => fixed(&(array.value(row) - DAYS_TO_2000 as i32).to_be_bytes(), out),
            Self::Time(array) => fixed(&(array.value(row) - MICROS_TO_2000).to_be_bytes(), out),
            Self::Uuid(array) => fixed(&uuid(array.value(row)), out),
            Self::Text(array, ty) => text(*ty, array.value(row).as_bytes(), out),
            Self::Bytea(array) => text(Type::Bytea, array.value(row), out),
            Self::List(lists, element) => {
                let values = lists.value(row);
                array(*element, values.len(), out, |out| {
                    let column = Column::of(*element, values.as_ref());
                    column.iter().for_each(|column| (0..values.len()).for_each(|index| column.append(index, out)));
                });
            }
            Self::Range(ranges, bound) => {
                let bounds = [ranges.column(0), ranges.column(1)];
                range(bounds.map(|array| array.is_valid(row)), out, |index, out| {
                    let column = bounds.get(index).and_then(|array| Column::of(*bound, array.as_ref()));
                    column.iter().for_each(|column| column.append(row, out));
                });
            }
        }
    }
}

/// The bytes of a UUID in its usual form.
fn uuid(text: &str) -> [u8; 16] {
    let digits = text.chars().filter_map(|character| character.to_digit(16));
    digits.fold(0_u128, |number, digit| number << 4 | u128::from(digit)).to_be_bytes()
}
