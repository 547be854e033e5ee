//! When iterations start. All times are nanoseconds since the start of the load, from closed formulas on integers.

use crate::clock::SECOND;
use crate::plan::{Profile, Stage};

/// The n-th intended start of an open profile.
#[derive(Debug, Clone, Copy)]
pub struct Arrivals {
    numerator: u128,
    denominator: u128,
    duration_ns: i64,
}

impl Arrivals {
    /// Arrivals at `numerator / denominator` events per second for `duration_ns`.
    #[must_use]
    pub fn constant(numerator: u64, denominator: u64, duration_ns: i64) -> Self {
        Self { numerator: u128::from(numerator), denominator: u128::from(denominator), duration_ns }
    }

    /// The intended start of event `k` (from 0): `floor(k * period)`; None from the end of the profile on.
    #[must_use]
    pub fn start_of(&self, k: u64) -> Option<i64> {
        let elapsed = u128::from(k) * u128::from(SECOND.unsigned_abs()) * self.denominator;
        let ns = i64::try_from(elapsed.checked_div(self.numerator)?).ok()?;
        (ns < self.duration_ns).then_some(ns)
    }
}

/// The number of VUs of a closed profile over time, linear within stages.
#[derive(Debug, Clone)]
pub struct VuSteps {
    pieces: Vec<Piece>,
    end_ns: i64,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    start_ns: i64,
    length_ns: i64,
    from: i64,
    to: i64,
}

impl VuSteps {
    /// The steps of a ramp that begins with `start` VUs; stages without length jump.
    #[must_use]
    pub fn ramp(start: u32, stages: &[Stage]) -> Self {
        let mut pieces = Vec::with_capacity(stages.len());
        let (mut at, mut from) = (0, i64::from(start));
        for stage in stages {
            let to = i64::from(stage.target);
            if stage.duration_ns > 0 {
                pieces.push(Piece { start_ns: at, length_ns: stage.duration_ns, from, to });
            }
            at += stage.duration_ns;
            from = to;
        }
        Self { pieces, end_ns: at }
    }

    /// A fixed number of VUs.
    #[must_use]
    pub fn constant(vus: u32, duration_ns: i64) -> Self {
        Self::ramp(vus, &[Stage { duration_ns, target: vus }])
    }

    /// When the profile ends.
    #[must_use]
    pub fn end_ns(&self) -> i64 {
        self.end_ns
    }

    /// The first moment from `at` on in which VU `index` (from 0) is active, None when there is none before the end.
    ///
    /// VU `index` is active while the count, rounded down to a whole number of VUs, exceeds `index`.
    #[must_use]
    pub fn active_from(&self, index: u32, at: i64) -> Option<i64> {
        let wanted = i64::from(index) + 1;
        self.pieces.iter().filter(|piece| piece.start_ns + piece.length_ns > at).find_map(|piece| piece.reaches(wanted, at))
    }
}

impl Piece {
    /// The first moment from `at` on, inside this piece, with at least `wanted` VUs.
    fn reaches(&self, wanted: i64, at: i64) -> Option<i64> {
        let at = at.max(self.start_ns);
        if self.count_at(at) >= wanted {
            return Some(at);
        }
        if self.to <= self.from || self.to < wanted {
            return None;
        }
        let climb = i128::from(wanted - self.from) * i128::from(self.length_ns);
        let rise = i128::from(self.to - self.from);
        let offset = i64::try_from((climb + rise - 1) / rise).ok()?;
        (offset < self.length_ns).then_some(self.start_ns + offset)
    }

    fn count_at(&self, at: i64) -> i64 {
        let change = i128::from(self.to - self.from) * i128::from(at - self.start_ns);
        let whole = change.div_euclid(i128::from(self.length_ns));
        self.from + i64::try_from(whole).unwrap_or(0)
    }
}

/// How a profile paces its iterations.
#[derive(Debug, Clone)]
pub enum Pace {
    /// Events at given times, whatever the answers.
    Open(Arrivals),
    /// VUs that loop while they are active.
    Closed(VuSteps),
}

