//! From spec to population: resolves names, checks everything, and reports all faults at once.

use super::model::{Bound, Column, DAY, Moment, Nulls, Number, Part, Pick, Population, SlotTime, Source, Table, Words};
use super::random::{cumulative, subkey, threshold};
use super::sizes::{Parents, Sizes};
use super::spec::{BoundSpec, ColumnSpec, HoursSpec, RowsSpec, SourceSpec, Spec, TableSpec, Type, Value};
use super::{order, template};
use std::collections::HashMap;
use std::sync::Arc;

/// Everything that is wrong with a spec, one sentence each.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct SpecFaults(pub Vec<String>);

impl Population {
    /// Reads a spec from JSON and compiles it.
    pub fn from_json(json: &str, tenants: u64, rng_seed: u64) -> Result<Self, SpecFaults> {
        let spec: Spec = serde_json::from_str(json).map_err(|error| SpecFaults(vec![error.to_string()]))?;
        Self::compile(&spec, tenants, rng_seed)
    }

    /// Compiles a spec for so many tenants.
    pub fn compile(spec: &Spec, tenants: u64, rng_seed: u64) -> Result<Self, SpecFaults> {
        let mut compiler = Compiler::new(spec, tenants, rng_seed);
        let mut sizes: Vec<(Sizes, Option<Parents>)> = Vec::with_capacity(spec.tables.len());
        for table in &spec.tables {
            let made = compiler.rows(table, &sizes);
            sizes.push(made);
        }
        let mut tables: Vec<Table> = spec.tables.iter().map(|table| compiler.table(table)).collect();
        let tenant_table = compiler.named_table(&spec.tenant_table, "tenant_table");
        if spec.tables.get(tenant_table).is_some_and(|table| !matches!(table.per_tenant, RowsSpec::Fixed(1))) {
            compiler.faults.push(format!("table {}: the tenant table has exactly one row per tenant", spec.tenant_table));
        }
        let users_table = spec.users_table.as_ref().map(|name| compiler.named_table(name, "users_table"));
        if compiler.faults.is_empty() {
            compiler.faults.extend(order::sort_columns(&mut tables));
        }
        if !compiler.faults.is_empty() {
            return Err(SpecFaults(compiler.faults));
        }
        for (table, (sizes, parents)) in tables.iter_mut().zip(sizes) {
            (table.sizes, table.parents) = (sizes, parents);
        }
        Ok(Self { name: spec.name.clone(), tenants, rng_seed, tenant_table, users_table, tables, words: compiler.words })
    }
}

struct Compiler<'a> {
    spec: &'a Spec,
    tenants: u64,
    rng_seed: u64,
    /// The fewest and the most rows that a tenant can have in each table, whatever it draws.
    bounds: Vec<(u64, u64)>,
    words: Words,
    pools: HashMap<&'a str, Arc<[i64]>>,
    faults: Vec<String>,
    /// Where we are, for messages.
    place: String,
}

impl<'a> Compiler<'a> {
    fn new(spec: &'a Spec, tenants: u64, rng_seed: u64) -> Self {
        let mut words = Words::default();
        let mut pools = HashMap::new();
        for (name, texts) in &spec.pools {
            let codes: Arc<[i64]> = texts.iter().map(|text| words.intern(text)).collect();
            pools.insert(name.as_str(), codes);
        }
        Self { spec, tenants, rng_seed, bounds: Vec::new(), words, pools, faults: Vec::new(), place: String::new() }
    }

    fn fault(&mut self, text: impl AsRef<str>) {
        self.faults.push(format!("{}: {}", self.place, text.as_ref()));
    }

    fn table(&mut self, spec: &TableSpec) -> Table {
        self.place = format!("table {}", spec.name);
        let key = self.key_of(spec);
        let mut by_name = HashMap::new();
        for (index, column) in spec.columns.iter().enumerate() {
            if by_name.insert(column.name.clone(), index).is_some() {
                self.fault(format!("column {} stands twice", column.name));
            }
        }
        by_name.retain(|name, _| spec.columns.iter().any(|column| column.name == *name && !column.hidden));
        let columns = spec.columns.iter().map(|column| self.column(spec, column, key)).collect();
        let visible = spec.columns.iter().enumerate().filter(|(_, column)| !column.hidden).map(|(index, _)| index).collect();
        Table { name: spec.name.clone(), sizes: Sizes::Fixed(1), parents: None, columns, visible, by_name, order: Vec::new() }
    }

