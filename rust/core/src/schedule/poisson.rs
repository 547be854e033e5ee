//! Random arrivals: the gaps between events are exponentially distributed, and the same on every machine.

use super::Unrepresentable;
use crate::clock::SECOND;
use crate::population::random::draw;

/// `-ln u` has 40 bits after the point and the mean gap 20, so that their product fits into 128 bits.
const LOG_BITS: u32 = 40;
const GAP_BITS: u32 = 20;
/// `ln 2` with 64 bits after the point.
const LN_2: u128 = 0xB172_17F7_D1CF_79AB;
const MOST_GAP_NS: u128 = 1 << 60;

/// A Poisson process. Events are found one after the other; looking further back starts again from the first.
///
/// Event `k` is when the integral of the rate reaches the sum of the first `k + 1` draws: a process of rate 1 on another time scale
/// (Çinlar, Introduction to Stochastic Processes, 1975, p. 94). So a change of the rate needs no other draws.
#[derive(Debug, Clone)]
pub(super) struct Poisson {
    key: u64,
    pieces: Vec<Piece>,
    duration_ns: i64,
    next: u64,
    /// The sum of the first `next` draws.
    sum: u128,
}

/// From `from_ns` on, where the integral is `area`, one more of it takes `mean_gap`.
#[derive(Debug, Clone)]
struct Piece {
    from_ns: i64,
    area: u128,
    mean_gap: u128,
}

impl Poisson {
    /// On average `rate` (a fraction per second) events, drawn from `key`, for `duration_ns`.
    pub(super) fn new(rate: (u64, u64), duration_ns: i64, key: u64) -> Result<Self, Unrepresentable> {
        let pieces = vec![Piece { from_ns: 0, area: 0, mean_gap: mean_gap(rate)? }];
        Ok(Self { key, pieces, duration_ns, next: 0, sum: 0 })
    }

    /// From `at_ns` on, `rate` events on average. Changes come in the order of their times.
    pub(super) fn set_rate(&mut self, at_ns: i64, rate: (u64, u64)) -> Result<(), Unrepresentable> {
        let mean_gap = mean_gap(rate)?;
        let area = self.pieces.last().map_or(0, |piece| piece.area_at(at_ns));
        self.pieces.push(Piece { from_ns: at_ns, area, mean_gap });
        Ok(())
    }

    /// The start of event `k` (from 0), rounded down; None from the end of the profile on.
    pub(super) fn start_of(&mut self, k: u64) -> Option<i64> {
        if k + 1 < self.next {
            (self.next, self.sum) = (0, 0);
        }
        while self.next <= k {
            self.now()?;
            self.sum += minus_log(draw(self.key, self.next));
            self.next += 1;
        }
        self.now()
    }

    fn now(&self) -> Option<i64> {
        let piece = self.pieces.iter().rev().find(|piece| piece.area <= self.sum)?;
        piece.time_of(self.sum).filter(|&ns| ns < self.duration_ns)
    }

    pub(super) fn duration_ns(&self) -> i64 {
        self.duration_ns
    }
}

impl Piece {
    fn time_of(&self, area: u128) -> Option<i64> {
        let ns = (area - self.area).checked_mul(self.mean_gap)? >> (LOG_BITS + GAP_BITS);
        self.from_ns.checked_add(i64::try_from(ns).ok()?)
    }

    /// The smallest area whose time is not before `ns`.
    fn area_at(&self, ns: i64) -> u128 {
        self.area + (u128::from(ns.abs_diff(self.from_ns)) << (LOG_BITS + GAP_BITS)).div_ceil(self.mean_gap)
    }
}

fn mean_gap((numerator, denominator): (u64, u64)) -> Result<u128, Unrepresentable> {
    let second = u128::from(SECOND.unsigned_abs()) << GAP_BITS;
    let gap = second.checked_mul(denominator.into()).and_then(|gap| (gap + u128::from(numerator / 2)).checked_div(numerator.into()));
    gap.filter(|&gap| gap > 0 && gap < MOST_GAP_NS << GAP_BITS).ok_or(Unrepresentable)
}

