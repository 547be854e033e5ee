//! A row of a tenant by chance, also one whose columns have given values, without looking anything up.

use super::block::{Block, Cells};
use super::function::FunctionFault;
use super::model::{NULL, Population, Source, Table};
use super::print::push_plain;
use super::random::{below, draw};
use super::spec::{Type, Value};
use super::value::At;

/// Tries by chance before going through the positions one by one.
const TRIES: u64 = 24;

/// A wanted value of a column.
#[derive(Debug, Clone)]
pub struct Filter {
    column: usize,
    wanted: Wanted,
}

#[derive(Debug, Clone)]
enum Wanted {
    Integer(i64),
    Text(String),
    Null,
    Nothing,
}

impl Filter {
    fn is_derived(&self, table: &Table) -> bool {
        table.columns.get(self.column).is_some_and(|column| column.derived)
    }
}

impl Population {
    /// A filter `column = value`; `None` as the value means null. The fault is a sentence.
    pub fn filter(&self, table: &Table, column: &str, value: Option<&Value>) -> Result<Filter, String> {
        let Some(index) = table.by_name.get(column) else {
            return Err(format!("{} has no column {column}; known: {}", table.name, table.names().join(", ")));
        };
        let Some(found) = table.columns.get(*index) else {
            return Err(String::new());
        };
        let wanted = match (value, found.ty, &found.source) {
            (None, _, _) if !found.may_be_null() => return Err(format!("{}.{column} is never null", table.name)),
            (None, _, _) => Wanted::Null,
            (Some(_), ty, _) if ty.is_long() => {
                return Err(format!(
                    "{}.{column} holds arrays, bytes or ranges: rows can be picked by None there, and by no other value",
                    table.name
                ));
            }
            (Some(Value::Text(text)), ty, Source::Template(_) | Source::Function { .. }) if ty.is_text() => Wanted::Text(text.clone()),
            (Some(Value::Text(text)), Type::Uuid, _) => Wanted::Text(text.clone()),
            (Some(Value::Text(text)), ty, _) if ty.is_text() => self.words.code(text).map_or(Wanted::Nothing, Wanted::Integer),
            (Some(Value::Int(number)), ty, _) if !ty.is_text() && ty != Type::Uuid => Wanted::Integer(*number),
            (Some(value), _, _) => {
                return Err(format!("{}.{column} cannot equal {value:?}: it has another type", table.name));
            }
        };
        Ok(Filter { column: *index, wanted })
    }

    /// A random row of the tenant that passes all filters, from one random number; none if no row does.
    /// Fails where a function of the caller does.
    pub fn pick(&self, table: &Table, tenant: u64, random: u64, filters: &[Filter]) -> Result<Option<At>, FunctionFault> {
        let size = table.sizes.of(tenant);
        if size == 0 {
            return Ok(None);
        }
        if filters.is_empty() {
            return Ok(Some(table.at(tenant, below(random, size))));
        }
        if filters.iter().any(|filter| filter.is_derived(table)) {
            return self.pick_in_blocks(table, tenant, random, filters);
        }
        Ok(self.pick_alone(table, tenant, random, filters))
    }

    fn pick_alone(&self, table: &Table, tenant: u64, random: u64, filters: &[Filter]) -> Option<At> {
        let size = table.sizes.of(tenant);
        if let [filter] = filters
            && let Some(found) = by_position(table, tenant, random, filter)
        {
            return found;
        }
        let passes = |at: &At| filters.iter().all(|filter| self.passes(table, *at, filter));
        let chance = (0..TRIES).map(|attempt| table.at(tenant, below(draw(random, attempt), size)));
        chance.into_iter().find(passes).or_else(|| {
            let first = below(random, size);
            let around = (0..size).map(|step| table.at(tenant, (first + step) % size));
            around.into_iter().find(passes)
        })
    }

    /// One of the rows that pass in the first block with any; blocks from one by chance on, as functions are slow for single rows.
    fn pick_in_blocks(&self, table: &Table, tenant: u64, random: u64, filters: &[Filter]) -> Result<Option<At>, FunctionFault> {
        let (start, size, step) = (table.sizes.start(tenant), table.sizes.of(tenant), table.block_rows());
        let blocks = size.div_ceil(step);
        let mut block = Block::default();
        for number in (0..blocks).map(|turn| (below(random, blocks) + turn) % blocks) {
            let first = number * step;
            block.fill(self, table, start + first..start + size.min(first + step))?;
            let passes = |position: &u64| {
                let (at, row) = (table.at(tenant, *position), (*position - first) as usize);
                filters.iter().all(|filter| match block.column(filter.column) {
                    Some(cells) if filter.is_derived(table) => self.cell_passes(table, cells, row, filter),
                    _ => self.passes(table, at, filter),
                })
            };
            let found: Vec<u64> = (first..first + block.len() as u64).filter(passes).collect();
            if let Some(position) = found.get(below(draw(random, 0), found.len() as u64) as usize) {
                return Ok(Some(table.at(tenant, *position)));
            }
        }
        Ok(None)
    }

    fn cell_passes(&self, table: &Table, cells: &Cells, row: usize, filter: &Filter) -> bool {
        let ty = table.columns.get(filter.column).map_or(Type::Text, |column| column.ty);
        match (&filter.wanted, cells) {
            (Wanted::Null, Cells::Integers(_)) => cells.integer(row) == NULL,
            (Wanted::Null, Cells::Text { .. }) => cells.text(row).is_none(),
            (Wanted::Null, Cells::Lists { .. }) => cells.list(row).is_none(),
            (Wanted::Integer(wanted), _) => cells.integer(row) == *wanted,
            (Wanted::Nothing, _) => false,
            (Wanted::Text(wanted), Cells::Integers(_)) => {
                let mut text = Vec::new();
                push_plain(&mut text, ty, cells.integer(row));
                text == wanted.as_bytes()
            }
            (Wanted::Text(wanted), _) => cells.text(row) == Some(wanted.as_bytes()),
        }
    }

    fn passes(&self, table: &Table, at: At, filter: &Filter) -> bool {
        match &filter.wanted {
            Wanted::Null => self.is_null(table, filter.column, at),
            Wanted::Integer(wanted) => self.integer(table, filter.column, at) == *wanted,
            Wanted::Nothing => false,
            Wanted::Text(wanted) => {
                let mut text = Vec::new();
                self.text(table, filter.column, at, &mut text) && text == wanted.as_bytes()
            }
        }
    }
}

/// Where the position decides the value, the answer is arithmetic.
fn by_position(table: &Table, tenant: u64, random: u64, filter: &Filter) -> Option<Option<At>> {
    let column = table.columns.get(filter.column)?;
    let (Wanted::Integer(wanted), Source::Runs { ends, values }, None) = (&filter.wanted, &column.source, column.nulls) else {
        return None;
    };
    let (size, mut start) = (table.sizes.of(tenant), 0);
    let mut ranges: Vec<(u64, u64)> = Vec::with_capacity(values.len());
    for (index, (end, value)) in ends.iter().zip(values).enumerate() {
        let end = if index + 1 == values.len() { size } else { (*end).min(size) };
        if value == wanted && end > start {
            ranges.push((start, end - start));
        }
        start = end;
    }
    let mut index = below(random, ranges.iter().map(|range| range.1).sum());
    for (start, count) in ranges {
        if index < count {
            return Some(Some(table.at(tenant, start + index)));
        }
        index -= count;
    }
    Some(None)
}
