//! Counter-based random numbers: a value depends on its key and row alone, so rows can be computed in any order, or one at a time.

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014).
#[inline(always)]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The `row`-th number (from 0) of the SplitMix64 stream that starts at `key`.
#[inline(always)]
pub(crate) fn draw(key: u64, row: u64) -> u64 {
    mix(key.wrapping_add(row.wrapping_add(1).wrapping_mul(GOLDEN)))
}

/// A key for one named thing below another key; names rather than positions, so that adding a column leaves the others as they are.
pub(crate) fn subkey(key: u64, name: &str) -> u64 {
    let fnv = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    mix(mix(key.wrapping_add(GOLDEN)) ^ name.as_bytes().iter().fold(0xCBF2_9CE4_8422_2325, fnv))
}

/// Maps a 64-bit draw to `0..bound`, by multiplication (Lemire 2019, without the rejection: the bias is below `bound / 2^64`).
#[inline(always)]
pub(crate) fn below(draw: u64, bound: u64) -> u64 {
    ((u128::from(draw) * u128::from(bound)) >> 64) as u64
}

/// The draw below which an event of probability `share` happens.
pub(crate) fn threshold(share: f64) -> u64 {
    if share >= 1.0 { u64::MAX } else { (share.max(0.0) * 18_446_744_073_709_551_616.0) as u64 }
}

/// Upper ends of the intervals that weights cut out of the range of a draw.
pub(crate) fn cumulative(weights: &[f64]) -> Vec<u64> {
    let total: f64 = weights.iter().sum();
    let mut sum = 0.0;
    let mut ends: Vec<u64> = weights
        .iter()
        .map(|weight| {
            sum += weight;
            threshold(sum / total)
        })
        .collect();
    if let Some(last) = ends.last_mut() {
        *last = u64::MAX;
    }
    ends
}

/// Which of the intervals a draw falls into.
#[inline(always)]
pub(crate) fn interval(ends: &[u64], draw: u64) -> usize {
    let last = ends.len().saturating_sub(1);
    if ends.len() <= 16 {
        return ends.iter().position(|end| draw < *end).unwrap_or(last);
    }
    ends.partition_point(|end| *end <= draw).min(last)
}

/// A keyed permutation of `0..size`: a Feistel network over the next power of four, walked until it lands inside (Black, Rogaway 2002).
#[inline]
pub(crate) fn permute(key: u64, size: u64, index: u64) -> u64 {
    let half = (64 - size.saturating_sub(1).leading_zeros()).div_ceil(2).max(1);
    let mask = (1_u64 << half) - 1;
    let mut value = index;
    loop {
        let (mut left, mut right) = (value >> half, value & mask);
        for round in 0..4 {
            (left, right) = (right, left ^ (draw(key.wrapping_add(round), right) & mask));
        }
        value = (left << half) | right;
        if value < size {
            return value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_the_published_splitmix64_sequence() {
        // Output of the reference splitmix64.c (Vigna) for the seed 1234567, as listed by Rosetta Code.
        let published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];
        let ours: Vec<u64> = (0..5).map(|row| draw(1_234_567, row)).collect();
        assert_eq!(ours, published);
    }

    #[test]
    fn a_permutation_takes_each_value_once() {
        for size in [1_u64, 2, 3, 40, 1240, 1241] {
            let mut seen: Vec<u64> = (0..size).map(|index| permute(99, size, index)).collect();
            seen.sort_unstable();
            assert_eq!(seen, (0..size).collect::<Vec<_>>());
        }
    }

    #[test]
    fn permutations_of_two_keys_differ() {
        let of = |key| (0..50).map(|index| permute(key, 1240, index)).collect::<Vec<_>>();
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn weights_become_shares() {
        let ends = cumulative(&[1.0, 3.0, 4.0]);
        let mut counts = [0_u32; 3];
        for row in 0..80_000 {
            counts[interval(&ends, draw(7, row))] += 1;
        }
        for (count, expected) in counts.iter().zip([10_000.0, 30_000.0, 40_000.0]) {
            assert!((f64::from(*count) - expected).abs() < 5.0 * f64::sqrt(expected), "{count} against {expected}");
        }
    }

    #[test]
    fn many_weights_and_few_give_the_same_interval() {
        let ends = cumulative(&[1.0; 20]);
        for row in 0..1000 {
            let wanted = ends.iter().position(|end| draw(3, row) < *end).unwrap_or(19);
            assert_eq!(interval(&ends, draw(3, row)), wanted);
        }
    }

    #[test]
    fn keys_of_different_names_differ() {
        assert_ne!(subkey(0, "pets"), subkey(0, "users"));
        assert_ne!(subkey(0, "pets"), subkey(1, "pets"));
    }
}
