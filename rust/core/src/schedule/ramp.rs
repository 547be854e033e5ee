//! Events of a rate that changes linearly within each stage.

use super::Unrepresentable;
use super::wide::Wide;
use crate::clock::SECOND;
use crate::plan::RateStage;

/// Rates over their common denominator stay below `2^60`, and lengths below `2^56` ns (two years): then everything below fits.
const MOST_RATE: u64 = 1 << 60;
const MOST_NS: i64 = 1 << 56;

/// Event `i` (from 1) is when the integral of the rate reaches `i`, rounded down to whole nanoseconds.
///
/// Areas are whole numbers: one event has the area `2 * denominator * 10^9`. With the rates `a` at the start and `b` at the end of a stage
/// of length `l`, both over the common denominator, the area after `t` is `2 a t + (b - a) t^2 / l`, and `(a + b) l` at its end.
#[derive(Debug, Clone)]
pub(super) struct Ramp {
    event_area: u128,
    pieces: Vec<Piece>,
    end_ns: i64,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    start_ns: i64,
    length: u128,
    from: u128,
    to: u128,
    area_before: u128,
    area_after: u128,
}

impl Ramp {
    /// A ramp from `start` through `stages`; stages without length jump.
    pub(super) fn new(start: (u64, u64), stages: &[RateStage]) -> Result<Self, Unrepresentable> {
        let rates = || std::iter::once(start).chain(stages.iter().map(|stage| stage.target));
        let denominator = rates().try_fold(1_u64, |so_far, (_, denominator)| common(so_far, denominator)).ok_or(Unrepresentable)?;
        let over = |(numerator, own): (u64, u64)| -> Result<u128, Unrepresentable> {
            let scaled = numerator.checked_mul(denominator / own).filter(|&rate| rate < MOST_RATE);
            Ok(scaled.ok_or(Unrepresentable)?.into())
        };
        let (mut pieces, mut end_ns, mut area, mut from) = (Vec::with_capacity(stages.len()), 0_i64, 0, over(start)?);
        for stage in stages {
            let (to, length) = (over(stage.target)?, u128::from(stage.duration_ns.unsigned_abs()));
            let after = area + (from + to) * length;
            if length > 0 {
                pieces.push(Piece { start_ns: end_ns, length, from, to, area_before: area, area_after: after });
            }
            end_ns = end_ns.checked_add(stage.duration_ns).filter(|&end| end < MOST_NS).ok_or(Unrepresentable)?;
            (area, from) = (after, to);
        }
        Ok(Self { event_area: 2 * u128::from(denominator) * u128::from(SECOND.unsigned_abs()), pieces, end_ns })
    }

    /// The start of event `k` (from 0); None from the end of the profile on.
    pub(super) fn start_of(&self, k: u64) -> Option<i64> {
        let area = (u128::from(k) + 1).checked_mul(self.event_area)?;
        let piece = self.pieces.get(self.pieces.partition_point(|piece| piece.area_after < area))?;
        let ns = piece.start_ns + piece.time_of(area - piece.area_before)?;
        (ns < self.end_ns).then_some(ns)
    }

    pub(super) fn end_ns(&self) -> i64 {
        self.end_ns
    }
}

impl Piece {
    /// Nanoseconds from the start of the piece until it has gained `area`, rounded down: the first root of the quadratic equation.
    fn time_of(&self, area: u128) -> Option<i64> {
        let Self { length, from, to, .. } = *self;
        let whole = from * length;
        let square = Wide::product(whole, whole);
        let change = Wide::product(from.abs_diff(to) * length, area);
        let ns = if from == to {
            area.checked_div(2 * from)?
        } else if from < to {
            (square.plus(change).root() - whole) / (to - from)
        } else {
            (whole - square.minus(change).root_up()) / (from - to)
        };
        i64::try_from(ns).ok()
    }
}

