//! Puts the columns of each table into an order in which a column comes after those it depends on, also across tables.

use super::model::{Number, Part, Pick, Source, Table};

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
        for need in needs {
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

fn dependencies(source: &Source, table: usize, needs: &mut Vec<Node>) {
    match source {
        Source::Reference { pick: Pick::By { column }, .. } => needs.push((table, *column)),
        Source::Each { by: Some(column), .. } => needs.push((table, *column)),
        Source::Lookup { reference, table: parent, column } => needs.extend([(table, *reference), (*parent, *column)]),
        Source::OfTenant { table, column } => needs.push((*table, *column)),
        Source::SlotTime(slots) => needs.push((table, slots.slot)),
        Source::Moment(moment) => needs.extend([&moment.low, &moment.high].iter().filter_map(|bound| bound.column).map(|it| (table, it.0))),
        Source::By { column, cases } => {
            needs.push((table, *column));
            cases.iter().for_each(|(_, case)| dependencies(case, table, needs));
        }
        Source::Template(parts) => needs.extend(parts.iter().filter_map(|part| match part {
            Part::Number { of: Number::Column(column), .. } | Part::Cell { column, .. } | Part::Json { column } => Some((table, *column)),
            _ => None,
        })),
        _ => {}
    }
}
