//! Puts the columns of each table into an order in which a column comes after those it depends on, also across tables.

use super::model::{Number, Part, Pick, Source, Table};
use std::collections::HashSet;

type Node = (usize, usize);

/// Sets `order` of each table; the faults are columns that depend on themselves.
pub(crate) fn sort_columns(tables: &mut [Table]) -> Vec<String> {
    let mut marks: Vec<Vec<u8>> = tables.iter().map(|table| vec![0; table.columns.len()]).collect();
    let mut sorted: Vec<Node> = Vec::new();
    let mut faults = Vec::new();
    for (table, content) in tables.iter().enumerate() {
        for column in 0..content.columns.len() {
            visit(tables, (table, column), &mut marks, &mut sorted, &mut faults);
        }
    }
    for (table, column) in sorted {
        if let Some(table) = tables.get_mut(table) {
            table.order.push(column);
        }
    }
    faults
}

fn visit(tables: &[Table], node: Node, marks: &mut [Vec<u8>], sorted: &mut Vec<Node>, faults: &mut Vec<String>) {
    let Some(mark) = marks.get_mut(node.0).and_then(|marks| marks.get_mut(node.1)) else {
        return;
    };
    match *mark {
        0 => *mark = 1,
        1 => return faults.push(format!("{} depends on itself", name(tables, node))),
        _ => return,
    }
    if let Some(column) = tables.get(node.0).and_then(|table| table.columns.get(node.1)) {
        let mut needs = Vec::new();
        dependencies(&column.source, node.0, &mut needs);
        for (need, _) in needs {
            visit(tables, need, marks, sorted, faults);
        }
    }
    if let Some(mark) = marks.get_mut(node.0).and_then(|marks| marks.get_mut(node.1)) {
        *mark = 2;
    }
    sorted.push(node);
}

fn name(tables: &[Table], node: Node) -> String {
    let Some(table) = tables.get(node.0) else {
        return String::new();
    };
    let column = table.columns.get(node.1).map_or("", |column| column.name.as_str());
    format!("table {}, column {column}", table.name)
}

/// Marks the columns in which a function has a part; the faults are columns of other rows that would need one.
pub(crate) fn mark_derived(tables: &mut [Table]) -> Vec<String> {
    let order: Vec<Node> =
        tables.iter().enumerate().flat_map(|(table, content)| content.order.iter().map(move |column| (table, *column))).collect();
    let mut derived: HashSet<Node> = HashSet::new();
    let mut faults = Vec::new();
    for node in order {
        let Some(column) = tables.get(node.0).and_then(|table| table.columns.get(node.1)) else {
            continue;
        };
        let mut needs = Vec::new();
        dependencies(&column.source, node.0, &mut needs);
        if matches!(column.source, Source::Function { .. }) || needs.iter().any(|(need, row)| *row == Row::Same && derived.contains(need)) {
            derived.insert(node);
        }
    }
    for (table, content) in tables.iter_mut().enumerate() {
        for (index, column) in content.columns.iter_mut().enumerate() {
            column.derived = derived.contains(&(table, index));
        }
    }
    for (table, content) in tables.iter().enumerate() {
        for (index, column) in content.columns.iter().enumerate() {
            let mut needs = Vec::new();
            dependencies(&column.source, table, &mut needs);
            let far = needs.iter().filter(|(need, row)| *row == Row::Other && derived.contains(need));
            faults.extend(far.map(|(need, _)| {
                format!(
                    "{}: {} cannot be looked up, because a function has a part in it",
                    name(tables, (table, index)),
                    name(tables, *need)
                )
            }));
        }
    }
    faults
}

/// Whose value a column depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    Same,
    Other,
}

fn dependencies(source: &Source, table: usize, needs: &mut Vec<(Node, Row)>) {
    let mut same = |column: usize| needs.push(((table, column), Row::Same));
    match source {
        Source::Reference { pick: Pick::By { column }, .. } => same(*column),
        Source::Each { by: Some(column), .. } => same(*column),
        Source::Lookup { reference, table: parent, column } => {
            same(*reference);
            needs.push(((*parent, *column), Row::Other));
        }
        Source::OfTenant { table, column } => needs.push(((*table, *column), Row::Other)),
        Source::SlotTime(slots) => same(slots.slot),
        Source::Range { low, high } => [*low, *high].into_iter().for_each(same),
        Source::Moment(moment) => [&moment.low, &moment.high].iter().filter_map(|bound| bound.column).for_each(|it| same(it.0)),
        Source::By { column, cases } => {
            same(*column);
            cases.iter().for_each(|(_, case)| dependencies(case, table, needs));
        }
        Source::Function { needs, .. } => needs.iter().copied().for_each(same),
        Source::Template(parts) => parts.iter().for_each(|part| match part {
            Part::Number { of: Number::Column(column), .. } | Part::Cell { column, .. } | Part::Json { column } => same(*column),
            _ => {}
        }),
        _ => {}
    }
}