/// `-ln((number + 1) / 2^64)` with 40 bits after the point: a draw of the exponential distribution of mean 1.
///
/// The logarithm to base 2 comes bit by bit from repeated squaring (Knuth, TAOCP 1, 1.2.2, exercise 25) of whole numbers: a library's
/// logarithm differs in its last bits from machine to machine.
fn minus_log(number: u64) -> u128 {
    let value = u128::from(number) + 1;
    let whole = value.ilog2();
    let mut mantissa = value << (63 - whole.min(63));
    if whole == 64 {
        return 0;
    }
    let mut fraction = 0_u128;
    for _ in 0..LOG_BITS {
        mantissa = (mantissa * mantissa) >> 63;
        let bit = mantissa >> 64;
        fraction = (fraction << 1) | bit;
        mantissa >>= bit;
    }
    let log = (u128::from(whole) << LOG_BITS) | fraction;
    (((64 << LOG_BITS) - log) * LN_2) >> 64
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: usize = 200_000;

    /// The gaps in units of their mean, sorted.
    fn gaps(rate: (u64, u64), key: u64) -> Vec<f64> {
        let mut poisson = Poisson::new(rate, i64::MAX, key).unwrap();
        let starts: Vec<i64> = (0..N as u64).map(|k| poisson.start_of(k).unwrap()).collect();
        let mean = SECOND as f64 * rate.1 as f64 / rate.0 as f64;
        let mut gaps: Vec<f64> = std::iter::once(&0).chain(&starts).zip(&starts).map(|(a, b)| (b - a) as f64 / mean).collect();
        gaps.sort_by(f64::total_cmp);
        gaps
    }

    #[test]
    fn the_logarithm_is_exact_to_its_last_bits() {
        for number in [0, 1, 2, 12_345, u64::MAX / 3, u64::MAX / 2, u64::MAX - 1, u64::MAX] {
            let exact = -((number as f64 + 1.0) / 18_446_744_073_709_551_616.0).ln();
            let found = minus_log(number) as f64 / (1_u64 << LOG_BITS) as f64;
            assert!((found - exact).abs() < 1e-11, "{number}: {found} is not {exact}");
        }
    }

    #[test]
    fn mean_and_variance_of_the_gaps_are_those_of_the_exponential_distribution() {
        for (rate, key) in [((50, 1), 1), ((100_000, 1), 2), ((1, 3), 3)] {
            let gaps = gaps(rate, key);
            let mean = gaps.iter().sum::<f64>() / N as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / N as f64;
            // Five standard deviations: 1 / sqrt(n) of the mean, sqrt(8 / n) of the variance.
            assert!((mean - 1.0).abs() < 5.0 / (N as f64).sqrt(), "{rate:?}: mean {mean}");
            assert!((variance - 1.0).abs() < 5.0 * (8.0 / N as f64).sqrt(), "{rate:?}: variance {variance}");
        }
    }

    /// Kolmogorov and Smirnov's distance, and Anderson and Darling's statistic, which looks harder at the ends (Stephens 1974, case 0).
    #[test]
    fn the_gaps_are_exponential_by_kolmogorov_smirnov_and_anderson_darling() {
        for key in 1..=5 {
            let gaps = gaps((50, 1), key);
            let at = |gap: f64| -(-gap).exp_m1();
            let n = N as f64;
            let places = || gaps.iter().enumerate().map(|(i, &gap)| (i as f64, gap));
            let distance = places().map(|(i, gap)| (at(gap) - i / n).max((i + 1.0) / n - at(gap))).fold(0.0, f64::max);
            assert!(distance * n.sqrt() < 1.95, "key {key}: {} is beyond the bound of 0.1 %", distance * n.sqrt());
            let sum: f64 = places().map(|(i, gap)| (2.0 * i + 1.0) * (at(gap).ln() - gaps[N - 1 - i as usize])).sum();
            let statistic = -n - sum / n;
            assert!(statistic < 6.0, "key {key}: {statistic} is beyond the bound of 0.1 %");
        }
    }

    #[test]
    fn neighbouring_gaps_do_not_depend_on_each_other() {
        let mut poisson = Poisson::new((50, 1), i64::MAX, 9).unwrap();
        let starts: Vec<i64> = (0..N as u64).map(|k| poisson.start_of(k).unwrap()).collect();
        let gaps: Vec<f64> = starts.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 2e7 - 1.0).collect();
        let correlation = gaps.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / N as f64;
        assert!(correlation.abs() < 5.0 / (N as f64).sqrt(), "{correlation}");
    }

    #[test]
    fn any_event_can_be_looked_up_and_the_first_ones_are_these_on_every_machine() {
        let mut poisson = Poisson::new((50, 1), SECOND, 42).unwrap();
        let all: Vec<i64> = (0..).map_while(|k| poisson.start_of(k)).collect();
        assert_eq!(poisson.start_of(3), Some(all[3]));
        assert_eq!(poisson.start_of(1), Some(all[1]));
        assert_eq!(poisson.start_of(all.len() as u64), None);
        assert_eq!(all[..4], FIRST);
    }

    /// From Python's decimal module, with 60 digits.
    const FIRST: [i64; 4] = [5_979_852, 42_642_685, 68_202_169, 89_533_356];
}
