//! The same rows as Parquet.

use super::block::{Block, Cells};
use super::function::FunctionFault;
use super::model::{Column, NULL, Population, Table};
use super::print::push_plain;
use super::spec::Type;
use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::StringBuilder;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int16Array, Int32Array, Int64Array, ListArray, RecordBatch,
    StructArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields, Schema, TimeUnit};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of one file.
const FILE_ROWS: u64 = 1 << 20;
/// Rows of a row group: what is held in memory.
const GROUP_ROWS: usize = 1 << 16;
/// Bytes from which a row group ends before that.
const GROUP_BYTES: usize = 32 << 20;

/// Why files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file system refused.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its answer.
        source: io::Error,
    },
    /// The encoder refused.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Its answer.
        source: ParquetError,
    },
    /// A function of the caller gave no values.
    #[error(transparent)]
    Function(#[from] FunctionFault),
    /// The caller asked to stop.
    #[error("interrupted")]
    Interrupted,
}

impl From<ArrowError> for WriteError {
    fn from(error: ArrowError) -> Self {
        Self::Parquet { path: PathBuf::new(), source: error.into() }
    }
}

/// Writes a table into `folder` (made if missing) as `part-00000.parquet` and so on; returns the number of rows.
/// `progress` is told the rows so far and answers whether to go on. A file appears under its name when it is complete.
pub fn write(population: &Population, table: &Table, folder: &Path, progress: &mut dyn FnMut(u64) -> bool) -> Result<u64, WriteError> {
    std::fs::create_dir_all(folder).map_err(|source| WriteError::Io { path: folder.into(), source })?;
    let rows = table.rows(population.tenants());
    let schema = Arc::new(schema(table));
    let mut done = 0;
    let mut part = 0;
    while done < rows || part == 0 {
        let end = rows.min(done + FILE_ROWS);
        let path = folder.join(format!("part-{part:05}.parquet"));
        let partial = path.with_extension("parquet.part");
        let result = write_file(population, table, &schema, done..end, &partial, progress);
        let result = result.and_then(|()| std::fs::rename(&partial, &path).map_err(|source| WriteError::Io { path, source }));
        if let Err(error) = result {
            let _ = std::fs::remove_file(&partial);
            return Err(error);
        }
        done = end;
        part += 1;
    }
    Ok(rows)
}

fn write_file(
    population: &Population,
    table: &Table,
    schema: &Arc<Schema>,
    rows: std::ops::Range<u64>,
    path: &Path,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(), WriteError> {
    let refused = |source| WriteError::Parquet { path: path.into(), source };
    let file = File::create(path).map_err(|source| WriteError::Io { path: path.into(), source })?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).set_max_row_group_row_count(Some(GROUP_ROWS)).build();
    let mut writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(refused)?;
    let mut block = Block::default();
    let mut start = rows.start;
    while start < rows.end {
        let end = rows.end.min(start + table.block_rows());
        block.fill(population, table, start..end)?;
        writer.write(&batch(population, table, schema, &block)?).map_err(refused)?;
        if writer.in_progress_size() > GROUP_BYTES {
            writer.flush().map_err(refused)?;
        }
        start = end;
        if !progress(end) {
            return Err(WriteError::Interrupted);
        }
    }
    writer.close().map_err(refused)?;
    Ok(())
}

pub(super) fn schema(table: &Table) -> Schema {
    let visible = table.visible.iter().filter_map(|index| table.columns.get(*index));
    Schema::new(visible.map(|column| Field::new(&column.name, data_type(column.ty), column.may_be_null())).collect::<Vec<_>>())
}

fn data_type(ty: Type) -> DataType {
    match ty {
        Type::Bigint => DataType::Int64,
        Type::Int => DataType::Int32,
        Type::Smallint => DataType::Int16,
        Type::Double => DataType::Float64,
        Type::Numeric { precision, scale } => DataType::Decimal128(precision, scale as i8),
        Type::Bool => DataType::Boolean,
        Type::Date => DataType::Date32,
        Type::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        Type::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        Type::Text | Type::Json | Type::Jsonb | Type::Uuid => DataType::Utf8,
        Type::Bytea => DataType::Binary,
        Type::Range(element) => DataType::Struct(bounds(element.ty())),
        Type::Array(element) => DataType::List(Arc::new(Field::new_list_field(data_type(element.ty()), true))),
    }
}

fn batch(population: &Population, table: &Table, schema: &Arc<Schema>, block: &Block) -> Result<RecordBatch, ArrowError> {
    let pairs = table.visible.iter().filter_map(|index| Some((table.columns.get(*index)?, block.column(*index)?)));
    let arrays = pairs.map(|(column, cells)| array(population, column, cells)).collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema.clone(), arrays)
}

