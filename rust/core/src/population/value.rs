//! One value at one row.

use super::model::Number;
use super::model::{Bound, Column, DAY, Moment, NULL, Part, Pick, Population, SlotTime, Source, Table};
use super::print::push_plain;
use super::random::{below, draw, interval, permute};
use super::spec::Type;
use super::template::push_number;

/// A row's place: its number in the table, its tenant's number, its position inside the tenant; all from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct At {
    /// Number in the table.
    pub row: u64,
    /// Number of the tenant.
    pub tenant: u64,
    /// Position inside the tenant.
    pub position: u64,
}

/// The other columns of the same row.
pub(crate) trait Others {
    fn get(&self, column: usize) -> i64;
}

/// Computes them one at a time, when asked.
struct Alone<'p> {
    population: &'p Population,
    table: &'p Table,
    at: At,
}

impl Others for Alone<'_> {
    fn get(&self, column: usize) -> i64 {
        self.table.columns.get(column).map_or(NULL, |column| column.integer(self.at, self, self.population))
    }
}

impl Table {
    /// The place of a row given by tenant and position.
    pub fn at(&self, tenant: u64, position: u64) -> At {
        At { row: self.sizes.start(tenant) + position, tenant, position }
    }

    /// The place of a row given by its number.
    pub fn at_row(&self, row: u64) -> At {
        let (tenant, position) = self.sizes.place(row);
        At { row, tenant, position }
    }
}

impl Population {
    /// The integer that stands for one value (see [`Type`]); for text, a code; meaningless for templates.
    pub fn integer(&self, table: &Table, column: usize, at: At) -> i64 {
        Alone { population: self, table, at }.get(column)
    }

    /// Whether a value is null.
    pub fn is_null(&self, table: &Table, column: usize, at: At) -> bool {
        let Some(found) = table.columns.get(column) else {
            return true;
        };
        match found.source {
            Source::Template(_) | Source::Bytes { .. } | Source::Several { .. } | Source::Range { .. } => found.is_null(at),
            _ => self.integer(table, column, at) == NULL,
        }
    }

    /// Appends the bytes of a bytea column; false for null.
    pub fn bytes(&self, table: &Table, column: usize, at: At, out: &mut Vec<u8>) -> bool {
        table.columns.get(column).is_some_and(|column| column.push_bytes(at, out))
    }

    /// Appends the elements of an array column, or the two bounds of a range, each as the integer that stands for it; false for null.
    pub fn elements(&self, table: &Table, column: usize, at: At, out: &mut Vec<i64>) -> bool {
        table.columns.get(column).is_some_and(|column| column.push_elements(at, &Alone { population: self, table, at }, out))
    }

    /// The text that a code stands for.
    pub fn word(&self, code: i64) -> &str {
        self.words.text(code)
    }

    /// Appends a value as text; false for null.
    pub fn text(&self, table: &Table, column: usize, at: At, out: &mut Vec<u8>) -> bool {
        let Some(found) = table.columns.get(column) else {
            return false;
        };
        if let Source::Template(parts) = &found.source {
            if found.is_null(at) {
                return false;
            }
            self.render(parts, table, at, &Alone { population: self, table, at }, out);
            return true;
        }
        let value = self.integer(table, column, at);
        if value == NULL {
            return false;
        }
        if found.ty.is_text() {
            out.extend_from_slice(self.words.text(value).as_bytes());
        } else {
            push_plain(out, found.ty, value);
        }
        true
    }

    #[inline]
    pub(crate) fn render(&self, parts: &[Part], table: &Table, at: At, others: &impl Others, out: &mut Vec<u8>) {
        for part in parts {
            match part {
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Part::Number { of, width } => {
                    let number = match of {
                        Number::Tenant => at.tenant as i64 + 1,
                        Number::Position => at.position as i64 + 1,
                        Number::Row => at.row as i64 + 1,
                        Number::Column(column) => others.get(*column),
                    };
                    if number != NULL {
                        push_number(out, number, *width);
                    }
                }
                Part::Cell { column, slug } => {
                    let value = others.get(*column);
                    match table.columns.get(*column).map(|column| column.ty) {
                        Some(_) if value == NULL => {}
                        Some(ty) if ty.is_text() && *slug => out.extend_from_slice(self.words.slug(value).as_bytes()),
                        Some(ty) if ty.is_text() => out.extend_from_slice(self.words.text(value).as_bytes()),
                        Some(ty) => push_plain(out, ty, value),
                        None => {}
                    }
                }
                Part::Json { column } => {
                    let ty = table.columns.get(*column).map_or(Type::Text, |column| column.ty);
                    self.push_json(out, ty, others.get(*column));
                }
            }
        }
    }
}

impl Column {
    pub(crate) fn push_bytes(&self, at: At, out: &mut Vec<u8>) -> bool {
        let Source::Bytes { low, count } = &self.source else {
            return false;
        };
        if self.is_null(at) {
            return false;
        }
        let key = draw(self.key, at.row);
        let length = (low + below(key, *count)) as usize;
        let eights = (0..).flat_map(|number| draw(key, number).to_be_bytes());
        out.extend(eights.take(length));
        true
    }

