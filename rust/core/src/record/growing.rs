//! A table of the run folder in numbered files. The newest one is written again, with more rows at its end, until it is large: a run of
//! hours has some hundred files then, not some ten thousand, and a reader sees all rows at any moment, each of them once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;

use super::table::{Table, write_batches};

/// Bytes of a file after which the next one begins.
const LARGE: u64 = 1 << 20;
/// The same for what is kept in memory to write it again.
const LARGE_IN_MEMORY: usize = 8 << 20;

pub(super) struct Growing {
    path: PathBuf,
    number: u32,
    rows: Vec<RecordBatch>,
}

impl Growing {
    /// The table whose files are `folder/name-000001.parquet` and so on.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self { path: folder.join(name), number: 1, rows: Vec::new() }
    }

    /// Writes rows after those that are there already.
    pub(super) fn add(&mut self, table: Table) -> io::Result<()> {
        self.rows.push(table.batch()?);
        let mut name = self.path.clone().into_os_string();
        name.push(format!("-{:06}.parquet", self.number));
        write_batches(&self.rows, Path::new(&name))?;
        let in_memory: usize = self.rows.iter().map(RecordBatch::get_array_memory_size).sum();
        if fs::metadata(&name)?.len() >= LARGE || in_memory >= LARGE_IN_MEMORY {
            self.number += 1;
            self.rows.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use parquet::file::reader::{FileReader, SerializedFileReader};

    use super::*;

    fn rows_of(path: &Path) -> i64 {
        SerializedFileReader::new(File::open(path).unwrap()).unwrap().metadata().file_metadata().num_rows()
    }

    fn numbers(seed: u64) -> Table {
        let values = (0..20_000_u64).map(move |number| (number + seed * 20_000).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 1);
        Table::default().count("value", values)
    }

    #[test]
    fn rows_are_added_to_a_file_until_it_is_large_and_none_is_lost_or_doubled() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = Growing::new(folder.path(), "http");
        let first = folder.path().join("http-000001.parquet");
        for chunk in 1..=9 {
            table.add(numbers(chunk)).unwrap();
            assert!(rows_of(&first) >= 20_000 * chunk.min(6).try_into().unwrap_or(0), "chunk {chunk} is on disk");
        }
        let mut files: Vec<PathBuf> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), 2, "{files:?}");
        assert_eq!(files.iter().map(|path| rows_of(path)).sum::<i64>(), 9 * 20_000);
        assert!(fs::metadata(&first).unwrap().len() >= LARGE);
    }
}