/// The least common multiple; None when it is too large.
fn common(a: u64, b: u64) -> Option<u64> {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    a.checked_mul(b.checked_div(divisor)?).filter(|&multiple| multiple > 0 && multiple < MOST_RATE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use num_bigint::BigInt;
    use num_rational::BigRational;
    use proptest::prelude::*;

    fn ramp(start: u64, stages: &[(i64, u64)]) -> Ramp {
        let stages: Vec<_> = stages.iter().map(|&(s, rate)| RateStage { duration_ns: s * SECOND, target: (rate, 1) }).collect();
        Ramp::new((start, 1), &stages).unwrap()
    }

    fn ratio(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> BigRational {
        BigRational::new(numerator.into(), denominator.into())
    }

    /// The integral of the rate up to `ns`, step by step from its definition.
    fn area(start: (u64, u64), stages: &[RateStage], ns: i64) -> BigRational {
        let per_ns = |(numerator, denominator): (u64, u64)| ratio(numerator, BigInt::from(denominator) * SECOND);
        let (mut sum, mut at, mut from) = (ratio(0, 1), 0, per_ns(start));
        for stage in stages {
            let to = per_ns(stage.target);
            if stage.duration_ns > 0 {
                let t = ratio((ns - at).clamp(0, stage.duration_ns), 1);
                let slope = (&to - &from) / ratio(stage.duration_ns, 1);
                sum += &from * &t + slope * &t * &t / ratio(2, 1);
            }
            at += stage.duration_ns;
            from = to;
        }
        sum
    }

    #[test]
    fn a_ramp_from_zero_to_ten_in_five_seconds_starts_event_i_at_the_root_of_i() {
        let ramp = ramp(0, &[(5, 10)]);
        assert_eq!(ramp.start_of(0), Some(SECOND), "the area of t seconds is t squared");
        assert_eq!(ramp.start_of(3), Some(2 * SECOND));
        assert_eq!(ramp.start_of(1), Some(1_414_213_562));
        assert_eq!(ramp.start_of(24), None, "the twenty-fifth would start on the end boundary");
    }

    #[test]
    fn area_is_carried_over_stages_and_jumps() {
        let ramp = ramp(1, &[(1, 0), (0, 10), (1, 10)]);
        assert_eq!(ramp.start_of(0), Some(SECOND + 50_000_000), "half an event was there already");
        assert_eq!(ramp.start_of(9), Some(SECOND + 950_000_000));
        assert_eq!(ramp.start_of(10), None);
    }

    #[test]
    fn an_event_that_is_reached_before_a_stage_without_rate_starts_before_it() {
        let ramp = ramp(2, &[(1, 0), (10, 0), (1, 2)]);
        assert_eq!(ramp.start_of(0), Some(SECOND));
        assert_eq!(ramp.start_of(1), None);
    }

    #[test]
    fn a_day_up_to_a_hundred_thousand_per_second_neither_overflows_nor_drifts() {
        let stages = [RateStage { duration_ns: 86_400 * SECOND, target: (100_000_000_000, 1_000_003) }];
        let ramp = Ramp::new((1, 3_600_000), &stages).unwrap();
        for k in [0, 1, 999_999, 1_234_567_890, 4_319_987_039] {
            let found = ramp.start_of(k).unwrap();
            let wanted = ratio(k + 1, 1);
            assert!(area((1, 3_600_000), &stages, found) <= wanted && area((1, 3_600_000), &stages, found + 1) > wanted, "{k}");
        }
        assert_eq!(ramp.start_of(u64::MAX), None);
    }

    #[test]
    fn rates_that_are_too_fine_are_refused() {
        let stage = |target| RateStage { duration_ns: SECOND, target };
        assert!(Ramp::new((1, (1 << 61) + 1), &[stage((1, 3))]).is_err());
        assert!(Ramp::new((1, 1), &[stage((u64::MAX, 1))]).is_err());
        assert!(Ramp::new((1, 0), &[stage((1, 1))]).is_err());
        assert!(Ramp::new((1, 1), &[RateStage { duration_ns: i64::MAX, target: (1, 1) }]).is_err());
    }

    fn rates() -> impl Strategy<Value = (u64, u64)> {
        (0_u64..2_000, prop::sample::select(vec![1_u64, 3, 60, 7_000, 3_600]))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn event_i_is_where_the_exact_integral_reaches_i(
            start in rates(),
            table in prop::collection::vec((prop_oneof![Just(0_i64), 1..20 * SECOND], rates()), 1..6),
            place in 0.0..1.0_f64,
        ) {
            let stages: Vec<_> = table.iter().map(|&(duration_ns, target)| RateStage { duration_ns, target }).collect();
            let ramp = Ramp::new(start, &stages).unwrap();
            let end = stages.iter().map(|stage| stage.duration_ns).sum::<i64>();
            let whole = area(start, &stages, end).to_integer();
            let k = (place * f64::from(u32::try_from(whole).unwrap())) as u64;
            match ramp.start_of(k) {
                None => prop_assert!(area(start, &stages, end) <= ratio(k + 1, 1), "it is reached before the end"),
                Some(ns) => {
                    let wanted = ratio(k + 1, 1);
                    prop_assert!(area(start, &stages, ns) <= wanted);
                    prop_assert!(area(start, &stages, ns + 1) > wanted || area(start, &stages, ns) == wanted);
                    if area(start, &stages, ns) == wanted && ns > 0 {
                        prop_assert!(area(start, &stages, ns - 1) < wanted, "the first moment, where the rate is zero from then on");
                    }
                }
            }
        }
    }
}
