//! From spec to population: resolves names, checks everything, and reports all faults at once.

use super::model::{Column, Nulls, Population, Source, Table, Words};
use super::order;
use super::random::{subkey, threshold};
use super::sizes::{Parents, Sizes};
use super::spec::{ColumnSpec, RowsSpec, SourceSpec, Spec, TableSpec, Type, Value};
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
        if compiler.faults.is_empty() {
            compiler.faults.extend(order::mark_derived(&mut tables));
        }
        if !compiler.faults.is_empty() {
            return Err(SpecFaults(compiler.faults));
        }
        for (table, (sizes, parents)) in tables.iter_mut().zip(sizes) {
            (table.sizes, table.parents) = (sizes, parents);
        }
        let faults = keys_that_do_not_fit(&tables, spec.first_key, tenants);
        if !faults.is_empty() {
            return Err(SpecFaults(faults));
        }
        Ok(Self {
            name: spec.name.clone(),
            tenants,
            rng_seed,
            first_key: spec.first_key,
            tenant_table,
            users_table,
            tables,
            words: compiler.words,
            functions: None,
        })
    }
}

pub(super) struct Compiler<'a> {
    pub(super) spec: &'a Spec,
    pub(super) tenants: u64,
    pub(super) rng_seed: u64,
    /// The fewest and the most rows that a tenant can have in each table, whatever it draws.
    pub(super) bounds: Vec<(u64, u64)>,
    /// The most rows that a row of the parents' table can have in each, or a tenant where there is none.
    pub(super) siblings: Vec<u64>,
    pub(super) words: Words,
    pub(super) pools: HashMap<&'a str, Arc<[i64]>>,
    pub(super) faults: Vec<String>,
    /// Where we are, for messages.
    pub(super) place: String,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(spec: &'a Spec, tenants: u64, rng_seed: u64) -> Self {
        let mut words = Words::default();
        let mut pools = HashMap::new();
        for (name, texts) in &spec.pools {
            let codes: Arc<[i64]> = texts.iter().map(|text| words.intern(text)).collect();
            pools.insert(name.as_str(), codes);
        }
        Self { spec, tenants, rng_seed, bounds: Vec::new(), siblings: Vec::new(), words, pools, faults: Vec::new(), place: String::new() }
    }

    pub(super) fn fault(&mut self, text: impl AsRef<str>) {
        self.faults.push(format!("{}: {}", self.place, text.as_ref()));
    }

    pub(super) fn table(&mut self, spec: &TableSpec) -> Table {
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

    pub(super) fn key_of(&self, table: &TableSpec) -> u64 {
        subkey(subkey(0, "tenantry").wrapping_add(self.rng_seed), &table.name)
    }

    pub(super) fn index_of(&self, table: &str) -> Option<usize> {
        self.spec.tables.iter().position(|known| known.name == table)
    }

    pub(super) fn column(&mut self, table: &TableSpec, spec: &ColumnSpec, key: u64) -> Column {
        self.place = format!("table {}, column {}", table.name, spec.name);
        if !(0.0..=1.0).contains(&spec.nulls) {
            self.fault("the share of nulls must lie between 0 and 1");
        }
        if spec.ty.is_long() && !matches!(spec.source, SourceSpec::Several { .. } | SourceSpec::Bytes { .. } | SourceSpec::Range { .. }) {
            self.fault("an array is made by several(...), a bytea by blob(...), a range by between(...)");
        }
        if spec.ty.is_text() && spec.source.gives_numbers() {
            self.fault("numbers do not fit into a text column; write them with a template");
        }
        let key = subkey(key, &spec.name);
        let nulls = (spec.nulls > 0.0).then(|| Nulls { key: subkey(key, "null"), below: threshold(spec.nulls) });
        Column { name: spec.name.clone(), ty: spec.ty, key, nulls, source: self.source(table, spec.ty, &spec.source), derived: false }
    }

    pub(super) fn source(&mut self, table: &TableSpec, ty: Type, spec: &SourceSpec) -> Source {
        match spec {
            SourceSpec::Constant { value } => Source::Constant(self.value(ty, value)),
            SourceSpec::Key => Source::Key,
            SourceSpec::TenantKey => Source::TenantKey,
            SourceSpec::OfTenant { column } => self.of_tenant(ty, column),
            SourceSpec::Parent => Source::Parent { own: self.with_parent(table) },
            SourceSpec::Ordinal { start, step } => self.ordinal(table, *start, *step),
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
            SourceSpec::Range { low, high } => self.range(table, ty, low, high),
            SourceSpec::Words { pool } => self.pool(ty, pool),
            SourceSpec::Flag { share } => Source::Flag { below: threshold(*share) },
            SourceSpec::Reference { table: parent, from, count, weights, by, distinct } => {
                let chosen = self.chosen(parent, *from, *count, weights.as_deref());
                self.reference(table, chosen, by.as_deref(), *distinct)
            }
            SourceSpec::Lookup { reference, column } => self.lookup(table, ty, reference, column),
            SourceSpec::Distinct { size } => self.distinct(table, *size),
            SourceSpec::SlotTime { slot, first_day, hours, every, lanes } => {
                self.slot_time(table, ty, slot, *first_day, *hours, *every, *lanes)
            }
            SourceSpec::Moment { low, high, step, hours } => self.moment(table, ty, low, high, *step, *hours),
            SourceSpec::By { column, cases } => self.by(table, ty, column, cases),
            SourceSpec::Function { columns, random, .. } => self.function(table, ty, columns, *random),
            SourceSpec::Template { text } => self.template(table, ty, text),
        }
    }

    pub(super) fn value(&mut self, ty: Type, value: &Value) -> i64 {
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

    pub(super) fn values(&mut self, ty: Type, values: &[Value]) -> Vec<i64> {
        if values.is_empty() {
            self.fault("there is no value to choose from");
        }
        values.iter().map(|value| self.value(ty, value)).collect()
    }

    pub(super) fn within(&mut self, ty: Type, number: i64) {
        let limit = match ty {
            Type::Numeric { precision, .. } => 10_i64.saturating_pow(u32::from(precision)) - 1,
            other => other.highest(),
        };
        if number > limit || number < -limit {
            self.fault(format!("{number} does not fit its type"));
        }
    }

    pub(super) fn named_table(&mut self, name: &str, what: &str) -> usize {
        self.spec.tables.iter().position(|table| table.name == name).unwrap_or_else(|| {
            self.faults.push(format!("{what} names {name}, which is not a table of the dataset"));
            0
        })
    }

    pub(super) fn named_column(&mut self, table: &TableSpec, name: &str) -> usize {
        table.columns.iter().position(|column| column.name == name).unwrap_or_else(|| {
            let known: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
            self.fault(format!("there is no column {name} in {}; known: {}", table.name, known.join(", ")));
            0
        })
    }
}

/// Columns of keys whose type is too small for the highest one.
fn keys_that_do_not_fit(tables: &[Table], first_key: i64, tenants: u64) -> Vec<String> {
    let mut faults = Vec::new();
    for table in tables {
        let last = first_key.saturating_add_unsigned(table.rows(tenants)) - 1;
        let columns = table.columns.iter().filter(|column| matches!(column.source, Source::Key));
        for column in columns.filter(|column| last > column.ty.highest() || first_key < 1) {
            faults.push(format!("table {}, column {}: the keys {first_key} to {last} do not fit its type", table.name, column.name));
        }
    }
    faults
}
