//! Sparse histograms put together.

use crate::histogram::{lowest_of, value_at};

/// Buckets of the coarse histograms that travel in a page: 32 to a doubling.
const COARSE_HALF_BITS: u32 = 5;

/// Rows merged into one histogram; never empty.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Merged {
    /// The number of durations.
    pub total: u64,
    /// Their exact sum in nanoseconds.
    pub sum_ns: i64,
    /// Their exact maximum in nanoseconds.
    pub max_ns: i64,
    /// (bucket, count) pairs in ascending order of bucket.
    pub counts: Vec<(u32, u64)>,
}

impl Merged {
    /// All of them as one.
    #[must_use]
    pub fn sum<'a>(parts: impl Iterator<Item = &'a Self>) -> Self {
        let (mut found, mut scratch) = (Self::default(), Scratch::default());
        for part in parts {
            found.total += part.total;
            found.sum_ns = found.sum_ns.saturating_add(part.sum_ns);
            found.max_ns = found.max_ns.max(part.max_ns);
            part.counts.iter().for_each(|&(bucket, count)| scratch.add(bucket, count));
        }
        found.counts = scratch.take();
        found
    }

    /// The value in nanoseconds of rank `rank`, from 1: the highest of its bucket, at most the exact maximum.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> i64 {
        value_at(&self.counts, rank, self.max_ns).unwrap_or(self.max_ns)
    }

    /// The same durations in buckets of 32 to a doubling.
    #[must_use]
    pub fn coarse(&self) -> Vec<(u32, u64)> {
        let mut found: Vec<(u32, u64)> = Vec::new();
        for &(bucket, count) in &self.counts {
            let bucket = coarse_of(lowest_of(bucket));
            match found.last_mut() {
                Some(last) if last.0 == bucket => last.1 += count,
                _ => found.push((bucket, count)),
            }
        }
        found
    }
}

/// A coarse histogram as pages carry it: the distance of each bucket from the one before, and its count less that of `base`; what is zero
/// then is left out.
#[must_use]
pub fn flat(counts: &[(u32, u64)], base: &[(u32, u64)]) -> Vec<i64> {
    let (mut left, mut right) = (counts.iter().copied().peekable(), base.iter().copied().peekable());
    let (mut found, mut before) = (Vec::new(), 0);
    while let Some(bucket) = [left.peek(), right.peek()].into_iter().flatten().map(|pair| pair.0).min() {
        let [more, less] = [&mut left, &mut right].map(|side| side.next_if(|pair| pair.0 == bucket).map_or(0, |pair| pair.1));
        let count = i64::try_from(i128::from(more) - i128::from(less)).unwrap_or(i64::MAX);
        if count != 0 {
            found.extend([i64::from(bucket) - std::mem::replace(&mut before, i64::from(bucket)), count]);
        }
    }
    found
}

/// The coarse bucket that holds `us` microseconds.
pub(super) fn coarse_of(us: u64) -> u32 {
    let shift = (u64::BITS - us.leading_zeros()).saturating_sub(COARSE_HALF_BITS + 1);
    let index = (u64::from(shift) << COARSE_HALF_BITS) + (us >> shift);
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// Counts by bucket, and a bit for each that is in use: they come out in order without being sorted.
#[derive(Default)]
pub(super) struct Scratch {
    counts: Vec<u64>,
    used: Vec<u64>,
}

impl Scratch {
    pub(super) fn add(&mut self, bucket: u32, count: u64) {
        let (bucket, word) = (bucket as usize, (bucket / u64::BITS) as usize);
        if self.used.len() <= word {
            self.used.resize(word + 1, 0);
            self.counts.resize((word + 1) * u64::BITS as usize, 0);
        }
        if let (Some(there), Some(bits)) = (self.counts.get_mut(bucket), self.used.get_mut(word)) {
            *there += count;
            *bits |= 1 << (bucket % u64::BITS as usize);
        }
    }

    /// What was added, in ascending order of bucket.
    pub(super) fn take(&mut self) -> Vec<(u32, u64)> {
        let mut found = Vec::new();
        for (bits, base) in self.used.iter_mut().zip((0_u32..).step_by(u64::BITS as usize)) {
            while *bits > 0 {
                let bucket = base + bits.trailing_zeros();
                *bits &= *bits - 1;
                if let Some(count) = self.counts.get_mut(bucket as usize).map(std::mem::take).filter(|&count| count > 0) {
                    found.push((bucket, count));
                }
            }
        }
        found
    }
}