fn array(population: &Population, column: &Column, cells: &Cells) -> Result<ArrayRef, ArrowError> {
    match cells {
        Cells::Text { bytes, ends } if column.ty == Type::Bytea => Ok(Arc::new(binaries(bytes, ends))),
        Cells::Text { bytes, ends } => Ok(Arc::new(texts(bytes, ends))),
        Cells::Lists { values, ends } if matches!(column.ty, Type::Range(_)) => ranges(population, column.ty, values, ends),
        Cells::Lists { values, ends } => lists(population, column.ty, values, ends),
        Cells::Integers(values) => singles(population, column.ty, values),
    }
}

fn singles(population: &Population, ty: Type, values: &[i64]) -> Result<ArrayRef, ArrowError> {
    let present = values.iter().map(|value| (*value != NULL).then_some(*value));
    Ok(match ty {
        Type::Bigint => Arc::new(present.collect::<Int64Array>()),
        Type::Int => Arc::new(present.map(|value| value.map(|value| value as i32)).collect::<Int32Array>()),
        Type::Smallint => Arc::new(present.map(|value| value.map(|value| value as i16)).collect::<Int16Array>()),
        Type::Double => Arc::new(present.map(|value| value.map(|value| value as f64 / 1e6)).collect::<Float64Array>()),
        Type::Timestamp => Arc::new(present.collect::<TimestampMicrosecondArray>()),
        Type::Date => Arc::new(present.map(|value| value.map(|value| value as i32)).collect::<Date32Array>()),
        Type::Bool => Arc::new(present.map(|value| value.map(|value| value != 0)).collect::<BooleanArray>()),
        Type::Timestamptz => Arc::new(present.collect::<TimestampMicrosecondArray>().with_timezone("UTC")),
        Type::Numeric { precision, scale } => {
            let decimals = present.map(|value| value.map(i128::from)).collect::<Decimal128Array>();
            Arc::new(decimals.with_precision_and_scale(precision, scale as i8)?)
        }
        Type::Bytea | Type::Array(_) | Type::Range(_) => new_null_array(&data_type(ty), values.len()),
        Type::Uuid => {
            let mut builder = StringBuilder::with_capacity(values.len(), values.len() * 36);
            let mut text = Vec::with_capacity(36);
            for value in present {
                text.clear();
                value.iter().for_each(|value| push_plain(&mut text, Type::Uuid, *value));
                builder.append_option(value.and_then(|_| std::str::from_utf8(&text).ok()));
            }
            Arc::new(builder.finish())
        }
        Type::Text | Type::Json | Type::Jsonb => {
            let mut builder = StringBuilder::with_capacity(values.len(), values.len() * 16);
            present.for_each(|code| builder.append_option(code.map(|code| population.words.text(code))));
            Arc::new(builder.finish())
        }
    })
}

fn binaries(bytes: &[u8], ends: &[(usize, bool)]) -> arrow_array::BinaryArray {
    let mut start = 0;
    let one = |(end, null): &(usize, bool)| {
        let found = bytes.get(std::mem::replace(&mut start, *end)..*end);
        found.filter(|_| !null)
    };
    ends.iter().map(one).collect()
}

fn lists(population: &Population, ty: Type, values: &[i64], ends: &[(usize, bool)]) -> Result<ArrayRef, ArrowError> {
    let element = ty.element().unwrap_or(ty);
    let mut start = 0;
    let lengths = ends.iter().map(|(end, _)| end - std::mem::replace(&mut start, *end));
    let field = Arc::new(Field::new_list_field(data_type(element), true));
    let present = ends.iter().map(|(_, null)| !null).collect::<NullBuffer>();
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(lengths), singles(population, element, values)?, Some(present))?))
}

fn bounds(ty: Type) -> Fields {
    ["lower", "upper"].map(|name| Field::new(name, data_type(ty), true)).into_iter().collect()
}

fn ranges(population: &Population, ty: Type, values: &[i64], ends: &[(usize, bool)]) -> Result<ArrayRef, ArrowError> {
    let element = ty.element().unwrap_or(ty);
    let mut start = 0;
    let pairs: Vec<&[i64]> =
        ends.iter().map(|(end, _)| values.get(std::mem::replace(&mut start, *end)..*end).unwrap_or_default()).collect();
    let bound = |index: usize| {
        let column: Vec<i64> = pairs.iter().map(|pair| pair.get(index).copied().unwrap_or(NULL)).collect();
        singles(population, element, &column)
    };
    let present = ends.iter().map(|(_, null)| !null).collect::<NullBuffer>();
    Ok(Arc::new(StructArray::try_new(bounds(element), vec![bound(0)?, bound(1)?], Some(present))?))
}

fn texts(bytes: &[u8], ends: &[(usize, bool)]) -> arrow_array::StringArray {
    let mut builder = StringBuilder::with_capacity(ends.len(), bytes.len());
    let mut start = 0;
    for (end, null) in ends {
        let text = bytes.get(start..*end).and_then(|bytes| std::str::from_utf8(bytes).ok());
        builder.append_option(text.filter(|_| !null));
        start = *end;
    }
    builder.finish()
}
