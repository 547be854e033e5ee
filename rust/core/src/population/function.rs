//! Columns that a function of the caller computes, a block at a time: what no other source can say.

use super::block::{Block, Cells};
use super::compile::Compiler;
use super::model::{Column, NULL, Population, Source, Table};
use super::random::{draw, subkey};
use super::spec::{TableSpec, Type};
use super::value::At;
use std::fmt::Debug;

/// Why a function gave no values: whatever it raised.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FunctionFault(pub Box<dyn std::error::Error + Send + Sync>);

/// The functions of a dataset.
pub trait Functions: Send + Sync + Debug {
    /// The values of one column for the rows of a block: as many as there are rows, integers or text (see [`Type`]).
    fn call(&self, population: &Population, call: &Call<'_>) -> Result<Cells, FunctionFault>;
}

/// What a function is given.
#[derive(Debug)]
pub struct Call<'b> {
    /// The table.
    pub table: &'b str,
    /// The column that is wanted.
    pub column: &'b str,
    /// Number of rows.
    pub rows: usize,
    /// The columns that it asked for, with their values.
    pub inputs: Vec<(&'b Column, &'b Cells)>,
    /// Uniform random numbers of its own, an array for each that it asked for.
    pub random: Vec<Vec<u64>>,
}

impl Population {
    /// The same population with the functions that its spec speaks of.
    #[must_use]
    pub fn with_functions(mut self, functions: Box<dyn Functions>) -> Self {
        self.functions = Some(functions);
        self
    }

    /// A block that holds one row alone.
    pub fn row_block(&self, table: &Table, at: At) -> Result<Block, FunctionFault> {
        let mut block = Block::default();
        block.fill(self, table, at.row..at.row + 1)?;
        Ok(block)
    }

    pub(super) fn call(
        &self,
        table: &Table,
        column: &Column,
        needs: &[usize],
        random: u32,
        cells: &[Cells],
        places: &[At],
    ) -> Result<Cells, FunctionFault> {
        let functions = self.functions.as_ref().ok_or_else(|| FunctionFault("the population was made without its functions".into()))?;
        let inputs = needs.iter().filter_map(|index| Some((table.columns.get(*index)?, cells.get(*index)?))).collect();
        let drawn = |number: u32| {
            let key = subkey(column.key, &format!("random {number}"));
            places.iter().map(|at| draw(key, at.row)).collect()
        };
        let random = (0..random).map(drawn).collect();
        let call = Call { table: &table.name, column: &column.name, rows: places.len(), inputs, random };
        let mut given = functions.call(self, &call)?;
        for (row, _) in places.iter().enumerate().filter(|(_, at)| column.is_null(**at)) {
            given.forget(row);
        }
        Ok(given)
    }
}

impl Cells {
    /// Makes one value null.
    fn forget(&mut self, row: usize) {
        match self {
            Self::Integers(values) => values.get_mut(row).into_iter().for_each(|value| *value = NULL),
            Self::Text { ends, .. } | Self::Lists { ends, .. } => ends.get_mut(row).into_iter().for_each(|end| end.1 = true),
        }
    }
}

impl Compiler<'_> {
    pub(super) fn function(&mut self, table: &TableSpec, ty: Type, columns: &[String], random: u32) -> Source {
        if ty.is_long() || ty == Type::Uuid {
            self.fault("a function gives numbers, truths, texts, dates and times; no arrays, bytes, ranges or UUIDs");
        }
        let needs: Vec<usize> = columns.iter().map(|name| self.named_column(table, name)).collect();
        for column in needs.iter().filter_map(|index| table.columns.get(*index)).filter(|column| column.ty.is_long()) {
            self.fault(format!("{} holds arrays, bytes or ranges, which a function cannot be given", column.name));
        }
        Source::Function { needs, random }
    }
}
