use std::collections::BTreeMap;

use proptest::prelude::*;

use super::merged::coarse_of;
use super::*;
use crate::histogram::{Histogram, lowest_of};

/// A row as it is written: second, label, durations.
type Written = (i32, u32, Vec<i64>);

fn stored(rows: &[Written]) -> Stored {
    let mut sparse = Sparse::default();
    for (_, _, durations) in rows {
        let mut histogram = Histogram::default();
        durations.iter().for_each(|&ns| histogram.record(ns));
        sparse.entries.extend(histogram.buckets().iter().map(|&(bucket, count)| (bucket, u32::try_from(count).unwrap())));
        sparse.rows.push(Cell { sum_ns: histogram.sum_ns(), max_ns: histogram.max_ns(), end: sparse.entries.len() });
    }
    let rows = rows.iter().map(|&(second, label, _)| Row { second, label }).collect();
    Stored { rows, histograms: vec![sparse], ..Stored::default() }
}

fn written() -> impl Strategy<Value = Vec<Written>> {
    prop::collection::vec((0..40_i32, 0..4_u32, prop::collection::vec(0_i64..5_000_000_000, 0..30)), 0..60)
}

proptest! {
    #[test]
    fn merged_rows_are_what_one_histogram_of_all_their_durations_is(rows in written(), step in 1..50_i32, from in 0..30_i32, length in 0..40_i32) {
        let lines = [1_i32, 0, -1, 1];
        let mut truth: BTreeMap<(u32, i32), Histogram> = BTreeMap::new();
        for (second, label, durations) in &rows {
            let line = lines[*label as usize];
            if line >= 0 && (from..from + length).contains(second) {
                let one = truth.entry((line.unsigned_abs(), (second - from) / step)).or_default();
                durations.iter().for_each(|&ns| one.record(ns));
            }
        }
        truth.retain(|_, one| one.total() > 0);
        let found = stored(&rows).merged(0, &lines, step, &(from..from + length));
        prop_assert_eq!(found.len(), truth.len());
        let everything = Merged::sum(found.iter().map(|(_, _, merged)| merged));
        prop_assert_eq!(everything.total, truth.values().map(Histogram::total).sum::<u64>());
        prop_assert_eq!(everything.counts.iter().map(|pair| pair.1).sum::<u64>(), everything.total);
        prop_assert_eq!(everything.max_ns, truth.values().map(Histogram::max_ns).max().unwrap_or(0));
        for ((line, place, merged), (key, one)) in found.into_iter().zip(&mut truth) {
            prop_assert_eq!((line, place), *key);
            prop_assert_eq!((merged.total, merged.sum_ns, merged.max_ns), (one.total(), one.sum_ns(), one.max_ns()));
            prop_assert_eq!(&merged.counts, one.buckets());
            prop_assert_eq!(merged.at_rank(merged.total), one.max_ns());
        }
    }

    #[test]
    fn a_coarse_bucket_holds_whole_fine_ones_and_is_at_most_a_32nd_wide(us in 0_u64..600_000_000) {
        let bucket = bucket_of(us);
        let coarse = coarse_of(lowest_of(bucket));
        prop_assert_eq!(coarse, coarse_of(us));
        prop_assert_eq!(coarse, coarse_of(crate::histogram::highest_of(bucket)));
        prop_assert!(coarse_of(us + us / 32 + 1) > coarse);
    }
}

#[test]
fn a_flat_histogram_has_distances_and_differences_without_zeros() {
    assert_eq!(flat(&[(3, 5), (10, 2), (11, 1)], &[]), [3, 5, 7, 2, 1, 1]);
    assert_eq!(flat(&[(3, 5), (10, 2), (11, 1)], &[(2, 4), (10, 2), (11, 3)]), [2, -4, 1, 5, 8, -2]);
}

#[test]
fn a_file_that_is_none_is_left_out_with_the_reason_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("http-000001.parquet");
    std::fs::write(&broken, b"PAR1 but no more").unwrap();
    let columns = Columns { names: vec!["name".into()], tags: false, histograms: vec!["response".into()] };
    let (found, damaged) = Stored::read(&[broken.clone(), folder.path().join("absent.parquet")], &columns, None);
    assert!(found.labels().is_empty() && found.merged(0, &[], 1, &(0..10)).is_empty());
    assert_eq!(damaged.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>(), [broken, folder.path().join("absent.parquet")]);
    assert!(damaged.iter().all(|(_, reason)| !reason.is_empty()));
}
