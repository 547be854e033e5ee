//! Columns that lead to other rows: references, look-ups, columns of the tenant.

use super::compile::Compiler;
use super::model::{Pick, Source};
use super::random::cumulative;
use super::spec::{RowsSpec, SourceSpec, TableSpec, Type};

/// Where a reference may lead: `count` positions from `from` on, of which each tenant has `sure` at least.
pub(super) struct Chosen {
    parent: usize,
    from: u64,
    count: u64,
    sure: u64,
    pick: Pick,
}

impl Compiler<'_> {
    /// The number of a table with rows per row of another one.
    pub(super) fn with_parent(&mut self, table: &TableSpec) -> usize {
        if !matches!(table.per_tenant, RowsSpec::Per { .. }) {
            self.fault("has no parent: the table has no rows per row of another one");
        }
        self.index_of(&table.name).unwrap_or(0)
    }

    pub(super) fn ordinal(&mut self, table: &TableSpec, start: i64, step: i64) -> Source {
        Source::Ordinal { own: self.with_parent(table), start, step }
    }

    /// Where a reference may lead, and how it chooses by chance.
    pub(super) fn chosen(&mut self, parent: &str, from: u64, count: Option<u64>, weights: Option<&[f64]>) -> Option<Chosen> {
        let Some(parent) = self.index_of(parent) else {
            self.fault(format!("refers to {parent}, which is not a table of the dataset"));
            return None;
        };
        // Of a table whose tenants have different numbers of rows, what the smallest of them has is sure to be there.
        let (least, most) = self.bounds_of(parent);
        let count = count.unwrap_or(u64::MAX);
        let wanted = if weights.is_some() { from.saturating_add(count.min(least.saturating_sub(from).max(1))) } else { from + 1 };
        let fixed = least == most;
        if count == 0 || wanted > least || fixed && count != u64::MAX && from + count > least {
            let last = if count == u64::MAX { wanted } else { from.saturating_add(count) };
            let who = if fixed { "which has" } else { "of which a tenant may have only" };
            let name = self.spec.tables.get(parent).map_or("", |table| &table.name);
            self.fault(format!("positions {from} to {last} are not in {name}, {who} {least} rows per tenant"));
        }
        let sure = count.min(least.saturating_sub(from));
        let pick = weights.map_or(Pick::Uniform, |weights| {
            self.weights(weights, sure);
            Pick::Weighted(cumulative(weights))
        });
        Some(Chosen { parent, from, count, sure, pick })
    }

    pub(super) fn reference(&mut self, table: &TableSpec, chosen: Option<Chosen>, by: Option<&str>, distinct: bool) -> Source {
        let Some(Chosen { parent, from, count, sure, pick }) = chosen else {
            return Source::Constant(0);
        };
        let pick = match by {
            Some(column) => Pick::By { column: self.named_column(table, column) },
            None if distinct => self.distinct_among(table, sure, &pick),
            None => pick,
        };
        Source::Reference { parent, from, count, pick }
    }

    fn distinct_among(&mut self, table: &TableSpec, sure: u64, pick: &Pick) -> Pick {
        let own = self.index_of(&table.name).unwrap_or(0);
        let rows = self.siblings.get(own).copied().unwrap_or_default();
        if rows > sure {
            self.fault(format!("up to {rows} rows cannot all lead to different ones, of which there may be only {sure}"));
        }
        if !matches!(pick, Pick::Uniform) {
            self.fault("is distinct, and therefore takes no weights");
        }
        Pick::Distinct { own }
    }

    pub(super) fn of_tenant(&mut self, ty: Type, column: &str) -> Source {
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

    pub(super) fn can_be_looked_up(&mut self, table: &TableSpec, column: usize, ty: Type) {
        let Some(found) = table.columns.get(column) else {
            return;
        };
        if found.ty != ty {
            self.fault(format!("{}.{} has another type", table.name, found.name));
        }
        if matches!(found.source, SourceSpec::Template { .. }) {
            self.fault(format!("{}.{} is a template, which cannot be looked up", table.name, found.name));
        } else if found.ty.is_long() {
            self.fault(format!("{}.{} is no single value, and cannot be looked up", table.name, found.name));
        }
    }

    pub(super) fn lookup(&mut self, table: &TableSpec, ty: Type, reference: &str, column: &str) -> Source {
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
}
