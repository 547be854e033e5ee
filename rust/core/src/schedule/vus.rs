//! How many VUs a closed profile has over time.

use super::Share;
use crate::plan::Stage;

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
    /// Where something else goes on, at the latest at the end of its length.
    end_ns: i64,
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
                pieces.push(Piece { start_ns: at, length_ns: stage.duration_ns, from, to, end_ns: at + stage.duration_ns });
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

    /// From `at` on, `vus` VUs until the end. Changes come in the order of their times.
    pub fn set_vus(&mut self, at: i64, vus: u32) {
        self.pieces.retain(|piece| piece.start_ns < at);
        if let Some(last) = self.pieces.last_mut() {
            last.end_ns = last.end_ns.min(at);
        }
        if at < self.end_ns {
            let (length_ns, count) = (self.end_ns - at, i64::from(vus));
            self.pieces.push(Piece { start_ns: at, length_ns, from: count, to: count, end_ns: self.end_ns });
        }
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
        self.pieces_from(at).find_map(|piece| piece.reaches(wanted, at))
    }

    /// The first moment from `at` on in which VU `index` (from 0) is not active, None when it is active until the end.
    #[must_use]
    pub fn inactive_from(&self, index: u32, at: i64) -> Option<i64> {
        let wanted = i64::from(index) + 1;
        self.pieces_from(at).find_map(|piece| piece.falls_below(wanted, at))
    }

    fn pieces_from(&self, at: i64) -> impl Iterator<Item = &Piece> {
        self.pieces.iter().filter(move |piece| piece.end_ns > at)
    }

    /// When the number of VUs in `share` changes, and to what: from the start to the end, where it is zero.
    pub fn changes(&self, share: Share) -> impl Iterator<Item = (i64, u64)> {
        let counts = self.pieces.iter().flat_map(|piece| piece.changes());
        let mine = counts.map(move |(at, count)| (at, share.of_first(count.unsigned_abs())));
        let mut last = None;
        mine.chain([(self.end_ns, 0)]).filter(move |&(at, count)| last.replace(count) != Some(count) || at == self.end_ns)
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
        Some(self.start_ns + offset).filter(|&ns| ns < self.end_ns)
    }

    /// The first moment from `at` on, inside this piece, with fewer than `wanted` VUs.
    fn falls_below(&self, wanted: i64, at: i64) -> Option<i64> {
        let at = at.max(self.start_ns);
        if self.count_at(at) < wanted {
            return Some(at);
        }
        if self.to >= self.from {
            return None;
        }
        let fall = i128::from(self.from - wanted) * i128::from(self.length_ns);
        let offset = i64::try_from(fall / i128::from(self.from - self.to)).ok()? + 1;
        Some(self.start_ns + offset).filter(|&ns| ns < self.end_ns)
    }

    /// The count at the start of the piece, and each later one with the moment from which it holds.
    fn changes(&self) -> impl Iterator<Item = (i64, i64)> + use<> {
        let piece = *self;
        let step = (piece.to - piece.from).signum();
        let later = (1..=(piece.to - piece.from).abs()).map_while(move |k| {
            let count = piece.from + step * k;
            let at = if step > 0 { piece.reaches(count, piece.start_ns) } else { piece.falls_below(count + 1, piece.start_ns) };
            Some((at?, count))
        });
        std::iter::once((piece.start_ns, piece.from)).chain(later)
    }

    fn count_at(&self, at: i64) -> i64 {
        let change = i128::from(self.to - self.from) * i128::from(at - self.start_ns);
        let whole = change.div_euclid(i128::from(self.length_ns));
        self.from + i64::try_from(whole).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SECOND;
    use proptest::prelude::*;

    fn stages(table: &[(i64, u32)]) -> Vec<Stage> {
        table.iter().map(|&(s, target)| Stage { duration_ns: s * SECOND, target }).collect()
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
        fn the_first_active_moment_is_the_first(start in 0_u32..20, a in 0_u32..20, b in 0_u32..20, la in 1_i64..50, lb in 1_i64..50, vu in 0_u32..20, at in 0_i64..100) {
            let table = [Stage { duration_ns: la, target: a }, Stage { duration_ns: lb, target: b }];
            let steps = VuSteps::ramp(start, &table);
            let count = |t: i64| -> Option<i64> {
                let (s, l, from, to) = if t < la { (0, la, start, a) } else if t < la + lb { (la, lb, a, b) } else { return None };
                Some(i64::from(from) + ((i64::from(to) - i64::from(from)) * (t - s)).div_euclid(l))
            };
            let slow = (at..la + lb).find(|&t| count(t).is_some_and(|c| c > i64::from(vu)));
            prop_assert_eq!(steps.active_from(vu, at), slow);
            let gone = (at..la + lb).find(|&t| count(t).is_some_and(|c| c <= i64::from(vu)));
            prop_assert_eq!(steps.inactive_from(vu, at), gone);
            let changes: Vec<_> = steps.changes(Share::of((0, 1), 20).unwrap()).collect();
            let at_moment = |t: i64| changes.iter().rev().find(|change| change.0 <= t).map(|change| change.1 as i64);
            prop_assert!((0..la + lb).all(|t| at_moment(t) == count(t)));
            prop_assert_eq!(changes.last(), Some(&(la + lb, 0)));
        }
    }
}