    fn key_of(&self, table: &TableSpec) -> u64 {
        subkey(subkey(0, "tenantry").wrapping_add(self.rng_seed), &table.name)
    }

    /// How many rows each tenant has: of its own draws or those of its rows, so that more tenants leave those before them as they are.
    fn rows(&mut self, table: &TableSpec, before: &[(Sizes, Option<Parents>)]) -> (Sizes, Option<Parents>) {
        self.place = format!("table {}", table.name);
        self.bounds.push((1, 1));
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
    fn counts(&mut self, rows: &RowsSpec) -> Option<Source> {
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

    fn number(&mut self, source: &SourceSpec) -> Source {
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
    fn bounds_of(&self, table: usize) -> (u64, u64) {
        self.bounds.get(table).copied().unwrap_or_default()
    }

    fn index_of(&self, table: &str) -> Option<usize> {
        self.spec.tables.iter().position(|known| known.name == table)
    }

    fn column(&mut self, table: &TableSpec, spec: &ColumnSpec, key: u64) -> Column {
        self.place = format!("table {}, column {}", table.name, spec.name);
        if !(0.0..=1.0).contains(&spec.nulls) {
            self.fault("the share of nulls must lie between 0 and 1");
        }
        let key = subkey(key, &spec.name);
        let nulls = (spec.nulls > 0.0).then(|| Nulls { key: subkey(key, "null"), below: threshold(spec.nulls) });
        Column { name: spec.name.clone(), ty: spec.ty, key, nulls, source: self.source(table, spec.ty, &spec.source) }
    }

    fn source(&mut self, table: &TableSpec, ty: Type, spec: &SourceSpec) -> Source {
        match spec {
            SourceSpec::Constant { value } => Source::Constant(self.value(ty, value)),
            SourceSpec::Key => Source::Key,
            SourceSpec::TenantKey => Source::TenantKey,
            SourceSpec::OfTenant { column } => self.of_tenant(ty, column),
            SourceSpec::Parent => {
                if !matches!(table.per_tenant, RowsSpec::Per { .. }) {
                    self.fault("has no parent: the table has no rows per row of another one");
                }
                Source::Parent { own: self.index_of(&table.name).unwrap_or(0) }
            }
            SourceSpec::Position { start, step } => Source::Position { start: *start, step: *step },
            SourceSpec::Choice { values, weights } => self.choice(ty, values, weights),
            SourceSpec::Runs { runs } => self.runs(ty, runs),
            SourceSpec::Each { values, by } => {
                let by = by.as_ref().map(|name| self.named_column(table, name));
                Source::Each { values: self.values(ty, values), by }
            }
            SourceSpec::Integer { low, high } => self.integer(ty, *low, *high),
            SourceSpec::Spread { knots } => self.spread(ty, knots),
            SourceSpec::Uuid => {
                if ty != Type::Uuid {
                    self.fault("a UUID needs a uuid column");
                }
                Source::Uuid
            }
            SourceSpec::Bytes { low, high } => {
                if ty != Type::Bytea {
                    self.fault("bytes need a bytea column");
                }
                Source::Bytes { low: *low, count: self.span(*low, *high) }
            }
            SourceSpec::Several { of, low, high } => self.several(table, ty, of, *low, *high),
            SourceSpec::Words { pool } => self.pool(ty, pool),
            SourceSpec::Flag { share } => Source::Flag { below: threshold(*share) },
            SourceSpec::Reference { table: parent, from, count, weights, by } => {
                self.reference(table, parent, *from, *count, weights.as_deref(), by.as_deref())
            }
            SourceSpec::Lookup { reference, column } => self.lookup(table, ty, reference, column),
            SourceSpec::Distinct { size } => self.distinct(table, *size),
            SourceSpec::SlotTime { slot, first_day, hours, every, lanes } => {
                self.slot_time(table, slot, *first_day, *hours, *every, *lanes)
            }
            SourceSpec::Moment { low, high, step, hours } => self.moment(table, ty, low, high, *step, *hours),
            SourceSpec::By { column, cases } => self.by(table, ty, column, cases),
            SourceSpec::Template { text } => self.template(table, ty, text),
        }
    }

    fn value(&mut self, ty: Type, value: &Value) -> i64 {
        match (ty, value) {
            (ty, Value::Text(text)) if ty.is_text() => self.words.intern(text),
            (ty, Value::Int(number)) if ty.is_text() => {
                self.fault(format!("{number} is a number, the column is text"));
                0
            }
            (_, Value::Text(text)) => {
                self.fault(format!("{text:?} is text, the column is not"));
                0
            }
            (_, Value::Int(number)) => {
                self.within(ty, *number);
                *number
            }
        }
    }

    fn values(&mut self, ty: Type, values: &[Value]) -> Vec<i64> {
        if values.is_empty() {
            self.fault("there is no value to choose from");
        }
        values.iter().map(|value| self.value(ty, value)).collect()
    }

    fn within(&mut self, ty: Type, number: i64) {
        let limit = match ty {
            Type::Int => i64::from(i32::MAX),
            Type::Smallint => i64::from(i16::MAX),
            Type::Numeric { precision, .. } => 10_i64.saturating_pow(u32::from(precision)) - 1,
            _ => i64::MAX,
        };
        if number > limit || number < -limit {
            self.fault(format!("{number} does not fit its type"));
        }
    }

    fn choice(&mut self, ty: Type, values: &[Value], weights: &[f64]) -> Source {
        let values = self.values(ty, values);
        self.weights(weights, values.len() as u64);
        Source::Choice { ends: cumulative(weights), values }
    }

    fn weights(&mut self, weights: &[f64], wanted: u64) {
        if weights.len() as u64 != wanted {
            self.fault(format!("{} weights for {wanted} values", weights.len()));
        }
        if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) || weights.iter().sum::<f64>() <= 0.0 {
            self.fault("weights must not be negative, and one must be above 0");
        }
    }

    fn runs(&mut self, ty: Type, runs: &[(u64, Value)]) -> Source {
        let mut end = 0;
        let ends = runs
            .iter()
            .map(|(count, _)| {
                end += count;
                end
            })
            .collect();
        let values: Vec<Value> = runs.iter().map(|(_, value)| value.clone()).collect();
        Source::Runs { ends, values: self.values(ty, &values) }
    }

    fn integer(&mut self, ty: Type, low: i64, high: i64) -> Source {
        if high < low {
            self.fault(format!("the range {low} to {high} is empty"));
        }
        self.within(ty, low);
        self.within(ty, high);
        Source::Integer { low, count: high.wrapping_sub(low).wrapping_add(1).max(1) as u64 }
    }

    fn spread(&mut self, ty: Type, knots: &[i64]) -> Source {
        if knots.len() < 2 || !knots.is_sorted() {
            self.fault("quantiles are at least two values in ascending order");
        }
        knots.iter().for_each(|knot| self.within(ty, *knot));
        Source::Spread(knots.to_vec())
    }

    fn several(&mut self, table: &TableSpec, ty: Type, of: &SourceSpec, low: u64, high: u64) -> Source {
        let count = self.span(low, high);
        let Some(element) = ty.element() else {
            self.fault("several values need an array column");
            return Source::Constant(0);
        };
        let plain = matches!(
            of,
            SourceSpec::Constant { .. }
                | SourceSpec::Choice { .. }
                | SourceSpec::Integer { .. }
                | SourceSpec::Spread { .. }
                | SourceSpec::Words { .. }
        );
        if !plain {
            self.fault("the values of an array are drawn from one of: constant, choice, integer, words, normal and the like");
        }
        Source::Several { of: Box::new(self.source(table, element, of)), low, count }
    }

    /// How many numbers there are from `low` to `high`.
    fn span(&mut self, low: u64, high: u64) -> u64 {
        if high < low {
            self.fault(format!("the range {low} to {high} is empty"));
        }
        high.saturating_sub(low) + 1
    }

    fn pool(&mut self, ty: Type, name: &str) -> Source {
        if ty != Type::Text {
            self.fault("words need a text column");
        }
        match self.pools.get(name) {
            Some(codes) if !codes.is_empty() => Source::Words(codes.clone()),
            Some(_) => {
                self.fault(format!("the pool {name} is empty"));
                Source::Constant(0)
            }
            None => {
                let known: Vec<&str> = self.pools.keys().copied().collect();
                self.fault(format!("there is no pool {name}; known: {}", known.join(", ")));
                Source::Constant(0)
            }
        }
    }

    fn named_table(&mut self, name: &str, what: &str) -> usize {
        self.spec.tables.iter().position(|table| table.name == name).unwrap_or_else(|| {
            self.faults.push(format!("{what} names {name}, which is not a table of the dataset"));
            0
        })
    }

    fn named_column(&mut self, table: &TableSpec, name: &str) -> usize {
        table.columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
            let known: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            self.fault(format!("there is no column {name} in {}; known: {}", table.name, known.join(", ")));
            0
        })
    }

