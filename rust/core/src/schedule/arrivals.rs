//! The events of open profiles, as planned and as orders changed them.

use super::poisson::Poisson;
use super::ramp::Ramp;
use super::{Share, Unrepresentable};
use crate::clock::SECOND;

/// The intended starts of an open profile.
#[derive(Debug, Clone)]
pub struct Arrivals {
    base: Base,
    /// Constant rates, by time; a later one holds from its first event on.
    evens: Vec<Even>,
    end_ns: i64,
}

#[derive(Debug, Clone)]
enum Base {
    Even,
    Ramp(Ramp),
    Poisson(Poisson),
}

/// A constant rate: event `first + i` is `i` periods after `from_ns`.
#[derive(Debug, Clone)]
struct Even {
    from_ns: i64,
    first: u64,
    rate: (u64, u64),
}

impl Arrivals {
    pub(super) fn constant(rate: (u64, u64), end_ns: i64) -> Self {
        Self { base: Base::Even, evens: vec![Even { from_ns: 0, first: 0, rate }], end_ns }
    }

    pub(super) fn ramp(ramp: Ramp) -> Self {
        Self { evens: Vec::new(), end_ns: ramp.end_ns(), base: Base::Ramp(ramp) }
    }

    pub(super) fn poisson(poisson: Poisson) -> Self {
        Self { evens: Vec::new(), end_ns: poisson.duration_ns(), base: Base::Poisson(poisson) }
    }

    /// The intended start of event `k` (from 0); None from the end of the profile on. Fastest when asked in order.
    #[must_use]
    pub fn start_of(&mut self, k: u64) -> Option<i64> {
        let even = self.evens.iter().rev().find(|even| even.first <= k);
        let ns = match (even, &mut self.base) {
            (Some(even), _) => even.start_of(k),
            (None, Base::Ramp(ramp)) => ramp.start_of(k),
            (None, Base::Poisson(poisson)) => poisson.start_of(k),
            (None, Base::Even) => None,
        };
        ns.filter(|&ns| ns < self.end_ns)
    }

    /// From `at_ns` on, events come at `rate` (a fraction per second, above zero) until the end. Changes come in the order of their times.
    ///
    /// The first event after a change keeps the number that it would have had without it, and is at `at_ns`; random arrivals go on drawing.
    ///
    /// # Errors
    /// When the rate cannot be kept exactly.
    pub fn set_rate(&mut self, at_ns: i64, rate: (u64, u64)) -> Result<(), Unrepresentable> {
        let first = match (self.evens.last(), &mut self.base) {
            (_, Base::Poisson(poisson)) => return poisson.set_rate(at_ns, rate),
            (Some(even), _) => even.count_before(at_ns),
            (None, Base::Ramp(ramp)) => count(|k| ramp.start_of(k).is_some_and(|ns| ns < at_ns)),
            (None, Base::Even) => 0,
        };
        self.evens.push(Even { from_ns: at_ns, first, rate });
        Ok(())
    }

    pub(super) fn end_ns(&self) -> i64 {
        self.end_ns
    }
}

impl Even {
    fn start_of(&self, k: u64) -> Option<i64> {
        let elapsed = u128::from(k.checked_sub(self.first)?) * u128::from(SECOND.unsigned_abs());
        let ns = elapsed.checked_mul(self.rate.1.into())?.checked_div(self.rate.0.into())?;
        self.from_ns.checked_add(i64::try_from(ns).ok()?)
    }

    /// How many events of the whole profile are before `ns`, which is not before this rate.
    fn count_before(&self, ns: i64) -> u64 {
        let (elapsed, second) = (u128::from(ns.abs_diff(self.from_ns)), u128::from(SECOND.unsigned_abs()));
        let own = (elapsed * u128::from(self.rate.0)).div_ceil(second * u128::from(self.rate.1));
        self.first.saturating_add(u64::try_from(own).unwrap_or(u64::MAX))
    }
}

/// How many numbers from 0 on are in a set that holds all numbers below some bound.
fn count(is_in: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (0, 1_u64);
    while high < u64::MAX && is_in(high - 1) {
        (low, high) = (high, high.saturating_mul(2));
    }
    while low < high {
        let middle = low + (high - low) / 2;
        (low, high) = if is_in(middle) { (middle + 1, high) } else { (low, middle) };
    }
    low
}

/// The events of an open profile that belong to one share, in order.
#[derive(Debug, Clone)]
pub struct Starts {
    arrivals: Arrivals,
    share: Share,
    taken: u64,
    head: Option<i64>,
}

impl Starts {
    /// The events of `arrivals` that are in `share`.
    #[must_use]
    pub fn new(mut arrivals: Arrivals, share: Share) -> Self {
        let head = arrivals.start_of(share.number(0));
        Self { arrivals, share, taken: 0, head }
    }

    /// The next event's intended start; None after the last one.
    #[must_use]
    pub fn head(&self) -> Option<i64> {
        self.head
    }

    /// Changes the rate of the whole profile, see [`Arrivals::set_rate`].
    ///
    /// # Errors
    /// When the rate cannot be kept exactly.
    pub fn set_rate(&mut self, at_ns: i64, rate: (u64, u64)) -> Result<(), Unrepresentable> {
        self.arrivals.set_rate(at_ns, rate)?;
        self.head = self.arrivals.start_of(self.share.number(self.taken));
        Ok(())
    }
}

impl Iterator for Starts {
    /// The event's number in the whole profile (from 0), and its intended start.
    type Item = (u64, i64);

    fn next(&mut self) -> Option<Self::Item> {
        let event = (self.share.number(self.taken), self.head?);
        self.taken += 1;
        self.head = self.arrivals.start_of(self.share.number(self.taken));
        Some(event)
    }
}
