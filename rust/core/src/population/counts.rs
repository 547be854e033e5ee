//! How many rows each tenant has in a table.

use super::compile::Compiler;
use super::model::Source;
use super::random::subkey;
use super::sizes::{Parents, Sizes};
use super::spec::{RowsSpec, SourceSpec, TableSpec, Type};

impl Compiler<'_> {
    /// How many rows each tenant has: of its own draws or those of its rows, so that more tenants leave those before them as they are.
    pub(super) fn rows(&mut self, table: &TableSpec, before: &[(Sizes, Option<Parents>)]) -> (Sizes, Option<Parents>) {
        self.place = format!("table {}", table.name);
        self.bounds.push((1, 1));
        self.siblings.push(1);
        let (parent, rows) = match &table.per_tenant {
            RowsSpec::Per { parent, rows } => (Some(parent), rows.as_ref()),
            rows => (None, rows),
        };
        let Some(drawn) = self.counts(rows) else {
            return (Sizes::Fixed(1), None);
        };
        let (low, high) = drawn.bounds();
        if low < 0 || high < 1 {
            self.fault(if low < 0 { "numbers of rows cannot be negative" } else { "no tenant can have a row" });
            return (Sizes::Fixed(1), None);
        }
        if let Some(most) = self.siblings.last_mut() {
            *most = high as u64;
        }
        let key = subkey(self.key_of(table), "rows per tenant");
        let count = |number: u64| drawn.drawn(key, number) as u64;
        let parents = match parent {
            Some(name) => match self.index_of(name).and_then(|index| Some((index, before.get(index)?))) {
                Some((index, (sizes, _))) => Some((index, Parents::drawn(index, sizes, self.tenants, count))),
                None => {
                    self.fault(format!("has rows per row of {name}, which does not stand before it"));
                    return (Sizes::Fixed(1), None);
                }
            },
            None => None,
        };
        let (most, least) = parents.as_ref().map_or((1, 1), |(index, _)| (self.bounds_of(*index).1, self.bounds_of(*index).0));
        if let Some(bounds) = self.bounds.last_mut() {
            *bounds = (least.saturating_mul(low as u64), most.saturating_mul(high as u64));
        }
        match (parents, rows) {
            (Some((_, (parents, sizes))), _) => (sizes, Some(parents)),
            (None, RowsSpec::Fixed(count)) => (Sizes::Fixed(*count), None),
            (None, _) => (Sizes::drawn((0..self.tenants).map(count)), None),
        }
    }

    /// Where numbers of rows come from; none when that is no source of whole numbers on its own.
    pub(super) fn counts(&mut self, rows: &RowsSpec) -> Option<Source> {
        match rows {
            RowsSpec::Fixed(0) => self.fault("rows per tenant must be at least 1"),
            RowsSpec::Fixed(count) => return Some(Source::Integer { low: *count as i64, count: 1 }),
            RowsSpec::Drawn(
                source @ (SourceSpec::Integer { .. }
                | SourceSpec::Spread { .. }
                | SourceSpec::Choice { .. }
                | SourceSpec::Runs { .. }
                | SourceSpec::Each { by: None, .. }),
            ) => return Some(self.number(source)),
            _ => self.fault(
                "numbers of rows are fixed, or drawn from one of: integer, normal, lognormal, exponential, poisson, zipf, quantiles, choice, runs, each",
            ),
        }
        None
    }

    pub(super) fn number(&mut self, source: &SourceSpec) -> Source {
        match source {
            SourceSpec::Integer { low, high } => self.integer(Type::Int, *low, *high),
            SourceSpec::Spread { knots } => self.spread(Type::Int, knots),
            SourceSpec::Choice { values, weights } => self.choice(Type::Int, values, weights),
            SourceSpec::Runs { runs } => self.runs(Type::Int, runs),
            SourceSpec::Each { values, .. } => Source::Each { values: self.values(Type::Int, values), by: None },
            _ => Source::Constant(0),
        }
    }

    /// The fewest and the most rows of a tenant in a table.
    pub(super) fn bounds_of(&self, table: usize) -> (u64, u64) {
        self.bounds.get(table).copied().unwrap_or_default()
    }
}