    fn reference(
        &mut self,
        table: &TableSpec,
        parent: &str,
        from: u64,
        count: Option<u64>,
        weights: Option<&[f64]>,
        by: Option<&str>,
    ) -> Source {
        let Some(target) = self.index_of(parent) else {
            self.fault(format!("refers to {parent}, which is not a table of the dataset"));
            return Source::Constant(0);
        };
        // Of a table whose tenants have different numbers of rows, what the smallest of them has is sure to be there.
        let (least, most) = self.bounds_of(target);
        let count = count.unwrap_or(u64::MAX);
        let wanted = if weights.is_some() { from.saturating_add(count.min(least.saturating_sub(from).max(1))) } else { from + 1 };
        let fixed = least == most;
        if count == 0 || wanted > least || fixed && count != u64::MAX && from + count > least {
            let last = if count == u64::MAX { wanted } else { from.saturating_add(count) };
            let who = if fixed { "which has" } else { "of which a tenant may have only" };
            self.fault(format!("positions {from} to {last} are not in {parent}, {who} {least} rows per tenant"));
        }
        let pick = match (by, weights) {
            (Some(column), _) => Pick::By { column: self.named_column(table, column) },
            (None, Some(weights)) => {
                let places = count.min(least.saturating_sub(from));
                self.weights(weights, places);
                Pick::Weighted(cumulative(weights))
            }
            (None, None) => Pick::Uniform,
        };
        Source::Reference { parent: target, from, count, pick }
    }

