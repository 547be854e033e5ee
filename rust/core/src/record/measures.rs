//! Values that scripts count and measure themselves: counters, gauges, rates and trends of any unit.

use std::collections::{BTreeMap, HashMap};
use std::io;

use foldhash::fast::FixedState;
use parking_lot::Mutex;

use super::fold::Labels;
use super::growing::Growing;
use super::names::{Interned, Key, SeriesName, Tags};
use super::table::Table;
use crate::plan::Metric;

/// Bits of a double's mantissa below the first ten: a bucket is never wider than 1/1024 of its value.
const DROPPED_BITS: u32 = 42;

/// The bucket of a value: sign, exponent and the first ten bits of the mantissa, so that any unit keeps three digits.
fn bucket_of(value: f64) -> i32 {
    let magnitude = i32::try_from(value.abs().to_bits() >> DROPPED_BITS).unwrap_or(i32::MAX);
    if value < 0.0 { -magnitude } else { magnitude }
}

/// Values of one metric in one series, not yet folded.
#[derive(Debug, Default, Clone)]
struct Fresh {
    facts: Facts,
    buckets: Vec<i32>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Facts {
    n: u64,
    sum: f64,
    min: f64,
    max: f64,
    last: f64,
    last_at: i64,
}

impl Facts {
    fn merge(&mut self, other: &Self) {
        if self.n == 0 {
            *self = *other;
        } else if other.n > 0 {
            self.n += other.n;
            self.sum += other.sum;
            self.min = self.min.min(other.min);
            self.max = self.max.max(other.max);
            if other.last_at >= self.last_at {
                (self.last, self.last_at) = (other.last, other.last_at);
            }
        }
    }
}

/// The metrics of a run with what was measured since it was last taken.
#[derive(Debug, Default)]
pub struct Measures {
    trends: HashMap<Box<str>, bool, FixedState>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    series: Interned,
    fresh: Vec<Fresh>,
}

impl Measures {
    /// Ready for the metrics of a plan.
    #[must_use]
    pub fn new(metrics: &[Metric]) -> Self {
        let trends = metrics.iter().map(|metric| (metric.name.as_str().into(), metric.kind == "trend")).collect();
        Self { trends, state: Mutex::default() }
    }

    /// Takes a finite value at `at`, in clock nanoseconds; false when the run has no such metric.
    pub fn measure(&self, scenario: u32, group: &str, name: &str, tags: &Tags, value: f64, at: i64) -> bool {
        let Some(&is_trend) = self.trends.get(name) else {
            return false;
        };
        let mut state = self.state.lock();
        let index = state.series.intern(Key { scenario, group, name, tags }, name) as usize;
        if state.fresh.len() <= index {
            state.fresh.resize_with(index + 1, Fresh::default);
        }
        if let Some(fresh) = state.fresh.get_mut(index) {
            fresh.facts.merge(&Facts { n: 1, sum: value, min: value, max: value, last: value, last_at: at });
            if is_trend {
                fresh.buckets.push(bucket_of(value));
            }
        }
        true
    }

    pub(super) fn names(&self) -> Vec<SeriesName> {
        self.state.lock().series.names.clone()
    }

    /// Adds what was measured since the last call to the rows of `second`.
    pub(super) fn take(&self, second: i32, rows: &mut Rows) {
        let fresh = std::mem::take(&mut self.state.lock().fresh);
        for (fresh, index) in fresh.into_iter().zip(0_u32..).filter(|(fresh, _)| fresh.facts.n > 0) {
            let row = rows.0.entry((second, index)).or_default();
            row.facts.merge(&fresh.facts);
            for bucket in fresh.buckets {
                *row.buckets.entry(bucket).or_default() += 1;
            }
        }
    }
}

/// What was measured per second and series.
#[derive(Debug, Default)]
pub(super) struct Rows(BTreeMap<(i32, u32), Row>);

#[derive(Debug, Default)]
struct Row {
    facts: Facts,
    buckets: BTreeMap<i32, u64>,
}

impl Rows {
    pub(super) fn write(self, file: &mut Growing, start_ns: i64, names: &[SeriesName], labels: &Labels<'_>) -> io::Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (keys, rows): (Vec<(i32, u32)>, Vec<Row>) = self.0.into_iter().unzip();
        let metrics = || keys.iter().map(|key| names.get(key.1 as usize).and_then(|name| labels.metric(&name.name)));
        let facts = || rows.iter().map(|row| row.facts);
        let table = labels
            .named(Table::default().int32("second", keys.iter().map(|key| key.0)), names, keys.iter().map(|key| key.1))
            .text("kind", metrics().map(|metric| metric.map_or("", |metric| &metric.kind)))
            .text("unit", metrics().map(|metric| metric.map_or("", |metric| &metric.unit)))
            .count("n", facts().map(|facts| facts.n))
            .double("sum", facts().map(|facts| facts.sum))
            .double("min", facts().map(|facts| facts.min))
            .double("max", facts().map(|facts| facts.max))
            .double("last", facts().map(|facts| facts.last))
            .int64("last_ns", facts().map(|facts| facts.last_at - start_ns))
            .buckets(["buckets", "counts"], rows.iter().map(|row| row.buckets.iter().map(|(&bucket, &n)| (bucket, n)).collect()));
        file.add(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The bounds of a bucket of positive values, as the documents tell them.
    fn bounds(bucket: i32) -> (f64, f64) {
        let scale = 2_f64.powi(bucket / 1024 - 1023);
        let step = f64::from(bucket % 1024) / 1024.0;
        (scale * (1.0 + step), scale * (1.0 + step + 1.0 / 1024.0))
    }

    proptest! {
        #[test]
        fn a_bucket_holds_its_values_and_is_a_thousandth_wide(value in 1e-300_f64..1e300) {
            let (low, high) = bounds(bucket_of(value));
            prop_assert!(low <= value && value < high && high - low <= low / 1023.0);
            prop_assert_eq!(bucket_of(-value), -bucket_of(value));
        }

        #[test]
        fn buckets_are_in_the_order_of_their_values(a in any::<f64>(), b in any::<f64>()) {
            prop_assume!(a.is_finite() && b.is_finite() && a <= b);
            prop_assert!(bucket_of(a) <= bucket_of(b));
        }
    }

    #[test]
    fn values_of_one_second_become_one_row_with_exact_extremes_and_the_last_one() {
        let metric = |name: &str, kind: &str| Metric { name: name.into(), kind: kind.into(), unit: String::new() };
        let measures = Measures::new(&[metric("queue", "trend")]);
        for (value, at) in [(3.0, 10), (-1.0, 30), (2.0, 20)] {
            assert!(measures.measure(0, "", "queue", &[], value, at));
        }
        let mut rows = Rows::default();
        measures.take(7, &mut rows);
        measures.take(7, &mut rows);
        let row = &rows.0[&(7, 0)];
        let facts = row.facts;
        assert_eq!((facts.n, facts.sum, facts.min, facts.max, facts.last), (3, 4.0, -1.0, 3.0, -1.0));
        assert_eq!(row.buckets.values().sum::<u64>(), 3);
    }

    #[test]
    fn a_metric_that_the_run_does_not_have_is_refused() {
        assert!(!Measures::default().measure(0, "", "orders", &[], 1.0, 0));
    }
}