    pub(crate) fn push_elements(&self, at: At, others: &impl Others, out: &mut Vec<i64>) -> bool {
        if self.is_null(at) {
            return false;
        }
        match &self.source {
            Source::Several { of, low, count } => {
                let key = draw(self.key, at.row);
                out.extend((0..low + below(key, *count)).map(|number| of.drawn(key, number)));
            }
            Source::Range { low, high } => out.extend([*low, *high].map(|column| others.get(column))),
            _ => return false,
        }
        true
    }

    /// Whether there can be rows in which it is null: of its own, or because of another column.
    #[must_use]
    pub fn may_be_null(&self) -> bool {
        let by_others = matches!(
            self.source,
            Source::OfTenant { .. }
                | Source::Each { by: Some(_), .. }
                | Source::Reference { .. }
                | Source::Lookup { .. }
                | Source::SlotTime(_)
                | Source::By { .. }
                | Source::Function { .. }
        );
        let bounded = matches!(&self.source, Source::Moment(moment) if moment.low.column.is_some() || moment.high.column.is_some());
        self.nulls.is_some() || by_others || bounded
    }

    #[inline(always)]
    pub(crate) fn is_null(&self, at: At) -> bool {
        self.nulls.is_some_and(|nulls| draw(nulls.key, at.row) < nulls.below)
    }

    #[inline(always)]
    pub(crate) fn integer(&self, at: At, others: &impl Others, population: &Population) -> i64 {
        if self.is_null(at) {
            return NULL;
        }
        match &self.source {
            Source::By { column, cases } => {
                let decider = others.get(*column);
                let case = cases.iter().find(|(value, _)| *value == decider);
                case.map_or(NULL, |(_, source)| source.integer(self.key, at, others, population))
            }
            source => source.integer(self.key, at, others, population),
        }
    }
}

impl Source {
    /// The lowest and the highest number that it can give, for a source that needs no other column.
    pub(crate) fn bounds(&self) -> (i64, i64) {
        match self {
            Source::Choice { values, .. } | Source::Runs { values, .. } | Source::Each { values, .. } | Source::Spread(values) => {
                (values.iter().copied().min().unwrap_or(0), values.iter().copied().max().unwrap_or(0))
            }
            Source::Integer { low, count } => (*low, low.wrapping_add(*count as i64 - 1)),
            _ => (0, 0),
        }
    }

    /// What number `tenant` draws, for a source that needs no other column.
    pub(crate) fn drawn(&self, key: u64, tenant: u64) -> i64 {
        match self {
            Source::Choice { ends, values } => element(values, interval(ends, draw(key, tenant))),
            Source::Runs { ends, values } => element(values, interval(ends, tenant)),
            Source::Each { values, .. } => element(values, (tenant % values.len().max(1) as u64) as usize),
            Source::Integer { low, count } => low.wrapping_add(below(draw(key, tenant), *count) as i64),
            Source::Spread(knots) => between(knots, draw(key, tenant)),
            Source::Words(values) => element(values, below(draw(key, tenant), values.len() as u64) as usize),
            Source::Uuid => uuid_number(draw(key, tenant)),
            Source::Constant(value) => *value,
            _ => NULL,
        }
    }

    #[inline(always)]
    fn integer(&self, key: u64, at: At, others: &impl Others, population: &Population) -> i64 {
        match self {
            Source::Constant(value) => *value,
            Source::Key => at.row as i64 + population.first_key,
            Source::TenantKey => at.tenant as i64 + population.first_key,
            Source::OfTenant { table, column } => match population.tables.get(*table) {
                Some(tenants) => population.integer(tenants, *column, tenants.at(at.tenant, 0)),
                None => NULL,
            },
            Source::Parent { own } => siblings(*own, at, population).0 as i64 + population.first_key,
            Source::Ordinal { own, start, step } => start + step * siblings(*own, at, population).1 as i64,
            Source::Position { start, step } => start + step * at.position as i64,
            Source::Choice { ends, values } => element(values, interval(ends, draw(key, at.row))),
            Source::Runs { ends, values } => element(values, interval(ends, at.position)),
            Source::Each { values, by } => {
                let index = by.map_or(at.position as i64, |column| others.get(column));
                if index == NULL { NULL } else { element(values, index.rem_euclid(values.len().max(1) as i64) as usize) }
            }
            Source::Integer { low, count } => low.wrapping_add(below(draw(key, at.row), *count) as i64),
            Source::Spread(knots) => between(knots, draw(key, at.row)),
            Source::Uuid => uuid_number(draw(key, at.row)),
            Source::Words(values) => element(values, below(draw(key, at.row), values.len() as u64) as usize),
            Source::Flag { below } => i64::from(draw(key, at.row) < *below),
            Source::Reference { parent, from, count, pick } => {
                let Some(parent) = population.tables.get(*parent) else {
                    return NULL;
                };
                let room = parent.sizes.of(at.tenant).saturating_sub(*from).min(*count);
                match pick.position(key, at, others, room, population) {
                    Some(position) if room > 0 => (parent.sizes.start(at.tenant) + from + position) as i64 + population.first_key,
                    _ => NULL,
                }
            }
            Source::Lookup { reference, table, column } => looked_up(others.get(*reference), *table, *column, population),
            Source::Distinct { size } => permute(draw(key, at.tenant), *size, at.position) as i64,
            Source::SlotTime(slots) => slots.time(others.get(slots.slot)),
            Source::Moment(moment) => moment.value(key, at, others),
            Source::By { .. }
            | Source::Template(_)
            | Source::Bytes { .. }
            | Source::Several { .. }
            | Source::Range { .. }
            | Source::Function { .. } => NULL,
        }
    }
}

