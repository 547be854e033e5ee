//! What each tenant saw: counts and a coarse sketch of fixed size, however many requests there are.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::table::Table;
use crate::sample::Sample;

/// Buckets of the sketch: bucket `i` holds response times from `1.04^i` to `1.04^(i+1)` microseconds, up to ten minutes. The middle of a
/// bucket is at most 2 % away from any value in it (Masson, Rim and Lee, DDSketch, PVLDB 12, 2019).
const BUCKETS: usize = 516;
const BASE: f64 = 1.04;

struct Tenant {
    requests: u64,
    failures: u64,
    sum_ns: i64,
    max_ns: i64,
    sketch: Box<[u32; BUCKETS]>,
}

/// All tenants that sent a request.
#[derive(Default)]
pub(super) struct Tenants {
    seen: HashMap<i32, Tenant, foldhash::fast::FixedState>,
    changed: bool,
}

impl Tenants {
    pub(super) fn record(&mut self, sample: &Sample) {
        if sample.origin.tenant < 0 {
            return;
        }
        let response_ns = sample.response_time().max(0);
        let tenant = self.seen.entry(sample.origin.tenant).or_insert_with(|| Tenant {
            requests: 0,
            failures: 0,
            sum_ns: 0,
            max_ns: 0,
            sketch: Box::new([0; BUCKETS]),
        });
        tenant.requests += 1;
        tenant.failures += u64::from(sample.failure.is_some());
        tenant.sum_ns = tenant.sum_ns.saturating_add(response_ns);
        tenant.max_ns = tenant.max_ns.max(response_ns);
        if let Some(count) = tenant.sketch.get_mut(bucket_of(response_ns)) {
            *count += 1;
        }
        self.changed = true;
    }

    /// Counts a failure of a request that was recorded as fine.
    pub(super) fn amend(&mut self, sample: &Sample) {
        if let Some(tenant) = self.seen.get_mut(&sample.origin.tenant) {
            tenant.failures += 1;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Rewrites the file of all tenants if there is anything new.
    pub(super) fn write(&mut self, path: &Path) -> io::Result<()> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let mut rows: Vec<(&i32, &Tenant)> = self.seen.iter().collect();
        rows.sort_unstable_by_key(|(number, _)| **number);
        let sketch = |tenant: &Tenant| -> Vec<(i32, u64)> {
            let numbered = (0_i32..).zip(tenant.sketch.iter());
            numbered.filter(|(_, count)| **count > 0).map(|(index, count)| (index, u64::from(*count))).collect()
        };
        Table::default()
            .int32("tenant", rows.iter().map(|(number, _)| **number))
            .count("requests", rows.iter().map(|(_, tenant)| tenant.requests))
            .count("failures", rows.iter().map(|(_, tenant)| tenant.failures))
            .int64("sum_ns", rows.iter().map(|(_, tenant)| tenant.sum_ns))
            .int64("max_ns", rows.iter().map(|(_, tenant)| tenant.max_ns))
            .buckets(["buckets", "counts"], rows.iter().map(|(_, tenant)| sketch(tenant)))
            .write(path)
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small bucket number")]
fn bucket_of(ns: i64) -> usize {
    let us = (ns as f64 / 1000.0).max(1.0);
    ((us.ln() / BASE.ln()).floor() as usize).min(BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bucket_holds_the_value_it_is_named_for() {
        for us in [1.0_f64, 1.05, 7.0, 200.0, 12_345.0, 599_999_999.0] {
            let index = bucket_of((us * 1000.0) as i64);
            let low = BASE.powi(i32::try_from(index).unwrap());
            assert!(low <= us * 1.000_001 && us < low * BASE * 1.000_001 && index < BUCKETS, "{us} in {index}");
        }
    }

    #[test]
    fn a_longer_time_than_ten_minutes_is_counted_in_the_last_bucket() {
        assert_eq!(bucket_of(3_600_000_000_000), BUCKETS - 1);
    }

    #[test]
    fn ten_thousand_tenants_take_less_than_forty_megabytes_whatever_their_requests() {
        let tenants = 10_000;
        // Keys and values of a full table, twice what it needs as it grows, and the sketch of each.
        let table = (tenants * 2_usize).next_power_of_two() * (size_of::<(i32, Tenant)>() + 1);
        let sketches = tenants * size_of::<[u32; BUCKETS]>();
        assert!(table + sketches < 40_000_000, "{table} + {sketches}");
    }

    proptest! {
        #[test]
        fn quantiles_of_the_sketch_are_within_two_percent_of_the_sorted_values(
            values in prop::collection::vec(1_000_i64..600_000_000_000, 1..2000), q in 0.01_f64..=1.0,
        ) {
            let mut sketch = [0_u32; BUCKETS];
            values.iter().for_each(|&ns| sketch[bucket_of(ns)] += 1);
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
            let exact = sorted[rank - 1] as f64;
            let mut seen = 0;
            let bucket = sketch.iter().position(|&count| { seen += count as usize; seen >= rank }).unwrap();
            let found = 2.0 * BASE.powi(i32::try_from(bucket).unwrap() + 1) / (BASE + 1.0) * 1000.0;
            prop_assert!((found - exact).abs() <= exact * 0.02, "{found} for {exact}");
        }
    }
}