    fn of_tenant(&mut self, ty: Type, column: &str) -> Source {
        let Some(table) = self.index_of(&self.spec.tenant_table) else {
            return Source::Constant(0);
        };
        let Some(tenants) = self.spec.tables.get(table) else {
            return Source::Constant(0);
        };
        let column = self.named_column(tenants, column);
        self.can_be_looked_up(tenants, column, ty);
        Source::OfTenant { table, column }
    }

    fn can_be_looked_up(&mut self, table: &TableSpec, column: usize, ty: Type) {
        let Some(found) = table.columns.get(column) else {
            return;
        };
        if found.ty != ty {
            self.fault(format!("{}.{} has another type", table.name, found.name));
        }
        if matches!(found.source, SourceSpec::Template { .. }) {
            self.fault(format!("{}.{} is a template, which cannot be looked up", table.name, found.name));
        } else if is_long(found) {
            self.fault(format!("{}.{} is no single value, and cannot be looked up", table.name, found.name));
        }
    }

    fn lookup(&mut self, table: &TableSpec, ty: Type, reference: &str, column: &str) -> Source {
        let index = self.named_column(table, reference);
        let parent = match (table.columns.get(index).map(|column| &column.source), &table.per_tenant) {
            (Some(SourceSpec::Reference { table: parent, .. }), _) | (Some(SourceSpec::Parent), RowsSpec::Per { parent, .. }) => parent,
            _ => {
                self.fault(format!("{reference} is not a reference, so there is nothing to look up"));
                return Source::Constant(0);
            }
        };
        let Some(target) = self.spec.tables.iter().position(|table| table.name == *parent) else {
            return Source::Constant(0);
        };
        let Some(parent) = self.spec.tables.get(target) else {
            return Source::Constant(0);
        };
        let column = self.named_column(parent, column);
        self.can_be_looked_up(parent, column, ty);
        Source::Lookup { reference: index, table: target, column }
    }

    fn distinct(&mut self, table: &TableSpec, size: u64) -> Source {
        let most = self.index_of(&table.name).map_or(0, |index| self.bounds_of(index).1);
        if size < most {
            self.fault(format!("{most} rows per tenant cannot have distinct values in 0..{size}"));
        }
        Source::Distinct { size: size.max(1) }
    }

    fn slot_time(&mut self, table: &TableSpec, slot: &str, first_day: i64, hours: HoursSpec, every: i64, lanes: u64) -> Source {
        let per_day = if every > 0 { (hours.close - hours.open) / every } else { 0 };
        if per_day < 1 || lanes < 1 {
            self.fault("a calendar needs at least one slot a day");
        }
        Source::SlotTime(SlotTime {
            slot: self.named_column(table, slot),
            first: (self.spec.anchor + first_day) * DAY,
            open: hours.open,
            every,
            per_day: per_day.max(1),
            lanes: lanes.max(1) as i64,
        })
    }