/// The number that a UUID is made of.
#[inline(always)]
fn uuid_number(draw: u64) -> i64 {
    (draw as i64).max(NULL + 1)
}

#[inline(always)]
fn element(values: &[i64], index: usize) -> i64 {
    values.get(index).copied().unwrap_or(NULL)
}

/// Between the two quantiles that enclose the draw, in proportion and rounded to the nearest: whole numbers all the way, the same everywhere.
#[inline]
fn between(knots: &[i64], draw: u64) -> i64 {
    let scaled = u128::from(draw) * (knots.len().max(2) as u128 - 1);
    let (index, part) = ((scaled >> 64) as usize, i128::from(scaled as u64));
    let (low, high) = (element(knots, index), element(knots, index + 1));
    low + (((i128::from(high) - i128::from(low)) * part + (1 << 63)) >> 64) as i64
}

/// The number of the row in another table that a row of table `own` belongs to, and its position among the rows of that one; for a table
/// without parents, the number of its tenant and the position inside it.
#[inline]
fn siblings(own: usize, at: At, population: &Population) -> (u64, u64) {
    let parents = population.tables.get(own).and_then(|table| table.parents.as_ref());
    let Some((parents, table)) = parents.and_then(|parents| Some((parents, population.tables.get(parents.table)?))) else {
        return (at.tenant, at.position);
    };
    let start = table.sizes.start(at.tenant);
    let (index, position) = parents.place(start, table.sizes.of(at.tenant), at.position);
    (start + index, position)
}

#[inline]
fn looked_up(key: i64, table: usize, column: usize, population: &Population) -> i64 {
    match population.tables.get(table) {
        Some(table) if key != NULL => population.integer(table, column, table.at_row((key - population.first_key) as u64)),
        _ => NULL,
    }
}

impl Pick {
    /// One of the first `room` positions; none when the column that decides is null.
    #[inline(always)]
    fn position(&self, key: u64, at: At, others: &impl Others, room: u64, population: &Population) -> Option<u64> {
        match self {
            Pick::Uniform => Some(below(draw(key, at.row), room)),
            Pick::Weighted(ends) => Some(interval(ends, draw(key, at.row)) as u64),
            Pick::Distinct { own } => {
                let (group, position) = siblings(*own, at, population);
                (position < room).then(|| permute(draw(key, group), room, position))
            }
            Pick::By { column } => {
                let value = others.get(*column);
                (value != NULL).then(|| value.checked_rem_euclid(room as i64).unwrap_or(0) as u64)
            }
        }
    }
}

impl SlotTime {
    #[inline]
    fn time(&self, slot: i64) -> i64 {
        if slot == NULL {
            return NULL;
        }
        let index = slot / self.lanes;
        (self.first + index / self.per_day * self.stride + self.open + index % self.per_day * self.every) / self.unit
    }
}

impl Bound {
    #[inline]
    fn at(&self, others: &impl Others) -> Option<i64> {
        match self.column {
            None => Some(self.offset),
            Some((column, unit)) => {
                let value = others.get(column);
                (value != NULL).then(|| value * unit + self.offset)
            }
        }
    }
}

impl Moment {
    /// In units of the column; where the bounds cross, the earliest.
    #[inline]
    fn value(&self, key: u64, at: At, others: &impl Others) -> i64 {
        let (Some(low), Some(high)) = (self.low.at(others), self.high.at(others)) else {
            return NULL;
        };
        let random = draw(key, at.row);
        match self.hours {
            None => uniform_step(low, high, self.step, random) / self.unit,
            Some(hours) => {
                let day = uniform_step(low, high, DAY, random);
                let times = (hours.close - hours.open) / self.step;
                let time = below(draw(!key, at.row), times as u64) as i64 * self.step;
                (day + hours.open + time) / self.unit
            }
        }
    }
}

/// A whole multiple of `step` between the bounds.
#[inline(always)]
fn uniform_step(low: i64, high: i64, step: i64, random: u64) -> i64 {
    let first = (low + step - 1).div_euclid(step);
    let count = (high.div_euclid(step) - first + 1).max(1);
    (first + below(random, count as u64) as i64) * step
}
