//! Many rows at once, a column at a time, into buffers that are used again.

use super::function::FunctionFault;
use super::model::{Column, NULL, Population, Source, Table};
use super::value::{At, Others};
use std::ops::Range;

/// Rows of a block: large enough to make the work per block vanish, small enough for the cache.
pub(crate) const BLOCK_ROWS: u64 = 2048;

/// What the longest values of a block may take together, unless a single row takes more.
const BLOCK_BYTES: u64 = 8 << 20;

impl Table {
    /// Rows of a block of this table: fewer where arrays or bytes are long, so that memory stays bounded.
    pub fn block_rows(&self) -> u64 {
        let longest = |column: &Column| match &column.source {
            Source::Bytes { low, count } => low + count,
            Source::Several { low, count, .. } => (low + count) * 8,
            _ => 0,
        };
        let bytes: u64 = self.columns.iter().map(longest).sum();
        (BLOCK_BYTES / bytes.max(1)).clamp(1, BLOCK_ROWS)
    }
}

/// The values of one column of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cells {
    /// Every type; for text, codes.
    Integers(Vec<i64>),
    /// Text of templates, one after the other, with the end of each; a null has the mark set.
    Text {
        /// All bytes.
        bytes: Vec<u8>,
        /// End of each text in `bytes`, and whether it is null.
        ends: Vec<(usize, bool)>,
    },
    /// Arrays, one after the other, with the end of each; a null has the mark set.
    Lists {
        /// All elements.
        values: Vec<i64>,
        /// End of each array in `values`, and whether it is null.
        ends: Vec<(usize, bool)>,
    },
}

impl Cells {
    /// The integer of a row; null for other kinds.
    #[inline]
    pub fn integer(&self, row: usize) -> i64 {
        match self {
            Self::Integers(values) => values.get(row).copied().unwrap_or(NULL),
            _ => NULL,
        }
    }

    /// The bytes of a row; none for null and other kinds.
    #[inline]
    pub fn text(&self, row: usize) -> Option<&[u8]> {
        match self {
            Self::Text { bytes, ends } => bytes.get(range(ends, row)?),
            _ => None,
        }
    }

    /// The elements of a row; none for null and other kinds.
    #[inline]
    pub fn list(&self, row: usize) -> Option<&[i64]> {
        match self {
            Self::Lists { values, ends } => values.get(range(ends, row)?),
            _ => None,
        }
    }
}

#[inline]
fn range(ends: &[(usize, bool)], row: usize) -> Option<Range<usize>> {
    let start = row.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |end| end.0);
    let (end, null) = *ends.get(row)?;
    (!null).then_some(start..end)
}

/// The values of consecutive rows of a table.
#[derive(Debug, Default)]
pub struct Block {
    places: Vec<At>,
    columns: Vec<Cells>,
}

struct InBlock<'b> {
    columns: &'b [Cells],
    index: usize,
}

impl Others for InBlock<'_> {
    #[inline(always)]
    fn get(&self, column: usize) -> i64 {
        self.columns.get(column).map_or(NULL, |cells| cells.integer(self.index))
    }
}

impl Block {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The values of a column, by its number in the table.
    pub fn column(&self, column: usize) -> Option<&Cells> {
        self.columns.get(column)
    }

    /// Computes these rows of a table; what was in the block before is gone. Fails where a function of the caller does.
    pub fn fill(&mut self, population: &Population, table: &Table, rows: Range<u64>) -> Result<(), FunctionFault> {
        self.place(table, rows);
        self.columns.resize_with(table.columns.len(), || Cells::Integers(Vec::new()));
        for index in &table.order {
            let Some(column) = table.columns.get(*index) else {
                continue;
            };
            let Some(slot) = self.columns.get_mut(*index) else {
                continue;
            };
            let old = std::mem::replace(slot, Cells::Integers(Vec::new()));
            let filled = match &column.source {
                Source::Template(parts) => {
                    let (mut bytes, mut ends) = reuse_text(old);
                    for (row, at) in self.places.iter().enumerate() {
                        let null = column.is_null(*at);
                        if !null {
                            population.render(parts, table, *at, &InBlock { columns: &self.columns, index: row }, &mut bytes);
                        }
                        ends.push((bytes.len(), null));
                    }
                    Cells::Text { bytes, ends }
                }
                Source::Bytes { .. } => {
                    let (mut bytes, mut ends) = reuse_text(old);
                    for at in &self.places {
                        let null = !column.push_bytes(*at, &mut bytes);
                        ends.push((bytes.len(), null));
                    }
                    Cells::Text { bytes, ends }
                }
                Source::Several { .. } | Source::Range { .. } => {
                    let (mut values, mut ends) = (reuse_integers(old), Vec::with_capacity(self.places.len()));
                    for (row, at) in self.places.iter().enumerate() {
                        let null = !column.push_elements(*at, &InBlock { columns: &self.columns, index: row }, &mut values);
                        ends.push((values.len(), null));
                    }
                    Cells::Lists { values, ends }
                }
                Source::Function { needs, random } => population.call(table, column, needs, *random, &self.columns, &self.places)?,
                _ => {
                    let mut values = reuse_integers(old);
                    let places = self.places.iter().enumerate();
                    values.extend(places.map(|(row, at)| column.integer(*at, &InBlock { columns: &self.columns, index: row }, population)));
                    Cells::Integers(values)
                }
            };
            if let Some(slot) = self.columns.get_mut(*index) {
                *slot = filled;
            }
        }
        Ok(())
    }

    fn place(&mut self, table: &Table, rows: Range<u64>) {
        self.places.clear();
        let mut at = table.at_row(rows.start);
        let end = rows.end;
        for row in rows {
            at.row = row;
            self.places.push(at);
            at.position += 1;
            while at.position == table.sizes.of(at.tenant) && row + 1 < end {
                at = At { row, tenant: at.tenant + 1, position: 0 };
            }
        }
    }
}

fn reuse_integers(old: Cells) -> Vec<i64> {
    match old {
        Cells::Integers(mut values) | Cells::Lists { mut values, .. } => {
            values.clear();
            values
        }
        Cells::Text { .. } => Vec::new(),
    }
}

fn reuse_text(old: Cells) -> (Vec<u8>, Vec<(usize, bool)>) {
    match old {
        Cells::Text { mut bytes, mut ends } => {
            bytes.clear();
            ends.clear();
            (bytes, ends)
        }
        Cells::Integers(_) | Cells::Lists { .. } => Default::default(),
    }
}
