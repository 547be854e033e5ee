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

#[cfg(test)]
mod tests {
    use super::super::block::BLOCK_ROWS;
    use super::super::{Filter, Value};
    use super::*;

    const SPEC: &str = r#"{
        "name": "shop", "anchor": 20458, "tenant_table": "shops", "users_table": null, "pools": {},
        "tables": [
            {"name": "shops", "per_tenant": 1, "columns": [{"name": "id", "type": "bigint", "source": {"kind": "key"}}]},
            {"name": "sales", "per_tenant": 900, "columns": [
                {"name": "id", "type": "bigint", "source": {"kind": "key"}},
                {"name": "twice", "type": "bigint", "nulls": 0.25, "source":
                    {"kind": "function", "columns": ["id"], "random": 1, "version": "1"}},
                {"name": "next", "type": "bigint", "source": {"kind": "each", "values": [5, 6, 7], "by": "twice"}}
            ]}
        ]
    }"#;

    /// Twice the first input, plus one where the draw is odd; refuses the key 1234 when told to.
    #[derive(Debug)]
    struct Twice {
        refuses: bool,
    }

    impl Functions for Twice {
        fn call(&self, _: &Population, call: &Call<'_>) -> Result<Cells, FunctionFault> {
            let keys: Vec<i64> = (0..call.rows).map(|row| call.inputs[0].1.integer(row)).collect();
            if self.refuses && keys.contains(&1234) {
                return Err(FunctionFault("not this one".into()));
            }
            Ok(Cells::Integers(keys.iter().zip(&call.random[0]).map(|(key, draw)| key * 2 + (draw & 1) as i64).collect()))
        }
    }

    fn shop(refuses: bool) -> Population {
        Population::from_json(SPEC, 4, 9).unwrap().with_functions(Box::new(Twice { refuses }))
    }

    fn together(population: &Population, column: usize, step: u64) -> Vec<i64> {
        let table = &population.tables()[1];
        let mut block = Block::default();
        let mut values = Vec::new();
        for start in (0..3600).step_by(step as usize) {
            block.fill(population, table, start..3600.min(start + step)).unwrap();
            values.extend((0..block.len()).map(|row| block.column(column).unwrap().integer(row)));
        }
        values
    }

    #[test]
    fn a_row_alone_is_that_of_any_block() {
        let population = shop(false);
        let table = &population.tables()[1];
        for column in [1, 2] {
            let whole = together(&population, column, BLOCK_ROWS);
            assert_eq!(whole, together(&population, column, 7));
            for row in [0, 899, 900, 3599] {
                let block = population.row_block(table, table.at_row(row)).unwrap();
                assert_eq!(block.column(column).unwrap().integer(0), whole[row as usize]);
            }
        }
    }

    #[test]
    fn nulls_and_what_hangs_on_a_function_follow_it() {
        let population = shop(false);
        let (twice, next) = (together(&population, 1, 100), together(&population, 2, 100));
        let nulls = twice.iter().filter(|value| **value == NULL).count();
        assert!((800..1000).contains(&nulls), "{nulls}");
        for (row, (value, next)) in twice.iter().zip(next).enumerate() {
            assert!(*value == NULL || value >> 1 == row as i64 + 1);
            assert_eq!(next, if *value == NULL { NULL } else { 5 + value % 3 });
        }
        assert!(twice.iter().any(|value| *value != NULL && value & 1 == 1));
    }

    #[test]
    fn a_pick_by_a_function_finds_exactly_the_rows_that_pass() {
        let population = shop(false);
        let table = &population.tables()[1];
        let next = together(&population, 2, 100);
        let filters: Vec<Filter> = vec![population.filter(table, "next", Some(&Value::Int(6))).unwrap()];
        for number in 0..200 {
            let at = population.pick(table, 2, draw(3, number), &filters).unwrap().unwrap();
            assert_eq!((at.tenant, next[at.row as usize]), (2, 6));
        }
        let none = population.filter(table, "next", Some(&Value::Int(9))).unwrap();
        assert!(population.pick(table, 2, 1, &[none]).unwrap().is_none());
    }

    #[test]
    fn a_fault_ends_the_block_and_the_pick() {
        let population = shop(true);
        let table = &population.tables()[1];
        assert!(Block::default().fill(&population, table, 0..1000).is_ok());
        assert_eq!(Block::default().fill(&population, table, 1000..2000).unwrap_err().to_string(), "not this one");
        let filter = population.filter(table, "twice", Some(&Value::Int(1))).unwrap();
        assert!(population.pick(table, 1, 1, &[filter]).is_err());
        assert!(Population::from_json(SPEC, 4, 9).unwrap().row_block(table, table.at_row(0)).is_err());
    }
}