impl From<&Profile> for Pace {
    fn from(profile: &Profile) -> Self {
        match profile {
            Profile::ConstantVus { vus, duration_ns } => Self::Closed(VuSteps::constant(*vus, *duration_ns)),
            Profile::RampingVus { start, stages } => Self::Closed(VuSteps::ramp(*start, stages)),
            Profile::ConstantRate { rate: (numerator, denominator), duration_ns, .. } => {
                Self::Open(Arrivals::constant(*numerator, *denominator, *duration_ns))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stages(table: &[(i64, u32)]) -> Vec<Stage> {
        table.iter().map(|&(s, target)| Stage { duration_ns: s * SECOND, target }).collect()
    }

    #[test]
    fn three_events_per_second_start_at_whole_thirds() {
        let arrivals = Arrivals::constant(3, 1, SECOND);
        let starts: Vec<_> = (0..4).map(|k| arrivals.start_of(k)).collect();
        assert_eq!(starts, [Some(0), Some(333_333_333), Some(666_666_666), None]);
    }

    #[test]
    fn an_event_on_the_end_boundary_does_not_start() {
        assert_eq!(Arrivals::constant(10, 1, SECOND).start_of(10), None);
    }

    #[test]
    fn a_ramp_from_zero_activates_each_vu_when_the_line_reaches_it() {
        let steps = VuSteps::ramp(0, &stages(&[(10, 10)]));
        let starts: Vec<_> = (0..10).map(|vu| steps.active_from(vu, 0)).collect();
        assert_eq!(starts[0], Some(SECOND));
        assert_eq!(starts[8], Some(9 * SECOND));
        assert_eq!(starts[9], None, "the tenth would start on the end boundary");
    }

    #[test]
    fn a_stage_without_length_jumps() {
        let steps = VuSteps::ramp(0, &stages(&[(0, 5), (10, 5)]));
        assert_eq!(steps.active_from(4, 0), Some(0));
        assert_eq!(steps.end_ns(), 10 * SECOND);
    }

    #[test]
    fn a_vu_taken_away_by_one_stage_comes_back_in_a_later_one() {
        let steps = VuSteps::ramp(4, &stages(&[(10, 0), (10, 4)]));
        assert_eq!(steps.active_from(3, 0), Some(0));
        assert_eq!(steps.active_from(3, 1), None, "it would come back on the end boundary");
        assert_eq!(steps.active_from(1, 9 * SECOND), Some(15 * SECOND));
    }

    proptest! {
        #[test]
        fn constant_rate_is_exact_after_any_number_of_events(n in 1_u64..1_000_000, d in 1_u64..1_000, k in 0_u64..1_000_000_000) {
            let found = Arrivals::constant(n, d, i64::MAX).start_of(k);
            let exact = u128::from(k) * 1_000_000_000 * u128::from(d) / u128::from(n);
            prop_assert_eq!(found, i64::try_from(exact).ok().filter(|&ns| ns < i64::MAX));
        }

        #[test]
        fn the_first_active_moment_is_the_first(start in 0_u32..20, a in 0_u32..20, b in 0_u32..20, la in 1_i64..50, lb in 1_i64..50, vu in 0_u32..20, at in 0_i64..100) {
            let table = [Stage { duration_ns: la, target: a }, Stage { duration_ns: lb, target: b }];
            let steps = VuSteps::ramp(start, &table);
            let count = |t: i64| -> Option<i64> {
                let (s, l, from, to) = if t < la { (0, la, start, a) } else if t < la + lb { (la, lb, a, b) } else { return None };
                Some(i64::from(from) + ((i64::from(to) - i64::from(from)) * (t - s)).div_euclid(l))
            };
            let slow = (at..la + lb).find(|&t| count(t).is_some_and(|c| c > i64::from(vu)));
            prop_assert_eq!(steps.active_from(vu, at), slow);
        }
    }
}
