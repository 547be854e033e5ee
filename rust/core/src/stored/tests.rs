use std::collections::BTreeMap;

use proptest::prelude::*;

use super::merged::coarse_of;
use super::*;
use crate::histogram::{Histogram, bucket_of, lowest_of};

/// A row as it is written: second, label, durations.
type Written = (i32, u32, Vec<i64>);

/// In two files, which name their labels in another order.
fn stored(rows: &[Written]) -> Stored {
    let mut found = Stored::default();
    for (order, some) in [([0, 1, 2, 3], &rows[..rows.len() / 2]), ([3, 2, 1, 0], &rows[rows.len() / 2..])] {
        let (mut labels, mut part, mut sparse) = (Labels::default(), Part::default(), Sparse::default());
        let number = |label: u32| Label { names: vec![label.to_string()], tags: Vec::new() };
        let places: Vec<u32> = order.iter().map(|&label| labels.number_of(number(label))).collect();
        for (second, label, durations) in some {
            let mut histogram = Histogram::default();
            durations.iter().for_each(|&ns| histogram.record(ns));
            histogram.buckets().iter().for_each(|&(bucket, count)| sparse.push(bucket.try_into().unwrap(), count));
            sparse.rows.push(Cell { sum_ns: histogram.sum_ns(), max_ns: histogram.max_ns(), end: sparse.entries.len() });
            let at = order.iter().position(|one| one == label).unwrap();
            part.rows.push(Row { at: *second, label: places[at] });
        }
        part.histograms.push(sparse);
        found.append(labels, part);
    }
    found
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
        let everything = Merged::sums(&[found.iter().map(|(_, _, merged)| merged).collect(), Vec::new()]);
        prop_assert_eq!(everything[0].total, truth.values().map(Histogram::total).sum::<u64>());
        prop_assert_eq!(everything[0].counts.iter().map(|pair| pair.1).sum::<u64>(), everything[0].total);
        prop_assert_eq!(everything[0].max_ns, truth.values().map(Histogram::max_ns).max().unwrap_or(0));
        prop_assert_eq!(&everything[1], &Merged::default());
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
fn a_count_that_takes_several_entries_is_whole_again() {
    let mut sparse = Sparse::default();
    sparse.push(7, 200_000);
    sparse.push(9, 1);
    sparse.rows.push(Cell { sum_ns: 1, max_ns: 1, end: sparse.entries.len() });
    let merged = merged::Scratch::default().sum(sparse.cell(0).into_iter());
    assert_eq!((merged.total, merged.counts), (200_001, vec![(7, 200_000), (9, 1)]));
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
    let columns = Columns { at: "second".into(), names: vec!["name".into()], tags: false, histograms: vec!["response".into()] };
    let (found, damaged) = Stored::read(&[broken.clone(), folder.path().join("absent.parquet")], &columns, None);
    assert!(found.labels().is_empty() && found.merged(0, &[], 1, &(0..10)).is_empty());
    assert_eq!(damaged.iter().map(|(file, _)| file.clone()).collect::<Vec<_>>(), [broken, folder.path().join("absent.parquet")]);
    assert!(damaged.iter().all(|(_, reason)| !reason.is_empty()));
}
