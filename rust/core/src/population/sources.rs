//! Columns whose values come from the row itself: numbers, words, times, templates.

use super::compile::Compiler;
use super::model::{Bound, DAY, Moment, Number, Part, SlotTime, Source};
use super::random::cumulative;
use super::spec::{BoundSpec, HoursSpec, SourceSpec, TableSpec, Type, Value};
use super::template;

impl Compiler<'_> {
    pub(super) fn choice(&mut self, ty: Type, values: &[Value], weights: &[f64]) -> Source {
        let values = self.values(ty, values);
        self.weights(weights, values.len() as u64);
        Source::Choice { ends: cumulative(weights), values }
    }

    pub(super) fn weights(&mut self, weights: &[f64], wanted: u64) {
        if weights.len() as u64 != wanted {
            self.fault(format!("{} weights for {wanted} values", weights.len()));
        }
        if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) || weights.iter().sum::<f64>() <= 0.0 {
            self.fault("weights must not be negative, and one must be above 0");
        }
    }

    pub(super) fn runs(&mut self, ty: Type, runs: &[(u64, Value)]) -> Source {
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

    pub(super) fn integer(&mut self, ty: Type, low: i64, high: i64) -> Source {
        if high < low {
            self.fault(format!("the range {low} to {high} is empty"));
        }
        self.within(ty, low);
        self.within(ty, high);
        Source::Integer { low, count: high.wrapping_sub(low).wrapping_add(1).max(1) as u64 }
    }

    pub(super) fn spread(&mut self, ty: Type, knots: &[i64]) -> Source {
        if knots.len() < 2 || !knots.is_sorted() {
            self.fault("quantiles are at least two values in ascending order");
        }
        knots.iter().for_each(|knot| self.within(ty, *knot));
        Source::Spread(knots.to_vec())
    }

    pub(super) fn several(&mut self, table: &TableSpec, ty: Type, of: &SourceSpec, low: u64, high: u64) -> Source {
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
                | SourceSpec::Uuid
        );
        if !plain {
            self.fault("the values of an array are drawn from one of: constant, choice, integer, words, uuid, normal and the like");
        }
        Source::Several { of: Box::new(self.source(table, element, of)), low, count }
    }

    /// How many numbers there are from `low` to `high`.
    pub(super) fn span(&mut self, low: u64, high: u64) -> u64 {
        if high < low {
            self.fault(format!("the range {low} to {high} is empty"));
        }
        high.saturating_sub(low).saturating_add(1)
    }

    pub(super) fn pool(&mut self, ty: Type, name: &str) -> Source {
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

    pub(super) fn distinct(&mut self, table: &TableSpec, size: u64) -> Source {
        let most = self.index_of(&table.name).map_or(0, |index| self.bounds_of(index).1);
        if size < most {
            self.fault(format!("{most} rows per tenant cannot have distinct values in 0..{size}"));
        }
        Source::Distinct { size: size.max(1) }
    }

    #[allow(clippy::too_many_arguments)] // they are those of the spec
    pub(super) fn slot_time(
        &mut self,
        table: &TableSpec,
        ty: Type,
        slot: &str,
        first_day: i64,
        hours: HoursSpec,
        every: i64,
        lanes: u64,
    ) -> Source {
        let whole_days = every > 0 && every % DAY == 0;
        let per_day = if whole_days { 1 } else { (hours.close - hours.open).checked_div(every).unwrap_or(0) };
        if per_day < 1 || lanes < 1 {
            self.fault("a calendar needs at least one slot a day");
        }
        Source::SlotTime(SlotTime {
            slot: self.named_column(table, slot),
            first: (self.spec.anchor + first_day) * DAY,
            open: if whole_days && ty == Type::Date { 0 } else { hours.open },
            every,
            per_day: per_day.max(1),
            stride: if whole_days { every } else { DAY },
            lanes: lanes.max(1) as i64,
            unit: self.micros(ty),
        })
    }

    pub(super) fn range(&mut self, table: &TableSpec, ty: Type, low: &str, high: &str) -> Source {
        for name in [low, high] {
            let index = self.named_column(table, name);
            if !matches!(ty, Type::Range(_)) || table.columns.get(index).is_some_and(|column| Some(column.ty) != ty.element()) {
                self.fault(format!("{name} is no bound of a range of this type"));
            }
        }
        Source::Range { low: self.named_column(table, low), high: self.named_column(table, high) }
    }

    /// Microseconds of one unit of a point in time.
    fn micros(&mut self, ty: Type) -> i64 {
        ty.micros().unwrap_or_else(|| {
            self.fault("a point in time needs a date, timestamp or timestamptz column");
            1
        })
    }

    pub(super) fn moment(
        &mut self,
        table: &TableSpec,
        ty: Type,
        low: &BoundSpec,
        high: &BoundSpec,
        step: i64,
        hours: Option<HoursSpec>,
    ) -> Source {
        let unit = self.micros(ty);
        if step < 1 || hours.is_some_and(|hours| hours.close - hours.open < step || hours.open < 0 || hours.close > DAY) {
            self.fault("the step must be at least a microsecond and fit into the hours of the day");
        }
        let (low, high) = (self.bound(table, low), self.bound(table, high));
        if low.column == high.column && high.offset < low.offset {
            self.fault("the latest moment is before the earliest");
        }
        Source::Moment(Moment { low, high, step: step.max(unit), hours, unit })
    }

    pub(super) fn bound(&mut self, table: &TableSpec, spec: &BoundSpec) -> Bound {
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

    pub(super) fn by(&mut self, table: &TableSpec, ty: Type, column: &str, cases: &[(Value, SourceSpec)]) -> Source {
        let column = self.named_column(table, column);
        let Some(decider) = table.columns.get(column) else {
            return Source::Constant(0);
        };
        for value in missing_cases(&decider.source, cases) {
            self.fault(format!("no case for {value:?} of {}", decider.name));
        }
        let mut compiled: Vec<(i64, Source)> = Vec::with_capacity(cases.len());
        for (value, source) in cases {
            if has_no_case(source) {
                self.fault("a case cannot be a template, a function, an array, bytes or a range, or depend on a further column");
            }
            compiled.push((self.value(decider.ty, value), self.source(table, ty, source)));
        }
        Source::By { column, cases: compiled }
    }

    pub(super) fn template(&mut self, table: &TableSpec, ty: Type, text: &str) -> Source {
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

    pub(super) fn template_part(&mut self, table: &TableSpec, part: &Part) {
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
        } else if column.ty.is_text() && matches!(column.source, SourceSpec::Function { .. }) {
            self.fault(format!("{} is text of a function: let the function make all of the text", column.name));
        } else if column.ty.is_long() {
            self.fault(format!("{} is no single value", column.name));
        }
        if numeric && !matches!(column.ty, Type::Smallint | Type::Int | Type::Bigint) || slug && column.ty != Type::Text {
            self.fault(format!("the format does not suit the type of {}", column.name));
        }
    }
}

fn has_no_case(source: &SourceSpec) -> bool {
    matches!(
        source,
        SourceSpec::Template { .. }
            | SourceSpec::By { .. }
            | SourceSpec::Several { .. }
            | SourceSpec::Bytes { .. }
            | SourceSpec::Range { .. }
            | SourceSpec::Function { .. }
    )
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