    fn moment(&mut self, table: &TableSpec, ty: Type, low: &BoundSpec, high: &BoundSpec, step: i64, hours: Option<HoursSpec>) -> Source {
        let unit = ty.micros().unwrap_or_else(|| {
            self.fault("a point in time needs a date, timestamp or timestamptz column");
            1
        });
        if step < 1 || hours.is_some_and(|hours| hours.close - hours.open < step || hours.open < 0 || hours.close > DAY) {
            self.fault("the step must be at least a microsecond and fit into the hours of the day");
        }
        let (low, high) = (self.bound(table, low), self.bound(table, high));
        if low.column == high.column && high.offset < low.offset {
            self.fault("the latest moment is before the earliest");
        }
        Source::Moment(Moment { low, high, step: step.max(unit), hours, unit })
    }

    fn bound(&mut self, table: &TableSpec, spec: &BoundSpec) -> Bound {
        let Some(name) = &spec.column else {
            return Bound { column: None, offset: self.spec.anchor * DAY + spec.offset };
        };
        let column = self.named_column(table, name);
        let unit = table.columns.get(column).and_then(|column| column.ty.micros()).unwrap_or_else(|| {
            self.fault(format!("{name} is not a point in time"));
            1
        });
        Bound { column: Some((column, unit)), offset: spec.offset }
    }

    fn by(&mut self, table: &TableSpec, ty: Type, column: &str, cases: &[(Value, SourceSpec)]) -> Source {
        let column = self.named_column(table, column);
        let Some(decider) = table.columns.get(column) else {
            return Source::Constant(0);
        };
        for value in missing_cases(&decider.source, cases) {
            self.fault(format!("no case for {value:?} of {}", decider.name));
        }
        let mut compiled: Vec<(i64, Source)> = Vec::with_capacity(cases.len());
        for (value, source) in cases {
            if matches!(source, SourceSpec::Template { .. } | SourceSpec::By { .. } | SourceSpec::Several { .. } | SourceSpec::Bytes { .. })
            {
                self.fault("a case cannot be a template, an array or bytes, or depend on a further column");
            }
            compiled.push((self.value(decider.ty, value), self.source(table, ty, source)));
        }
        Source::By { column, cases: compiled }
    }

    fn template(&mut self, table: &TableSpec, ty: Type, text: &str) -> Source {
        if !ty.is_text() {
            self.fault("a template needs a text column");
        }
        match template::parse(text, &mut |name| table.columns.iter().position(|column| column.name == name)) {
            Ok(parts) => {
                for part in &parts {
                    self.template_part(table, part);
                }
                Source::Template(parts)
            }
            Err(fault) => {
                self.fault(format!("template {text:?}: {fault}"));
                Source::Constant(0)
            }
        }
    }

    fn template_part(&mut self, table: &TableSpec, part: &Part) {
        let (index, numeric, slug) = match part {
            Part::Number { of: Number::Column(index), .. } => (*index, true, false),
            Part::Cell { column, slug } => (*column, false, *slug),
            Part::Json { column } => (*column, false, false),
            _ => return,
        };
        let Some(column) = table.columns.get(index) else {
            return;
        };
        if matches!(column.source, SourceSpec::Template { .. }) {
            self.fault(format!("{} is a template itself", column.name));
        } else if is_long(column) {
            self.fault(format!("{} is no single value", column.name));
        }
        if numeric && !matches!(column.ty, Type::Smallint | Type::Int | Type::Bigint) || slug && column.ty != Type::Text {
            self.fault(format!("the format does not suit the type of {}", column.name));
        }
    }
}

/// Whether its values are arrays or bytes.
fn is_long(column: &ColumnSpec) -> bool {
    matches!(column.source, SourceSpec::Several { .. } | SourceSpec::Bytes { .. })
}

/// Values that a deciding column can take and no case covers; empty where they cannot be told.
fn missing_cases<'s>(decider: &'s SourceSpec, cases: &[(Value, SourceSpec)]) -> Vec<&'s Value> {
    let values: Vec<&Value> = match decider {
        SourceSpec::Choice { values, .. } | SourceSpec::Each { values, .. } => values.iter().collect(),
        SourceSpec::Runs { runs } => runs.iter().map(|(_, value)| value).collect(),
        SourceSpec::Constant { value } => vec![value],
        _ => Vec::new(),
    };
    values.into_iter().filter(|value| cases.iter().all(|(case, _)| case != *value)).collect()
}
