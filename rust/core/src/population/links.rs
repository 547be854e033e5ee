//! Columns that lead to other rows: references, look-ups, columns of the tenant.

use super::compile::Compiler;
use super::model::{Pick, Source};
use super::random::cumulative;
use super::spec::{RowsSpec, SourceSpec, TableSpec, Type};

impl Compiler<'_> {
    pub(super) fn reference(
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
